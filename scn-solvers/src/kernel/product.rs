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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::check::{assert_close, at, dirty, tile};
    use crate::testing::normal_matrix;
    use crate::tile::padded;

    /// Every remainder of the panel, against a triple loop in f64. A sum of k products, fused or not, is wrong by at most
    /// `k ε` times the sum of their sizes (and higher powers of ε: one more k).
    fn agrees_with_a_triple_loop<T: Scalar>()
    where
        pulp::Scalar: Lanes<T>,
    {
        for (rows, columns) in [(1, 1), (2, 7), (3, 4), (4, 1), (5, 16), (8, 3), (9, 33)] {
            let a = normal_matrix::<T>(rows, columns, 1);
            // Panels may have more columns than the matrix, which meet the tile rows of padding.
            for extra in [0, 3] {
                let matrix = &Panels::pack(a.as_ref(), columns + extra);
                let y = &tile::<T>(columns + extra, 2);
                let run = |scalar: bool| {
                    let mut out = dirty::<T>(padded(rows) + PANEL);
                    let out_tile = &mut out[..padded(rows) * T::TILE];
                    let kernel = Product {
                        matrix,
                        y,
                        out: out_tile,
                    };
                    if scalar {
                        kernel.run(pulp::Scalar::new())
                    } else {
                        T::dispatch(kernel)
                    }
                    out
                };
                for out in [run(false), run(true)] {
                    for i in 0..padded(rows) + PANEL {
                        for k in 0..T::TILE {
                            let found = at(&out, i, k);
                            if i >= padded(rows) {
                                assert!(found.is_nan(), "written beyond the slice");
                                continue;
                            }
                            let entry = |j: usize| if i < rows { a[(i, j)].to_f64() } else { 0.0 };
                            let terms = (0..columns).map(|j| entry(j) * at(y, j, k));
                            let size: f64 = terms.clone().map(f64::abs).sum();
                            let bound = (columns + 1) as f64 * T::EPSILON.to_f64() * size;
                            assert_close(found, terms.sum(), bound, "product");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn product_agrees_with_a_triple_loop() {
        agrees_with_a_triple_loop::<f32>();
        agrees_with_a_triple_loop::<f64>();
    }
}
