//! Transposition from columns stored one after the other to a tile, and back.
//!
//! Transposition of whole blocks is in [`blocks`](crate::tile::blocks).

use faer::{ContiguousFwd, MatRef};

use super::product::with_registers;
use crate::tile::{Kernel, Lanes, Real};

/// Copies a matrix as wide as a tile, with contiguous rows, to a tile. A row takes three moves
/// instead of a call.
pub struct CopyRows<'a, T> {
    pub rows: MatRef<'a, T, usize, usize, isize, ContiguousFwd>,
    pub tile: &'a mut [T],
}

impl<T: Real> Kernel<T> for CopyRows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        with_registers!(self, lanes, T, L);
    }
}

impl<T: Real> CopyRows<'_, T> {
    #[inline(always)]
    fn run_with<L: Lanes<T>>(self, _: L, registers: usize) {
        let tile = self.tile.chunks_exact_mut(registers * L::COUNT);
        for (row, out) in self.rows.row_iter().zip(tile) {
            let row = &L::vectors(row.as_slice())[..registers];
            L::vectors_mut(out)[..registers].copy_from_slice(row);
        }
    }
}

/// Copies entry i of column k to `tile[i * T::tile() + k]`, for all rows of the tile.
pub struct IntoTile<'a, T> {
    /// At most a tile's columns, each at least as long as the tile has rows.
    pub columns: &'a [&'a [T]],
    pub tile: &'a mut [T],
}

impl<T: Real> Kernel<T> for IntoTile<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let Self { columns, tile } = self;
        let width = T::tile();
        let rows = tile.len() / width;
        if lanes.blocks_into_tile(columns, tile, width) {
            return;
        }
        for (k, column) in columns.iter().enumerate() {
            for (i, &value) in column[..rows].iter().enumerate() {
                tile[i * width + k] = value;
            }
        }
    }
}

/// Copies `tile[i * T::tile() + k]` to entry i of column k, for `rows` rows of the tile.
pub struct FromTile<'a, 'c, T> {
    pub tile: &'a [T],
    /// The number of rows to copy.
    pub rows: usize,
    /// At most a tile's columns, each with at least `rows` entries.
    pub columns: &'a mut [&'c mut [T]],
}

impl<T: Real> Kernel<T> for FromTile<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let Self {
            tile,
            rows,
            columns,
        } = self;
        let width = T::tile();
        let tile = &tile[..rows * width];
        if lanes.blocks_from_tile(tile, columns, width) {
            return;
        }
        for (k, column) in columns.iter_mut().enumerate() {
            for (entry, row) in column.iter_mut().zip(tile.chunks_exact(width)) {
                *entry = row[k];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{dirty, tile};
    use super::*;
    use crate::synthetic::normal_matrix;
    use crate::tile::InstructionSet;
    use crate::tile::PANEL;
    use crate::tile::Scalar;

    /// Tests for exact equality, and that nothing is written past the rows.
    fn entries_come_back<T: Scalar>() {
        for rows in [1_usize, 4, 12, 16, 27, 36] {
            for stride in [rows, rows + 3] {
                for count in [1, 8, T::tile()] {
                    let count = count.min(T::tile());
                    let tile = tile::<T>(rows + 1, 2);
                    for set in InstructionSet::available() {
                        let mut columns = vec![T::ONE; count * stride];
                        let (tile, one) = (&*tile, T::ONE);
                        let mut slices: Vec<&mut [T]> = columns.chunks_exact_mut(stride).collect();
                        let slices = &mut *slices;
                        T::run_on(
                            set,
                            FromTile {
                                tile,
                                rows,
                                columns: slices,
                            },
                        );
                        for (k, column) in columns.chunks_exact(stride).enumerate() {
                            for (i, &entry) in column.iter().enumerate() {
                                let value = tile[i.min(rows) * T::tile() + k];
                                assert_eq!(entry, if i < rows { value } else { one });
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn all_entries_come_back() {
        entries_come_back::<f32>();
        entries_come_back::<f64>();
    }

    /// Tests every remainder of a block in rows and columns for exact equality, and that nothing
    /// else is written.
    fn entries_go_to_their_places<T: Scalar>() {
        for rows in [4_usize, 8, 12, 16, 20, 36] {
            for stride in [rows, rows + 1, rows.next_multiple_of(16)] {
                for count in [1, 7, 8, T::tile() - 1, T::tile()] {
                    let count = count.min(T::tile());
                    let matrix = normal_matrix::<T>(stride, count, 1);
                    let columns: Vec<T> = matrix
                        .col_iter()
                        .flat_map(|column| column.iter().copied().collect::<Vec<_>>())
                        .collect();
                    let columns: Vec<&[T]> = columns.chunks_exact(stride).collect();
                    for set in InstructionSet::available() {
                        let mut memory = dirty::<T>(rows + PANEL);
                        let (tile, behind) = memory.split_at_mut(rows * T::tile());
                        T::run_on(
                            set,
                            IntoTile {
                                columns: &columns,
                                tile,
                            },
                        );
                        for (i, row) in tile.chunks_exact(T::tile()).enumerate() {
                            for (k, &value) in row.iter().enumerate() {
                                assert!(if k < count {
                                    value == matrix[(i, k)]
                                } else {
                                    !value.finite()
                                });
                            }
                        }
                        assert!(behind.iter().all(|value| !value.finite()));
                    }
                }
            }
        }
    }

    #[test]
    fn all_entries_go_to_their_places() {
        entries_go_to_their_places::<f32>();
        entries_go_to_their_places::<f64>();
    }
}
