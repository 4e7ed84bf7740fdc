//! Sums over the columns of a tile: `R Y'` for the rows R and Y of two tiles, or `X Y'` for columns
//! X stored one after the other.
//!
//! The loop is that of [correlations](super::correlate): a row of R takes the place of a signal,
//! and the numbers of Y in one column that of the atoms.

use super::correlate::add_sum;
use super::product::{LARGEST_GROUP, add_vectors, with_blocks};
use crate::tile::atom_groups::group_width;
use crate::tile::prefetch::{line_numbers, prefetch_rows};
use crate::tile::{Kernel, Lanes, Real};

/// `sums += R Y'`.
pub struct AddOuter<'a, T> {
    /// R, with one tile row per row.
    pub rows: &'a [T],
    /// Y in groups of `width` of its rows: entry (j, k) is at
    /// `(j / width * T::tile() + k) * width + j % width`.
    pub groups: &'a [T],
    pub width: usize,
    /// Row-major; the number of columns is the total number of rows in all groups.
    pub sums: &'a mut [T],
}

impl<T: Real> Kernel<T> for AddOuter<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        with_blocks!(self, lanes, self.width, L)
    }
}

impl<T: Real> AddOuter<'_, T> {
    #[inline(always)]
    fn run_with<L: Lanes<T>, const VECTORS: usize, const ROWS: usize>(self, lanes: L) {
        let (tile, width) = (T::tile(), VECTORS * L::COUNT);
        let groups = self.groups.len() / (tile * width);
        let Some(last) = (self.rows.len() / tile).checked_sub(1) else {
            return;
        };
        for first in (0..=last).step_by(ROWS) {
            // The last row takes the place of missing ones, which are not stored.
            let mut rows: [&[T]; ROWS] = [&[]; ROWS];
            for r in 0..ROWS {
                rows[r] = &self.rows[(first + r).min(last) * tile..][..tile];
            }
            for (index, group) in self.groups.chunks_exact(tile * width).enumerate() {
                let mut new = [[lanes.splat(T::ZERO); VECTORS]; ROWS];
                add_sum::<T, L, VECTORS, ROWS>(lanes, group, rows, &mut new);
                for (r, new) in new.iter().enumerate().take(last + 1 - first) {
                    let at = ((first + r) * groups + index) * width;
                    add_vectors::<T, L>(lanes, new, &mut self.sums[at..at + width]);
                }
            }
        }
    }
}

/// `sums += X Y'`, where the columns of X are stored one after the other and read in place.
pub struct AddOuterColumns<'a, T> {
    /// At most a tile's columns, each with at least `rows` entries.
    pub columns: &'a [&'a [T]],
    /// At least [`FEWEST_ROWS`].
    pub rows: usize,
    /// Same as in [`AddOuter`].
    pub groups: &'a [T],
    pub width: usize,
    pub sums: &'a mut [T],
}

/// The largest number of rows multiplied at a time. Shorter columns are copied to a tile instead.
pub(crate) const FEWEST_ROWS: usize = 12;

impl<T: Real> Kernel<T> for AddOuterColumns<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        if self.width / L::COUNT == 2 && L::GROUP == LARGEST_GROUP {
            // Twice as many rows as elsewhere, so that columns are looked up half as often.
            return self.run_with::<L, 2, FEWEST_ROWS>(lanes);
        }
        with_blocks!(self, lanes, self.width, L)
    }
}

