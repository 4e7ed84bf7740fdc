//! The sizes of columns: sums of absolute values and sums of squares.

use crate::tile::{Kernel, Lanes, Real};

/// The number of independent partial sums, which need not wait for each other.
const APART: usize = 4;

/// The size of the codes of each column: `sum_j w_j |a_j|` and `max_j w_j |a_j|`.
pub struct CodeSizes<'a, T> {
    /// w, padded.
    pub weights: &'a [T],
    /// Padded to whole groups of rows.
    pub codes: &'a [T],
    pub sum: &'a mut [T],
    pub largest: &'a mut [T],
}

impl<T: Real> Kernel<T> for CodeSizes<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let registers = T::tile() / L::COUNT;
        let codes = L::vectors(self.codes);
        let zero = lanes.splat(T::ZERO);
        let sums = L::vectors_mut(self.sum).iter_mut();
        let columns = sums.zip(L::vectors_mut(self.largest)).take(registers);
        for (register, (sum, largest)) in columns.enumerate() {
            let (mut sums, mut most) = ([zero; APART], [zero; APART]);
            let groups = codes.chunks_exact(APART * registers);
            for (rows, weights) in groups.zip(self.weights.chunks_exact(APART)) {
                for row in 0..APART {
                    let code = lanes.abs(rows[row * registers + register]);
                    let size = lanes.mul(lanes.splat(weights[row]), code);
                    sums[row] = lanes.add(sums[row], size);
                    most[row] = lanes.max(most[row], size);
                }
            }
            *sum = lanes.add(lanes.add(sums[0], sums[1]), lanes.add(sums[2], sums[3]));
            *largest = lanes.max(lanes.max(most[0], most[1]), lanes.max(most[2], most[3]));
        }
    }
}

/// The sum of squares of each column of a tile, which may have any number of rows.
pub struct ColumnSquares<'a, T> {
    pub tile: &'a [T],
    pub squares: &'a mut [T],
}

impl<T: Real> Kernel<T> for ColumnSquares<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let registers = T::tile() / L::COUNT;
        let tile = L::vectors(self.tile);
        let zero = lanes.splat(T::ZERO);
        let columns = L::vectors_mut(self.squares).iter_mut().take(registers);
        for (register, square) in columns.enumerate() {
            let mut sums = [zero; APART];
            let mut groups = tile.chunks_exact(APART * registers);
            for rows in &mut groups {
                for row in 0..APART {
                    let value = rows[row * registers + register];
                    sums[row] = lanes.mul_add(value, value, sums[row]);
                }
            }
            for row in groups.remainder().chunks_exact(registers) {
                sums[0] = lanes.mul_add(row[register], row[register], sums[0]);
            }
            *square = lanes.add(lanes.add(sums[0], sums[1]), lanes.add(sums[2], sums[3]));
        }
    }
}

/// Upper bounds on the squared norms of contiguous columns, which may share a bound.
///
/// A bound is the largest sum of squares of a lane, times the number of lanes. Up to one register
/// of each column is counted twice.
pub struct NormBounds<'a, T> {
    pub columns: &'a [&'a [T]],
    /// The number of columns that share a bound.
    pub together: usize,
    /// One entry per column: the square of its bound.
    pub squares: &'a mut [T],
}

