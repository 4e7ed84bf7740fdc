//! Correlations `c = D'x` of a tile of signals, for either layout of the signals.
//!
//! Signals stored one after the other are read in place: vectors run along the atoms, and each
//! number of a signal is broadcast to a vector. Signals stored side by side are read like any tile:
//! vectors run along the signals.

use std::ops::Range;

use super::product::{LARGEST_GROUP, with_blocks, with_registers};
use crate::tile::atom_groups::AtomGroups;
use crate::tile::prefetch::{CACHE_LINE, prefetch};
use crate::tile::{Kernel, Lanes, PANEL, Real, padded};

/// Rows of a signal whose products are summed separately before they are added to the total.
///
/// A single running sum of m products is off by about `sqrt(m) ε`, which exceeds the requested KKT
/// residuals. Sums of sums of sums are off by `sqrt(8 + 16 + m/128) ε`. The extra additions do not
/// wait for any multiply-add.
const CHUNK: usize = 8;

/// Rows that are processed for all columns of a tile before the next rows. Those of the signals and
/// of a group of atoms fit in the L1 cache together.
const PART: usize = 128;

/// Correlations of signals stored one after the other.
///
/// Those of column k go to `out[k * padded_atoms..][..padded_atoms]`.
pub struct CorrelateColumns<'a, T> {
    pub dictionary: &'a AtomGroups<T>,
    /// At most a tile's columns, each of length m.
    pub signals: &'a [&'a [T]],
    pub out: &'a mut [T],
}

impl<T: Real> Kernel<T> for CorrelateColumns<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        with_blocks!(self, lanes, self.dictionary.width, L)
    }
}

impl<T: Real> CorrelateColumns<'_, T> {
    #[inline(always)]
    fn run_with<L: Lanes<T>, const VECTORS: usize, const COLUMNS: usize>(self, lanes: L) {
        let (rows, width) = (self.dictionary.rows, VECTORS * L::COUNT);
        let padded_atoms = self.dictionary.padded_atoms();
        let Some(last) = self.signals.len().checked_sub(1) else {
            return;
        };
        for first_row in (0..rows).step_by(PART) {
            let part = first_row..(first_row + PART).min(rows);
            let next_part = part.end..(part.end + PART).min(rows);
            for (index, group) in self.dictionary.groups().enumerate() {
                let group = &group[part.start * width..part.end * width];
                let mut signals = some_columns::<T, COLUMNS>(self.signals, 0, part.clone());
                for first in (0..=last).step_by(COLUMNS) {
                    let next = if first + COLUMNS <= last {
                        some_columns(self.signals, first + COLUMNS, part.clone())
                    } else {
                        some_columns(self.signals, 0, next_part.clone())
                    };
                    // Only the first group prefetches; the others find the signals in the cache.
                    let ahead = if index == 0 { next } else { [&[][..]; COLUMNS] };
                    let sums = sum::<T, L, VECTORS, COLUMNS>(lanes, group, signals, ahead);
                    for (k, sums) in sums.iter().enumerate().take(last + 1 - first) {
                        let at = (first + k) * padded_atoms + index * width;
                        let out = L::vectors_mut(&mut self.out[at..at + width]);
                        for (out, &sum) in out.iter_mut().zip(sums) {
                            *out = if first_row == 0 {
                                sum
                            } else {
                                lanes.add(*out, sum)
                            };
                        }
                    }
                    signals = next;
                }
            }
        }
    }
}

/// Returns COLUMNS columns from `first` on, restricted to `rows`. The last column takes the place
/// of missing ones.
#[inline(always)]
fn some_columns<'a, T, const COLUMNS: usize>(
    signals: &[&'a [T]],
    first: usize,
    rows: Range<usize>,
) -> [&'a [T]; COLUMNS] {
    let mut columns: [&[T]; COLUMNS] = [&[]; COLUMNS];
    for k in 0..COLUMNS {
        columns[k] = &signals[(first + k).min(signals.len() - 1)][rows.clone()];
    }
    columns
}

