//! The proximal map of `λ1 |.|`, and of `a >= 0`.

use crate::tile::{Kernel, Lanes, Real};

/// Returns `max(v - θ, 0)`, or `sign(v) max(|v| - θ, 0)` for signed codes.
#[inline(always)]
pub(crate) fn shrink<T: Real>(v: T, threshold: T, signed: bool) -> T {
    if v > threshold {
        v - threshold
    } else if signed && v < -threshold {
        v + threshold
    } else {
        T::ZERO
    }
}

/// `codes = prox(first + second; θ)`, with a threshold for each row.
pub struct ShrinkSum<'a, T> {
    pub signed: bool,
    pub thresholds: &'a [T],
    pub first: &'a [T],
    pub second: &'a [T],
    pub codes: &'a mut [T],
}

impl<T: Real> Kernel<T> for ShrinkSum<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, _: L) {
        let width = T::tile();
        let rows = self
            .codes
            .chunks_exact_mut(width)
            .zip(self.first.chunks_exact(width))
            .zip(self.second.chunks_exact(width))
            .zip(self.thresholds);
        for (((codes, first), second), &threshold) in rows {
            for k in 0..width {
                codes[k] = shrink(first[k] + second[k], threshold, self.signed);
            }
        }
    }
}