impl<T: Real> Kernel<T> for NormBounds<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let add = |values: L::Vector, sum: L::Vector| lanes.mul_add(values, values, sum);
        let zero = lanes.splat(T::ZERO);
        let groups = self.columns.chunks(self.together);
        for (columns, squares) in groups.zip(self.squares.chunks_mut(self.together)) {
            // Separate variables, so that they stay in registers.
            let (mut a, mut b, mut c, mut d) = (zero, zero, zero, zero);
            let mut single = T::ZERO;
            for column in columns {
                let mut fours = L::vectors(column).chunks_exact(4);
                for four in &mut fours {
                    a = add(four[0], a);
                    b = add(four[1], b);
                    c = add(four[2], c);
                    d = add(four[3], d);
                }
                for &values in fours.remainder() {
                    b = add(values, b);
                }
                if column.len().is_multiple_of(L::COUNT) {
                    continue;
                }
                match column.len().checked_sub(L::COUNT) {
                    Some(first) => {
                        if let Some(&values) = L::vectors(&column[first..]).first() {
                            c = add(values, c);
                        }
                    }
                    None => column.iter().for_each(|&value| single += value * value),
                }
            }
            let largest = lanes.largest(lanes.add(lanes.add(a, b), lanes.add(c, d)));
            squares.fill(largest * T::from_f64(L::COUNT as f64) + single);
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

    /// Returns a weight for each atom, padded with zeros.
    fn positive<T: Scalar>() -> Vec<T> {
        let column = normal_matrix::<T>(ATOMS, 1, 1);
        let mut values: Vec<T> = column.col(0).iter().map(|v| v.magnitude()).collect();
        values.resize(padded(ATOMS), T::ZERO);
        values
    }

    /// Tests sums of up to `ATOMS` products, each rounded once and added once.
    fn code_sizes<T: Scalar>() {
        let (weights, codes) = (positive::<T>(), tile::<T>(padded(ATOMS), 4));
        for set in InstructionSet::available() {
            let (mut sum, mut largest) = (dirty::<T>(1), dirty::<T>(1));
            let kernel = CodeSizes {
                weights: &weights,
                codes: &codes,
                sum: &mut sum,
                largest: &mut largest,
            };
            T::run_on(set, kernel);
            for k in 0..T::tile() {
                let sizes = (0..ATOMS).map(|j| weights[j].to_f64() * at(&codes, j, k).abs());
                let expected = sizes.clone().sum::<f64>();
                let bound = (ATOMS + 1) as f64 * T::EPSILON.to_f64() * expected;
                assert_close(at(&sum, 0, k), expected, bound, "sum");
                let most = sizes.fold(0.0, f64::max);
                assert_close(
                    at(&largest, 0, k),
                    most,
                    T::EPSILON.to_f64() * most,
                    "largest",
                );
            }
        }
    }

    /// Tests sums of `rows` squares, each rounded once and added once.
    fn column_squares<T: Scalar>() {
        for rows in [1, 4, 7, 100] {
            let values = tile::<T>(rows, 5);
            for set in InstructionSet::available() {
                let mut squares = dirty::<T>(1);
                let kernel = ColumnSquares {
                    tile: &values,
                    squares: &mut squares,
                };
                T::run_on(set, kernel);
                for k in 0..T::tile() {
                    let exact: f64 = (0..rows).map(|i| at(&values, i, k).powi(2)).sum();
                    let bound = (rows + 1) as f64 * T::EPSILON.to_f64() * exact;
                    assert_close(at(&squares, 0, k), exact, bound, "squares");
                }
            }
        }
    }

    /// Tests that a bound is at least the sum of squares, and at most that times twice the width of
    /// a tile, as a number may count twice.
    fn norm_bounds<T: Scalar>() {
        for length in [1, 3, 8, 15, 16, 17, 100, 128, 1000] {
            let values = normal_matrix::<T>(length, 7, 7);
            let columns: Vec<&[T]> = (0..7).map(|k| values.col_as_slice(k)).collect();
            for (set, together) in InstructionSet::available()
                .into_iter()
                .zip([1, 3].repeat(4))
            {
                let mut squares = dirty::<T>(1);
                let kernel = NormBounds {
                    columns: &columns,
                    together,
                    squares: &mut squares,
                };
                T::run_on(set, kernel);
                for (k, found) in squares.iter().take(7).enumerate() {
                    let group = k / together * together;
                    let members = &columns[group..(group + together).min(7)];
                    let all = members.iter().flat_map(|column| column.iter());
                    let exact: f64 = all.map(|v| v.to_f64().powi(2)).sum();
                    let rounding = length as f64 * T::EPSILON.to_f64() * exact;
                    let lanes = (set.tile_bytes() / size_of::<T>()) as f64;
                    let found = found.to_f64();
                    assert!(found >= exact - rounding, "{length}, {k}: {found} {exact}");
                    assert!(
                        found <= 2.0 * lanes * exact,
                        "{length}, {k}: {found} {exact}"
                    );
                }
            }
        }
    }

    #[test]
    fn sizes_are_sums() {
        code_sizes::<f32>();
        code_sizes::<f64>();
        column_squares::<f32>();
        column_squares::<f64>();
        norm_bounds::<f32>();
        norm_bounds::<f64>();
    }
}