/// Returns `sum over i of x_i d_i` for a group of atoms and some columns.
///
/// VECTORS registers hold a row of the group. `ahead` are the columns that are read next.
#[inline(always)]
pub(super) fn sum<T: Real, L: Lanes<T>, const VECTORS: usize, const COLUMNS: usize>(
    lanes: L,
    group: &[T],
    signals: [&[T]; COLUMNS],
    ahead: [&[T]; COLUMNS],
) -> [[L::Vector; VECTORS]; COLUMNS] {
    let width = VECTORS * L::COUNT;
    let zeros = [[lanes.splat(T::ZERO); VECTORS]; COLUMNS];
    let mut total = zeros;
    let chunks = group.chunks_exact(CHUNK * width);
    let remainder = chunks.remainder();
    let mut row = 0;
    for chunk in chunks {
        // Once per cache line.
        if (row * size_of::<T>()).is_multiple_of(CACHE_LINE) {
            for k in 0..COLUMNS {
                if let Some(next) = ahead[k].get(row) {
                    prefetch(next);
                }
            }
        }
        let mut sums = zeros;
        add_chunk::<T, L, VECTORS, COLUMNS>(lanes, chunk, signals, row, &mut sums);
        for k in 0..COLUMNS {
            for v in 0..VECTORS {
                total[k][v] = lanes.add(total[k][v], sums[k][v]);
            }
        }
        row += CHUNK;
    }
    add_rest::<T, L, VECTORS, COLUMNS>(lanes, remainder, signals, row, &mut total);
    total
}

/// Adds `x_i d_i` for the CHUNK rows from `row` on; `chunk` holds these rows of the group.
#[inline(always)]
fn add_chunk<T: Real, L: Lanes<T>, const VECTORS: usize, const COLUMNS: usize>(
    lanes: L,
    chunk: &[T],
    signals: [&[T]; COLUMNS],
    row: usize,
    sums: &mut [[L::Vector; VECTORS]; COLUMNS],
) {
    let width = VECTORS * L::COUNT;
    let none = [T::ZERO; CHUNK];
    // Arrays need no bounds checks in the loop.
    let mut values = [&none; COLUMNS];
    for k in 0..COLUMNS {
        values[k] = &signals[k].as_chunks().0[row / CHUNK];
    }
    for i in 0..CHUNK {
        let atoms = &L::vectors(&chunk[i * width..(i + 1) * width])[..VECTORS];
        for k in 0..COLUMNS {
            let value = lanes.splat(values[k][i]);
            for v in 0..VECTORS {
                sums[k][v] = lanes.mul_add(value, atoms[v], sums[k][v]);
            }
        }
    }
}

/// Same as [`add_chunk`], for the last rows, fewer than CHUNK.
#[inline(always)]
fn add_rest<T: Real, L: Lanes<T>, const VECTORS: usize, const COLUMNS: usize>(
    lanes: L,
    rest: &[T],
    signals: [&[T]; COLUMNS],
    row: usize,
    sums: &mut [[L::Vector; VECTORS]; COLUMNS],
) {
    for (i, atoms) in rest.chunks_exact(VECTORS * L::COUNT).enumerate() {
        let atoms = &L::vectors(atoms)[..VECTORS];
        for k in 0..COLUMNS {
            let value = lanes.splat(signals[k][row + i]);
            for v in 0..VECTORS {
                sums[k][v] = lanes.mul_add(value, atoms[v], sums[k][v]);
            }
        }
    }
}

/// Adds the products of [`sum`] directly to `sums`, which stay in registers between calls.
///
/// For sums in which the additional rounding is negligible.
#[inline(always)]
pub(super) fn add_sum<T: Real, L: Lanes<T>, const VECTORS: usize, const COLUMNS: usize>(
    lanes: L,
    group: &[T],
    signals: [&[T]; COLUMNS],
    sums: &mut [[L::Vector; VECTORS]; COLUMNS],
) {
    let chunks = group.chunks_exact(CHUNK * VECTORS * L::COUNT);
    let remainder = chunks.remainder();
    let mut row = 0;
    for chunk in chunks {
        add_chunk::<T, L, VECTORS, COLUMNS>(lanes, chunk, signals, row, sums);
        row += CHUNK;
    }
    add_rest::<T, L, VECTORS, COLUMNS>(lanes, remainder, signals, row, sums);
}

/// Correlations of a tile of signals.
///
/// `signals` has one tile row per row of the dictionary, `out` one per padded atom.
pub struct CorrelateTile<'a, T> {
    pub dictionary: &'a AtomGroups<T>,
    pub signals: &'a [T],
    pub out: &'a mut [T],
}

impl<T: Real> Kernel<T> for CorrelateTile<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        with_registers!(self, lanes, T, L);
    }
}

