//! Combinations of atoms, added to columns that are stored one after the other.
//!
//! The loop is that of [correlations](super::correlate) with the dictionary transposed: a column of
//! Y takes the place of a signal, and the rows of the dictionary that of atoms.

use super::correlate::add_sum;
use super::product::{LARGEST_GROUP, add_vectors, with_blocks};
use crate::tile::atom_groups::{AtomGroups, LARGEST_WIDTH};
use crate::tile::prefetch::{line_numbers, prefetch_rows};
use crate::tile::{Kernel, Lanes, Real};

/// `columns += D Y`.
pub struct AddCombinations<'a, 'c, T> {
    /// `D'`
    pub rows: &'a AtomGroups<T>,
    /// Y in groups of `width` of its rows, as in [`AddOuter`](super::AddOuter).
    pub groups: &'a [T],
    pub width: usize,
    /// At most a tile's columns, each with an entry for every row of D.
    pub columns: &'a mut [&'c mut [T]],
}

impl<T: Real> Kernel<T> for AddCombinations<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        with_blocks!(self, lanes, self.rows.width, L)
    }
}

impl<T: Real> AddCombinations<'_, '_, T> {
    #[inline(always)]
    fn run_with<L: Lanes<T>, const VECTORS: usize, const COLUMNS: usize>(self, lanes: L) {
        let Some(last) = self.columns.len().checked_sub(1) else {
            return;
        };
        let (atoms, width) = (self.rows.rows, VECTORS * L::COUNT);
        for (index, matrix) in self.rows.groups().enumerate() {
            let first_row = index * width;
            let rows = width.min(self.rows.atoms - first_row);
            for first in (0..=last).step_by(COLUMNS) {
                // Prefetch the next columns to add to.
                let (next, next_row) = if first + COLUMNS <= last {
                    (first + COLUMNS, first_row)
                } else {
                    (0, first_row + width)
                };
                for column in self.columns.iter().skip(next).take(COLUMNS) {
                    for row in (next_row..next_row + width).step_by(line_numbers::<T>()) {
                        prefetch_rows(column, row);
                    }
                }
                let mut total = [[lanes.splat(T::ZERO); VECTORS]; COLUMNS];
                let parts = self.groups.chunks_exact(T::tile() * self.width);
                for (part, y) in parts.enumerate() {
                    let start = part * self.width;
                    let count = self.width.min(atoms - start);
                    let mut values: [&[T]; COLUMNS] = [&[]; COLUMNS];
                    for k in 0..COLUMNS {
                        values[k] = &y[(first + k).min(last) * self.width..][..count];
                    }
                    let matrix = &matrix[start * width..(start + count) * width];
                    add_sum::<T, L, VECTORS, COLUMNS>(lanes, matrix, values, &mut total);
                }
                for (column, total) in self.columns[first..].iter_mut().zip(&total) {
                    let column = &mut column[first_row..first_row + rows];
                    if rows == width {
                        add_vectors::<T, L>(lanes, total, column);
                    } else {
                        let mut numbers = [T::ZERO; LARGEST_WIDTH];
                        L::vectors_mut(&mut numbers[..width]).copy_from_slice(total);
                        for (entry, &number) in column.iter_mut().zip(&numbers) {
                            *entry += number;
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{assert_close, at, tile};
    use super::*;
    use crate::synthetic::normal_matrix;
    use crate::tile::Grouped;
    use crate::tile::InstructionSet;
    use crate::tile::Scalar;

    /// Tests every remainder of rows, atoms and columns against sums in f64, and that nothing else
    /// is written.
    ///
    /// A sum of k products and one more number is off by at most `(k + 1) ε` times the sum of their
    /// absolute values.
    fn agrees_with_sums_in_f64<T: Scalar>() {
        for (rows, atoms) in [(1, 1), (16, 5), (27, 16), (33, 40), (48, 64), (97, 17)] {
            let dictionary = normal_matrix::<T>(rows, atoms, 1);
            let turned = AtomGroups::pack(dictionary.transpose());
            let y = tile::<T>(atoms, 2);
            let mut grouped = Grouped::new();
            grouped.load(&y, atoms);
            for count in [1, 4, T::tile() - 1, T::tile()] {
                for set in InstructionSet::available() {
                    let mut columns = vec![vec![T::ONE; rows + 2]; count];
                    let mut slices: Vec<&mut [T]> =
                        columns.iter_mut().map(Vec::as_mut_slice).collect();
                    let (groups, width) = grouped.parts();
                    T::run_on(
                        set,
                        AddCombinations {
                            rows: &turned,
                            groups,
                            width,
                            columns: &mut slices,
                        },
                    );
                    for (k, column) in columns.iter().enumerate() {
                        assert!(column[rows..] == [T::ONE; 2]);
                        for i in 0..rows {
                            let terms =
                                (0..atoms).map(|j| dictionary[(i, j)].to_f64() * at(&y, j, k));
                            let (value, size) = terms
                                .fold((1.0, 1.0), |(sum, size), t: f64| (sum + t, size + t.abs()));
                            let bound = (atoms + 1) as f64 * T::EPSILON.to_f64() * size;
                            assert_close(column[i].to_f64(), value, bound, "combination");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn combinations_agree_with_sums_in_f64() {
        agrees_with_sums_in_f64::<f32>();
        agrees_with_sums_in_f64::<f64>();
    }
}
