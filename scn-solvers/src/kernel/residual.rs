//! The KKT residual of a tile, and the test for numbers that are not finite.

use super::{Kernel, Lanes};
use crate::Scalar;

/// Per column `max_j | H_jj a_j - prox(H_jj a_j - g_j) |`, with `g = H a - c` and the proximal map of `λ1 |.|` (and of
/// `a >= 0`): see [`kkt`](crate::kkt).
pub(crate) struct Residual<'a, T> {
    pub(crate) signed: bool,
    pub(crate) diagonal: &'a [T],
    pub(crate) lambda1: &'a [T],
    pub(crate) correlations: &'a [T],
    pub(crate) codes: &'a [T],
    /// `H a`
    pub(crate) gram_codes: &'a [T],
    /// One entry per column of the tile.
    pub(crate) residual: &'a mut [T],
}

impl<T: Scalar> Kernel<T> for Residual<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let registers = T::TILE / L::COUNT;
        let zero = lanes.splat(T::ZERO);
        let residual = L::vectors_mut(self.residual);
        residual.fill(zero);
        let rows = L::vectors(self.correlations)
            .chunks_exact(registers)
            .zip(L::vectors(self.codes).chunks_exact(registers))
            .zip(L::vectors(self.gram_codes).chunks_exact(registers))
            .zip(self.diagonal.iter().zip(self.lambda1));
        for (((correlations, codes), gram_codes), (&diagonal, &lambda1)) in rows {
            let diagonal = lanes.splat(diagonal);
            let lambda1 = lanes.splat(lambda1);
            for v in 0..registers {
                let gradient = lanes.sub(gram_codes[v], correlations[v]);
                let scaled = lanes.mul(diagonal, codes[v]);
                let free = lanes.sub(scaled, gradient);
                let mut prox = lanes.max(lanes.sub(free, lambda1), zero);
                if self.signed {
                    prox = lanes.add(prox, lanes.min(lanes.add(free, lambda1), zero));
                }
                residual[v] = lanes.max(residual[v], lanes.abs(lanes.sub(scaled, prox)));
            }
        }
    }
}

/// Per column `max_j |c_j|` and `sum_j |c_j|`. The sum carries a NaN or an infinity, which the maximum may lose.
pub(crate) struct Screen<'a, T> {
    pub(crate) values: &'a [T],
    pub(crate) largest: &'a mut [T],
    pub(crate) sum: &'a mut [T],
}

impl<T: Scalar> Kernel<T> for Screen<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let registers = T::TILE / L::COUNT;
        let largest = L::vectors_mut(self.largest);
        let sum = L::vectors_mut(self.sum);
        largest.fill(lanes.splat(T::ZERO));
        sum.fill(lanes.splat(T::ZERO));
        for row in L::vectors(self.values).chunks_exact(registers) {
            for v in 0..registers {
                let size = lanes.abs(row[v]);
                largest[v] = lanes.max(largest[v], size);
                sum[v] = lanes.add(sum[v], size);
            }
        }
    }
}
