//! The entry-by-entry parts of a step on the active set, without the products with `H`.

use crate::tile::{Kernel, Lanes, Real};

/// `values = from - values`
pub struct SubtractFrom<'a, T> {
    pub from: &'a [T],
    pub values: &'a mut [T],
}

impl<T: Real> Kernel<T> for SubtractFrom<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, _: L) {
        for (value, &from) in self.values.iter_mut().zip(self.from) {
            *value = from - *value;
        }
    }
}

/// The right side `c - λ1 s - H a` on the active set (0 elsewhere), and the mask of the set.
pub struct ActiveRightSide<'a, T> {
    /// λ1 per atom, padded with zeros.
    pub lambda1: &'a [T],
    pub codes: &'a [T],
    /// `c - H a`
    pub descent: &'a [T],
    pub right_side: &'a mut [T],
    /// 1 on the active set, 0 elsewhere.
    pub mask: &'a mut [T],
}

impl<T: Real> Kernel<T> for ActiveRightSide<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, _: L) {
        let width = T::tile();
        let rows = self
            .codes
            .chunks_exact(width)
            .zip(self.descent.chunks_exact(width))
            .zip(self.right_side.chunks_exact_mut(width))
            .zip(self.lambda1);
        for (((codes, descent), right_side), &lambda1) in rows {
            for k in 0..width {
                right_side[k] = toward_minimum(codes[k], descent[k], lambda1);
            }
        }
        for (&code, mask) in self.codes.iter().zip(self.mask) {
            *mask = if code != T::ZERO { T::ONE } else { T::ZERO };
        }
    }
}

#[inline(always)]
fn toward_minimum<T: Real>(code: T, descent: T, lambda1: T) -> T {
    if code > T::ZERO {
        descent - lambda1
    } else if code < T::ZERO {
        descent + lambda1
    } else {
        T::ZERO
    }
}

/// Clips steps that would change the sign of a code. Returns whether there were any.
pub struct ClipSteps<'a, T> {
    pub codes: &'a [T],
    pub steps: &'a [T],
    pub clipped: &'a mut [T],
}

impl<T: Real> Kernel<T> for ClipSteps<'_, T> {
    type Output = bool;

    #[inline(always)]
    fn run<L: Lanes<T>>(self, _: L) -> bool {
        let mut any = false;
        let entries = self.codes.iter().zip(self.steps).zip(self.clipped);
        for ((&code, &step), clipped) in entries {
            let crosses = (code + step) * code < T::ZERO;
            any |= crosses;
            *clipped = if crosses { -code } else { step };
        }
        any
    }
}

/// Adds the steps to the codes, and replaces each step by the actual change after rounding.
pub struct TakeSteps<'a, T> {
    pub codes: &'a mut [T],
    pub steps: &'a mut [T],
}

impl<T: Real> Kernel<T> for TakeSteps<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, _: L) {
        for (code, step) in self.codes.iter_mut().zip(self.steps) {
            let from = *code;
            *code += *step;
            *step = *code - from;
        }
    }
}

/// Whether `H_jj |d_j|` is at most `largest` times the scale of the column, for all entries.
pub struct StepsAreSmall<'a, T> {
    pub diagonal: &'a [T],
    pub steps: &'a [T],
    pub largest: T,
    /// One entry per column.
    pub scale: &'a [T],
}

impl<T: Real> Kernel<T> for StepsAreSmall<'_, T> {
    type Output = bool;

    #[inline(always)]
    fn run<L: Lanes<T>>(self, _: L) -> bool {
        let rows = self.steps.chunks_exact(T::tile());
        rows.zip(self.diagonal).all(|(row, &diagonal)| {
            // No early exit, so that it compiles to a few vector operations.
            row.iter()
                .zip(self.scale)
                .fold(true, |all, (&step, &scale)| {
                    all & (diagonal * step.magnitude() <= self.largest * scale)
                })
        })
    }
}
