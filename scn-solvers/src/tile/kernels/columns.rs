//! Kernels of certificates that work on tile rows, with one number per column.

use faer::traits::math_utils::sqrt;

use crate::tile::{Kernel, Lanes, Real};

/// Whether `residual + rounding` is within the tolerance in all columns. A NaN counts as within it.
pub struct AllWithin<'a, T> {
    pub residual: &'a [T],
    pub rounding: &'a [T],
    pub tolerance: T,
}

impl<T: Real> Kernel<T> for AllWithin<'_, T> {
    type Output = bool;

    #[inline(always)]
    fn run<L: Lanes<T>>(self, _: L) -> bool {
        let residuals = self.residual.iter().zip(self.rounding);
        // No early exit, so that it compiles to a few vector operations.
        residuals.fold(true, |all, (&residual, &rounding)| {
            all & !(residual + rounding > self.tolerance)
        })
    }
}

/// Whether all numbers are finite and at least `least`.
pub struct AllInRange<'a, T> {
    pub values: &'a [T],
    pub least: T,
}

impl<T: Real> Kernel<T> for AllInRange<'_, T> {
    type Output = bool;

    #[inline(always)]
    fn run<L: Lanes<T>>(self, _: L) -> bool {
        let in_range = |value: T| value.finite() & (value >= self.least);
        // No early exit, so that it compiles to a few vector operations.
        self.values
            .iter()
            .fold(true, |all, &value| all & in_range(value))
    }
}

/// Replaces every number by its square root.
pub struct SquareRoots<'a, T>(pub &'a mut [T]);

impl<T: Real> Kernel<T> for SquareRoots<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, _: L) {
        for value in self.0 {
            *value = sqrt(value);
        }
    }
}

/// The coefficients of a rounding bound: of the scale, `|a|_1`, the largest `√H_jj |a_j|`, `||x||`
/// and 1.
#[derive(Clone, Copy)]
pub struct RoundingWeights<T> {
    pub scale: T,
    pub sum: T,
    pub largest: T,
    pub signal: T,
    pub fixed: T,
}

/// Writes the rounding bound of each column, relative to its scale, to `rounding`, or adds it
/// there.
pub struct BoundRounding<'a, T> {
    pub weights: RoundingWeights<T>,
    /// Whether the bound replaces the contents of `rounding` instead of being added.
    pub replace: bool,
    pub scale: &'a [T],
    pub code_sum: &'a [T],
    pub largest_code: &'a [T],
    pub signal_norms: &'a [T],
    pub rounding: &'a mut [T],
}

impl<T: Real> Kernel<T> for BoundRounding<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, _: L) {
        let weights = self.weights;
        let columns = self
            .rounding
            .iter_mut()
            .zip(self.scale)
            .zip(self.code_sum)
            .zip(self.largest_code)
            .zip(self.signal_norms);
        for ((((rounding, &scale), &sum), &largest), &signal) in columns {
            let parts = weights.sum * sum
                + weights.largest * largest
                + weights.signal * signal
                + weights.fixed;
            let before = if self.replace { T::ZERO } else { *rounding };
            *rounding = before + weights.scale + parts / scale;
        }
    }
}
