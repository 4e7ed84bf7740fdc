//! `out = A Y` for one tile of columns.

use super::{Kernel, Lanes};
use crate::Scalar;
use crate::tile::{PANEL, Panels, VECTOR_GROUP};

/// `out = A Y`, with `A` in [`Panels`], `Y` with one tile row per column of `A`, and `out` with one tile row per padded
/// row of `A`.
///
/// Four rows by three registers are accumulated at a time: twelve independent sums hide the latency of the
/// multiply-add, and each register of `Y` loaded is used four times.
pub(crate) struct Product<'a, T> {
    pub(crate) matrix: &'a Panels<T>,
    pub(crate) y: &'a [T],
    pub(crate) out: &'a mut [T],
}

impl<T: Scalar> Kernel<T> for Product<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let registers = T::TILE / L::COUNT;
        let y = L::vectors(self.y);
        let out = L::vectors_mut(self.out).chunks_exact_mut(PANEL * registers);
        for (panel, out) in self.matrix.panels().zip(out) {
            for group in (0..registers).step_by(VECTOR_GROUP) {
                let mut sums = [[lanes.splat(T::ZERO); VECTOR_GROUP]; PANEL];
                for (weights, y) in panel.chunks_exact(PANEL).zip(y.chunks_exact(registers)) {
                    let y = &y[group..group + VECTOR_GROUP];
                    for r in 0..PANEL {
                        let weight = lanes.splat(weights[r]);
                        for v in 0..VECTOR_GROUP {
                            sums[r][v] = lanes.mul_add(weight, y[v], sums[r][v]);
                        }
                    }
                }
                for r in 0..PANEL {
                    let at = r * registers + group;
                    out[at..at + VECTOR_GROUP].copy_from_slice(&sums[r]);
                }
            }
        }
    }
}
