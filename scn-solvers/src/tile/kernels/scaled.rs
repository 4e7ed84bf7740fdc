//! Scaling of tile rows before and after [`triangular`](super::triangular) solves.

use crate::tile::{Kernel, Lanes, Real};

/// `start` plus the solution `y + α t` after the last step, with the scaling undone.
pub struct AddSolution<'a, T> {
    pub scaling: &'a [T],
    pub step: &'a [T],
    pub upper: &'a [T],
    pub solution: &'a [T],
    pub start: &'a [T],
    pub out: &'a mut [T],
}

impl<T: Real> Kernel<T> for AddSolution<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, _: L) {
        let width = T::tile();
        let step = &self.step[..width];
        let rows = (self.out.chunks_exact_mut(width))
            .zip(self.start.chunks_exact(width))
            .zip(self.solution.chunks_exact(width))
            .zip(self.upper.chunks_exact(width))
            .zip(self.scaling);
        for ((((out, start), solution), upper), &scale) in rows {
            for k in 0..width {
                out[k] = start[k] + scale * (solution[k] + step[k] * upper[k]);
            }
        }
    }
}

/// `to = scale * from`, row by row.
pub struct ScaleRows<'a, T> {
    pub scaling: &'a [T],
    pub from: &'a [T],
    pub to: &'a mut [T],
}

impl<T: Real> Kernel<T> for ScaleRows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, _: L) {
        let width = T::tile();
        let rows = self
            .from
            .chunks_exact(width)
            .zip(self.to.chunks_exact_mut(width));
        for ((from, to), &scale) in rows.zip(self.scaling) {
            for (to, &value) in to.iter_mut().zip(from) {
                *to = scale * value;
            }
        }
    }
}