impl<T: Real> CorrelateTile<'_, T> {
    #[inline(always)]
    fn run_with<L: Lanes<T>>(self, lanes: L, registers: usize) {
        let (rows, width) = (self.dictionary.rows, self.dictionary.width);
        let signals = L::vectors(self.signals);
        let out = &mut L::vectors_mut(self.out)[..padded(self.dictionary.atoms) * registers];
        out.fill(lanes.splat(T::ZERO));
        for first_row in (0..rows).step_by(PART) {
            let part_rows = first_row..(first_row + PART).min(rows);
            let signals = &signals[part_rows.start * registers..part_rows.end * registers];
            let out = out.chunks_mut(width * registers);
            for (group, out) in self.dictionary.groups().zip(out) {
                let group = &group[part_rows.start * width..part_rows.end * width];
                for (panel, out) in out.chunks_exact_mut(PANEL * registers).enumerate() {
                    for first in (0..registers).step_by(L::GROUP) {
                        let mut sums = [[lanes.splat(T::ZERO); LARGEST_GROUP]; PANEL];
                        let rows = group
                            .chunks_exact(width)
                            .zip(signals.chunks_exact(registers));
                        for (row, signals) in rows {
                            let weights = &row[panel * PANEL..(panel + 1) * PANEL];
                            let signals = &signals[first..first + L::GROUP];
                            for r in 0..PANEL {
                                let weight = lanes.splat(weights[r]);
                                for v in 0..L::GROUP {
                                    sums[r][v] = lanes.mul_add(weight, signals[v], sums[r][v]);
                                }
                            }
                        }
                        for r in 0..PANEL {
                            let out = &mut out[r * registers + first..][..L::GROUP];
                            for v in 0..L::GROUP {
                                out[v] = lanes.add(out[v], sums[r][v]);
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{assert_close, at, dirty};
    use super::*;
    use crate::synthetic::normal_matrix;
    use crate::tile::InstructionSet;
    use crate::tile::Scalar;

    /// Tests every remainder of group, panel, chunk and column block, and more than one part,
    /// against sums in f64.
    ///
    /// A sum of k products is off by at most `k ε` times the sum of their absolute values; summing
    /// in parts reduces this.
    fn agrees_with_sums_in_f64<T: Scalar>() {
        let shapes: &[(usize, usize)] = if cfg!(miri) {
            &[(1, 1), (9, 5)]
        } else {
            &[
                (1, 1),
                (7, 3),
                (8, 17),
                (33, 16),
                (70, 5),
                (150, 33),
                (9, 40),
                (20, 64),
            ]
        };
        for &(rows, atoms) in shapes {
            let dictionary = normal_matrix::<T>(rows, atoms, 1);
            let groups = AtomGroups::pack(dictionary.as_ref());
            for count in [1, 5, 12, 13, T::tile()] {
                let count = count.min(T::tile());
                let signals = normal_matrix::<T>(rows, count, 2);
                let check = |found: &dyn Fn(usize, usize) -> f64| {
                    for (j, atom) in dictionary.col_iter().enumerate() {
                        for (k, signal) in signals.col_iter().enumerate() {
                            let terms = atom.iter().zip(signal.iter());
                            let terms = terms.map(|(&d, &x)| d.to_f64() * x.to_f64());
                            let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), term: f64| {
                                (sum + term, size + term.abs())
                            });
                            let bound = (rows + 1) as f64 * T::EPSILON.to_f64() * size;
                            assert_close(found(j, k), sum, bound, "correlation");
                        }
                    }
                };
                for set in InstructionSet::available() {
                    let columns: Vec<Vec<T>> = signals
                        .col_iter()
                        .map(|column| column.iter().copied().collect())
                        .collect();
                    let columns: Vec<&[T]> = columns.iter().map(Vec::as_slice).collect();
                    let stride = groups.padded_atoms();
                    let mut out = vec![T::from_f64(f64::NAN); count * stride + 1];
                    T::run_on(
                        set,
                        CorrelateColumns {
                            dictionary: &groups,
                            signals: &columns,
                            out: &mut out,
                        },
                    );
                    check(&|j, k| out[k * stride + j].to_f64());
                    assert!(out[count * stride].to_f64().is_nan(), "wrote past the end");

                    let mut tile = vec![T::ZERO; rows * T::tile()];
                    for (k, column) in columns.iter().enumerate() {
                        for (i, &value) in column.iter().enumerate() {
                            tile[i * T::tile() + k] = value;
                        }
                    }
                    let mut out = dirty::<T>(padded(atoms) + 1);
                    T::run_on(
                        set,
                        CorrelateTile {
                            dictionary: &groups,
                            signals: &tile,
                            out: &mut out,
                        },
                    );
                    check(&|j, k| at(&out, j, k));
                    for j in atoms..padded(atoms) {
                        assert_eq!(at(&out, j, 0), 0.0, "padding");
                    }
                    assert!(at(&out, padded(atoms), 0).is_nan(), "wrote past the end");
                }
            }
        }
    }

    #[test]
    fn correlations_agree_with_sums_in_f64() {
        agrees_with_sums_in_f64::<f32>();
        agrees_with_sums_in_f64::<f64>();
    }
}