impl<T: Real> AddOuterColumns<'_, T> {
    #[inline(always)]
    fn run_with<L: Lanes<T>, const VECTORS: usize, const ROWS: usize>(self, lanes: L) {
        let (tile, width) = (T::tile(), VECTORS * L::COUNT);
        let groups = self.groups.len() / (tile * width);
        let line = line_numbers::<T>();
        let mut asked = 0;
        for start in (0..self.rows).step_by(ROWS) {
            // The last block starts earlier to have ROWS rows; those done before are not stored
            // again.
            let first = start.min(self.rows - ROWS);
            // Prefetch the next cache line of every column while this one is read.
            while asked < self.rows && asked < start + ROWS + line {
                for column in self.columns {
                    prefetch_rows(column, asked);
                }
                asked += line;
            }
            for (index, group) in self.groups.chunks_exact(tile * width).enumerate() {
                let mut new = [[lanes.splat(T::ZERO); VECTORS]; ROWS];
                for (column, y) in self.columns.iter().zip(group.chunks_exact(width)) {
                    let Some(values) = column[first..].first_chunk::<ROWS>() else {
                        continue;
                    };
                    let y = &L::vectors(y)[..VECTORS];
                    for r in 0..ROWS {
                        let value = lanes.splat(values[r]);
                        for v in 0..VECTORS {
                            new[r][v] = lanes.mul_add(value, y[v], new[r][v]);
                        }
                    }
                }
                for (r, new) in new.iter().enumerate().skip(start - first) {
                    let at = ((first + r) * groups + index) * width;
                    add_vectors::<T, L>(lanes, new, &mut self.sums[at..at + width]);
                }
            }
        }
    }
}

/// Returns the number of columns in which the sums of `R Y'` are stored, and the width of a group.
///
/// The number of columns is the number of rows of Y, rounded up to whole groups.
pub(crate) fn outer_columns<T: Real>(rows: usize) -> (usize, usize) {
    let width = group_width::<T>(rows);
    (rows.next_multiple_of(width), width)
}

#[cfg(test)]
mod tests {
    use super::super::check::{assert_close, at, tile};
    use super::*;
    use crate::tile::InstructionSet;
    use crate::tile::Scalar;

    /// Tests every remainder of row blocks and groups against sums in f64. A sum of k products is
    /// off by at most `k ε` times the sum of their absolute values.
    fn agrees_with_sums_in_f64<T: Scalar>() {
        for rows in [1, 5, 12, 13, 30, 36] {
            for atoms in [1, 16, 17, 32, 40, 48] {
                let (r, y) = (tile::<T>(rows, 1), tile::<T>(atoms, 2));
                let (padded, width) = outer_columns::<T>(atoms);
                let mut groups = vec![T::ZERO; padded * T::tile()];
                for j in 0..atoms {
                    for k in 0..T::tile() {
                        let place = (j / width * T::tile() + k) * width + j % width;
                        groups[place] = y[j * T::tile() + k];
                    }
                }
                let columns: Vec<Vec<T>> = (0..T::tile())
                    .map(|k| r.iter().skip(k).step_by(T::tile()).copied().collect())
                    .collect();
                let columns: Vec<&[T]> = columns.iter().map(Vec::as_slice).collect();
                for set in InstructionSet::available() {
                    let check = |sums: &[T], count: usize| {
                        for i in 0..rows {
                            for j in 0..padded {
                                let terms = (0..count).map(|k| {
                                    let y = if j < atoms { at(&y, j, k) } else { 0.0 };
                                    at(&r, i, k) * y
                                });
                                let (value, size) = terms
                                    .fold((1.0, 1.0), |(sum, size), t: f64| {
                                        (sum + t, size + t.abs())
                                    });
                                let bound = (count + 1) as f64 * T::EPSILON.to_f64() * size;
                                assert_close(sums[i * padded + j].to_f64(), value, bound, "sum");
                            }
                        }
                    };
                    let mut sums = vec![T::ONE; rows * padded];
                    T::run_on(
                        set,
                        AddOuter {
                            rows: &r,
                            groups: &groups,
                            width,
                            sums: &mut sums,
                        },
                    );
                    check(&sums, T::tile());
                    if rows < FEWEST_ROWS {
                        continue;
                    }
                    for count in [1, T::tile() - 1, T::tile()] {
                        let mut sums = vec![T::ONE; rows * padded];
                        T::run_on(
                            set,
                            AddOuterColumns {
                                columns: &columns[..count],
                                rows,
                                groups: &groups,
                                width,
                                sums: &mut sums,
                            },
                        );
                        check(&sums, count);
                    }
                }
            }
        }
    }

    #[test]
    fn sums_agree_with_sums_in_f64() {
        agrees_with_sums_in_f64::<f32>();
        agrees_with_sums_in_f64::<f64>();
    }
}
