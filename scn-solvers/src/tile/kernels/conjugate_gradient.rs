//! Conjugate gradients on `H_LL d = r` for a tile, each column with its own active set L.
//!
//! All vectors are tiles with one row per padded atom. A mask of zeros and ones keeps them zero
//! outside the active sets. The preconditioner is the diagonal of `H`.

use super::product::{load_rows, subtract_product, with_registers};
use crate::tile::{Kernel, Lanes, PANEL, Panels, Real};

/// `q = H p`, and `p'q` of each column.
pub struct Curvature<'a, T> {
    pub gram: &'a Panels<T>,
    pub direction: &'a [T],
    pub product: &'a mut [T],
    /// One entry per column of the tile.
    pub curvature: &'a mut [T],
}

impl<T: Real> Kernel<T> for Curvature<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        with_registers!(self, lanes, T, L);
    }
}

impl<T: Real> Curvature<'_, T> {
    #[inline(always)]
    fn run_with<L: Lanes<T>>(self, lanes: L, registers: usize) {
        let zero = lanes.splat(T::ZERO);
        let direction = L::vectors(self.direction);
        let product = L::vectors_mut(self.product);
        let curvature = L::vectors_mut(self.curvature);
        curvature.fill(zero);
        for (index, panel) in self.gram.panels().enumerate() {
            for group in (0..registers).step_by(L::GROUP) {
                let at = index * PANEL * registers + group;
                let own = load_rows::<T, L>(lanes, &direction[at..], registers);
                let mut sums = [[zero; super::product::LARGEST_GROUP]; PANEL];
                subtract_product::<T, L>(lanes, panel, direction, registers, group, &mut sums);
                for r in 0..PANEL {
                    let row = &mut product[at + r * registers..at + r * registers + L::GROUP];
                    for v in 0..L::GROUP {
                        row[v] = lanes.sub(zero, sums[r][v]);
                        let sum = &mut curvature[group + v];
                        *sum = lanes.mul_add(own[r][v], row[v], *sum);
                    }
                }
            }
        }
    }
}

/// `d += α p` and `r -= α q` on the mask, with α per column; also `r' diag(H)^-1 r` and `max |r|`
/// of each column.
pub struct Advance<'a, T> {
    pub inverse_diagonal: &'a [T],
    pub mask: &'a [T],
    pub step: &'a [T],
    pub direction: &'a [T],
    pub product: &'a [T],
    pub solution: &'a mut [T],
    pub remainder: &'a mut [T],
    /// One entry per column of the tile.
    pub square: &'a mut [T],
    /// One entry per column of the tile.
    pub largest: &'a mut [T],
}

impl<T: Real> Kernel<T> for Advance<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let registers = T::tile() / L::COUNT;
        let zero = lanes.splat(T::ZERO);
        let step = L::vectors(self.step);
        let square = L::vectors_mut(self.square);
        let largest = L::vectors_mut(self.largest);
        square.fill(zero);
        largest.fill(zero);
        let rows = L::vectors(self.mask)
            .chunks_exact(registers)
            .zip(L::vectors(self.direction).chunks_exact(registers))
            .zip(L::vectors(self.product).chunks_exact(registers))
            .zip(L::vectors_mut(self.solution).chunks_exact_mut(registers))
            .zip(L::vectors_mut(self.remainder).chunks_exact_mut(registers))
            .zip(self.inverse_diagonal);
        for (((((mask, direction), product), solution), remainder), &inverse) in rows {
            let inverse = lanes.splat(inverse);
            for v in 0..registers {
                solution[v] = lanes.mul_add(step[v], direction[v], solution[v]);
                let change = lanes.mul(step[v], lanes.mul(mask[v], product[v]));
                let left = lanes.sub(remainder[v], change);
                remainder[v] = left;
                square[v] = lanes.mul_add(lanes.mul(left, inverse), left, square[v]);
                largest[v] = lanes.max(largest[v], lanes.abs(left));
            }
        }
    }
}

/// `p = r / diag(H) + β p`, with β per column.
pub struct Turn<'a, T> {
    pub inverse_diagonal: &'a [T],
    pub weight: &'a [T],
    pub remainder: &'a [T],
    pub direction: &'a mut [T],
}

impl<T: Real> Kernel<T> for Turn<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let registers = T::tile() / L::COUNT;
        let weight = L::vectors(self.weight);
        let rows = L::vectors(self.remainder)
            .chunks_exact(registers)
            .zip(L::vectors_mut(self.direction).chunks_exact_mut(registers))
            .zip(self.inverse_diagonal);
        for ((remainder, direction), &inverse) in rows {
            let inverse = lanes.splat(inverse);
            for v in 0..registers {
                let scaled = lanes.mul(remainder[v], inverse);
                direction[v] = lanes.mul_add(weight[v], direction[v], scaled);
            }
        }
    }
}

/// `max |r - H d|` on the mask, per column.
pub struct MaskedResidual<'a, T> {
    pub gram: &'a Panels<T>,
    pub mask: &'a [T],
    pub right_side: &'a [T],
    pub solution: &'a [T],
    /// One entry per column of the tile.
    pub largest: &'a mut [T],
    /// One entry per column of the tile: 0, or NaN if an intermediate number was not finite (a
    /// maximum may lose a NaN).
    pub not_finite: &'a mut [T],
}

impl<T: Real> Kernel<T> for MaskedResidual<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        with_registers!(self, lanes, T, L);
    }
}

impl<T: Real> MaskedResidual<'_, T> {
    #[inline(always)]
    fn run_with<L: Lanes<T>>(self, lanes: L, registers: usize) {
        let zero = lanes.splat(T::ZERO);
        let (mask, right_side) = (L::vectors(self.mask), L::vectors(self.right_side));
        let solution = L::vectors(self.solution);
        let largest = L::vectors_mut(self.largest);
        let not_finite = L::vectors_mut(self.not_finite);
        largest.fill(zero);
        not_finite.fill(zero);
        for (index, panel) in self.gram.panels().enumerate() {
            for group in (0..registers).step_by(L::GROUP) {
                let at = index * PANEL * registers + group;
                let mut left = load_rows::<T, L>(lanes, &right_side[at..], registers);
                subtract_product::<T, L>(lanes, panel, solution, registers, group, &mut left);
                for r in 0..PANEL {
                    let mask = &mask[at + r * registers..at + r * registers + L::GROUP];
                    for v in 0..L::GROUP {
                        let left = lanes.mul(mask[v], left[r][v]);
                        let (largest, not_finite) =
                            (&mut largest[group + v], &mut not_finite[group + v]);
                        *largest = lanes.max(lanes.abs(left), *largest);
                        *not_finite = lanes.mul_add(left, zero, *not_finite);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{assert_close, at, dirty, tile};
    use super::*;
    use crate::synthetic::normal_matrix;
    use crate::tile::InstructionSet;
    use crate::tile::Scalar;
    use crate::tile::padded;

    const ATOMS: usize = 7;

    /// Padding rows are zero, as in every tile.
    fn random<T: Scalar>(seed: u64) -> Vec<T> {
        let mut tile = tile::<T>(padded(ATOMS), seed);
        tile[ATOMS * T::tile()..].fill(T::ZERO);
        tile
    }

    /// Tests each kernel against its formula in f64. Each number undergoes at most n + 4 roundings,
    /// each relative to at most the sum of the absolute values of the inputs.
    fn are_the_formulas<T: Scalar>() {
        let gram = normal_matrix::<T>(ATOMS, ATOMS, 1);
        let panels = Panels::pack(gram.as_ref(), padded(ATOMS));
        let (direction, remainder, solution) = (random::<T>(2), random::<T>(3), random::<T>(4));
        let mask: Vec<T> = random::<T>(5)
            .iter()
            .map(|&value| if value > T::ZERO { T::ONE } else { T::ZERO })
            .collect();
        let per_column = tile::<T>(1, 6);
        let mut inverse: Vec<T> = (1..=ATOMS).map(|j| T::from_f64(1.0 / j as f64)).collect();
        inverse.resize(padded(ATOMS), T::ZERO);
        let roundings = (ATOMS + 4) as f64 * T::EPSILON.to_f64();
        for set in InstructionSet::available() {
            let (mut product, mut curvature) = (dirty::<T>(padded(ATOMS)), dirty::<T>(1));
            let kernel = Curvature {
                gram: &panels,
                direction: &direction,
                product: &mut product,
                curvature: &mut curvature,
            };
            T::run_on(set, kernel);
            let (mut moved, mut left, mut turned) =
                (solution.clone(), remainder.clone(), direction.clone());
            let (mut square, mut largest) = (dirty::<T>(1), dirty::<T>(1));
            let kernel = Advance {
                inverse_diagonal: &inverse,
                mask: &mask,
                step: &per_column,
                direction: &direction,
                product: &product,
                solution: &mut moved,
                remainder: &mut left,
                square: &mut square,
                largest: &mut largest,
            };
            T::run_on(set, kernel);
            let kernel = Turn {
                inverse_diagonal: &inverse,
                weight: &per_column,
                remainder: &remainder,
                direction: &mut turned,
            };
            T::run_on(set, kernel);

            for k in 0..T::tile() {
                let factor = at(&per_column, 0, k);
                let (mut bend, mut bend_size) = (0.0, 0.0);
                let (mut rest, mut rest_size, mut most) = (0.0_f64, 0.0_f64, 0.0_f64);
                for j in 0..ATOMS {
                    let terms = (0..ATOMS).map(|i| gram[(j, i)].to_f64() * at(&direction, i, k));
                    let size: f64 = terms.clone().map(f64::abs).sum();
                    let q: f64 = terms.sum();
                    assert_close(at(&product, j, k), q, roundings * size, "H p");
                    let p = at(&direction, j, k);
                    bend += p * q;
                    bend_size += 2.0 * p.abs() * size;
                    let d = at(&solution, j, k) + factor * p;
                    let size = at(&solution, j, k).abs() + (factor * p).abs();
                    assert_close(at(&moved, j, k), d, roundings * size, "d");
                    let own = at(&product, j, k) * at(&mask, j, k);
                    let r = at(&remainder, j, k) - factor * own;
                    let size = at(&remainder, j, k).abs() + (factor * own).abs();
                    assert_close(at(&left, j, k), r, roundings * size, "r");
                    rest += r * r * inverse[j].to_f64();
                    rest_size += 4.0 * size * size;
                    most = most.max(at(&left, j, k).abs());
                    let scaled = at(&remainder, j, k) * inverse[j].to_f64();
                    let size = scaled.abs() + (factor * p).abs();
                    assert_close(
                        at(&turned, j, k),
                        scaled + factor * p,
                        roundings * size,
                        "p",
                    );
                }
                assert_close(at(&curvature, 0, k), bend, roundings * bend_size, "p'q");
                assert_close(at(&square, 0, k), rest, roundings * rest_size, "r'r");
                assert_eq!(at(&largest, 0, k), most);
            }
            for tile in [&product, &moved, &left, &turned] {
                assert!(
                    tile[ATOMS * T::tile()..]
                        .iter()
                        .all(|&entry| entry == T::ZERO)
                );
            }
        }
    }

    #[test]
    fn kernels_are_the_formulas() {
        are_the_formulas::<f32>();
        are_the_formulas::<f64>();
    }
}
