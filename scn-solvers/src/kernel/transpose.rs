//! From columns, one after the other in memory, to a tile, where they stand side by side, and back.
//!
//! Number by number that costs as much as a sweep where there are few atoms. Blocks of 16 × 16 or 8 × 8 numbers are therefore
//! turned in registers, by shuffles that are asked for by name: `pulp` has none that all instruction sets know.

use faer::{ContiguousFwd, MatRef};

use super::product::with_registers;
use super::{Kernel, Lanes};
use crate::Scalar;

/// A matrix as wide as a tile, its rows each in one piece, goes to a tile. So that a row is three moves and not a call.
pub(crate) struct CopyRows<'a, T> {
    pub(crate) rows: MatRef<'a, T, usize, usize, isize, ContiguousFwd>,
    pub(crate) tile: &'a mut [T],
}

impl<T: Scalar> Kernel<T> for CopyRows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        with_registers!(self, lanes, T, L);
    }
}

impl<T: Scalar> CopyRows<'_, T> {
    #[inline(always)]
    fn run_with<L: Lanes<T>>(self, _: L, registers: usize) {
        let tile = self.tile.chunks_exact_mut(registers * L::COUNT);
        for (row, out) in self.rows.row_iter().zip(tile) {
            let row = &L::vectors(row.as_slice())[..registers];
            L::vectors_mut(out)[..registers].copy_from_slice(row);
        }
    }
}

/// Entry i of column k goes to `tile[i * T::tile() + k]`, for all rows of the tile.
pub(crate) struct IntoTile<'a, T> {
    /// At most a tile's columns, each at least as long as the tile has rows.
    pub(crate) columns: &'a [&'a [T]],
    pub(crate) tile: &'a mut [T],
}

impl<T: Scalar> Kernel<T> for IntoTile<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let Self { columns, tile } = self;
        let width = T::tile();
        let rows = tile.len() / width;
        if lanes.blocks_into_tile(columns, tile) {
            return;
        }
        for (k, column) in columns.iter().enumerate() {
            for (i, &value) in column[..rows].iter().enumerate() {
                tile[i * width + k] = value;
            }
        }
    }
}

/// `tile[i * T::tile() + k]` goes to entry i of column k, for `rows` rows of the tile.
pub(crate) struct FromTile<'a, 'c, T> {
    pub(crate) tile: &'a [T],
    /// Rows that count.
    pub(crate) rows: usize,
    /// At most a tile's columns, each at least as long.
    pub(crate) columns: &'a mut [&'c mut [T]],
}

impl<T: Scalar> Kernel<T> for FromTile<'_, '_, T> {
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
        if lanes.blocks_from_tile(tile, columns) {
            return;
        }
        for (k, column) in columns.iter_mut().enumerate() {
            for (entry, row) in column.iter_mut().zip(tile.chunks_exact(width)) {
                *entry = row[k];
            }
        }
    }
}

/// What [`Lanes::blocks_into_tile`] does for `f32`, where there are shuffles for it.
#[inline(always)]
pub(super) fn blocks_into_tile_f32<S: pulp::Simd>(
    simd: S,
    columns: &[&[f32]],
    tile: &mut [f32],
) -> bool {
    #[cfg(target_arch = "x86_64")]
    if columns.len().is_multiple_of(S::F32_LANES) {
        let simd: &dyn std::any::Any = &simd;
        if let Some(&simd) = simd.downcast_ref::<pulp::x86::V4>() {
            each_block_into_tile(simd, columns, tile);
            return true;
        }
        if let Some(&simd) = simd.downcast_ref::<pulp::x86::V3>() {
            each_block_into_tile(simd, columns, tile);
            return true;
        }
    }
    let _ = (simd, columns, tile);
    false
}

/// What [`Lanes::blocks_from_tile`] does for `f32`, where there are shuffles for it.
#[inline(always)]
pub(super) fn blocks_from_tile_f32<S: pulp::Simd>(
    simd: S,
    tile: &[f32],
    columns: &mut [&mut [f32]],
) -> bool {
    #[cfg(target_arch = "x86_64")]
    if columns.len().is_multiple_of(S::F32_LANES) {
        let simd: &dyn std::any::Any = &simd;
        if let Some(&simd) = simd.downcast_ref::<pulp::x86::V4>() {
            each_block_from_tile(simd, tile, columns);
            return true;
        }
        if let Some(&simd) = simd.downcast_ref::<pulp::x86::V3>() {
            each_block_from_tile(simd, tile, columns);
            return true;
        }
    }
    let _ = (simd, tile, columns);
    false
}

/// A way to turn SIDE × SIDE numbers. All of it is inlined, closures would not be: so it gets the instructions that its caller may use.
#[cfg(target_arch = "x86_64")]
trait Turn<const SIDE: usize>: Copy {
    fn turn(self, block: [[f32; SIDE]; SIDE]) -> [[f32; SIDE]; SIDE];
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn each_block_into_tile<const SIDE: usize>(
    how: impl Turn<SIDE>,
    columns: &[&[f32]],
    tile: &mut [f32],
) {
    let width = f32::tile();
    for (block, columns) in columns.chunks_exact(SIDE).enumerate() {
        for (part, rows) in tile.chunks_mut(SIDE * width).enumerate() {
            let mut numbers = [[0.0; SIDE]; SIDE];
            let count = rows.len() / width;
            // Lengths that are constants make a copy one move.
            if count == SIDE {
                for k in 0..SIDE {
                    numbers[k].copy_from_slice(&columns[k][part * SIDE..][..SIDE]);
                }
            } else {
                for k in 0..SIDE {
                    numbers[k][..count].copy_from_slice(&columns[k][part * SIDE..][..count]);
                }
            }
            let numbers = how.turn(numbers);
            for (row, numbers) in rows.chunks_exact_mut(width).zip(&numbers) {
                row[block * SIDE..][..SIDE].copy_from_slice(numbers);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn each_block_from_tile<const SIDE: usize>(
    how: impl Turn<SIDE>,
    tile: &[f32],
    columns: &mut [&mut [f32]],
) {
    let width = f32::tile();
    for (block, columns) in columns.chunks_exact_mut(SIDE).enumerate() {
        for (part, rows) in tile.chunks(SIDE * width).enumerate() {
            let mut numbers = [[0.0; SIDE]; SIDE];
            for (numbers, row) in numbers.iter_mut().zip(rows.chunks_exact(width)) {
                numbers.copy_from_slice(&row[block * SIDE..][..SIDE]);
            }
            let numbers = how.turn(numbers);
            let count = rows.len() / width;
            if count == SIDE {
                for k in 0..SIDE {
                    columns[k][part * SIDE..][..SIDE].copy_from_slice(&numbers[k]);
                }
            } else {
                for k in 0..SIDE {
                    columns[k][part * SIDE..][..count].copy_from_slice(&numbers[k][..count]);
                }
            }
        }
    }
}

/// Turns four by four numbers within each quarter of a register, then has the quarters change places.
#[cfg(target_arch = "x86_64")]
impl Turn<16> for pulp::x86::V4 {
    #[inline(always)]
    fn turn(self, block: [[f32; 16]; 16]) -> [[f32; 16]; 16] {
        let mut turned = [[0.0; 16]; 16];
        let avx = self.avx512f;
        let zero = avx._mm512_setzero_ps();
        // Quarter q of groups[g][i]: number 4 q + i of the rows from 4 g to 4 g + 3.
        let mut groups = [[zero; 4]; 4];
        for g in 0..4 {
            let a = pulp::cast(block[4 * g]);
            let b = pulp::cast(block[4 * g + 1]);
            let c = pulp::cast(block[4 * g + 2]);
            let d = pulp::cast(block[4 * g + 3]);
            let low = avx._mm512_castps_pd(avx._mm512_unpacklo_ps(a, b));
            let high = avx._mm512_castps_pd(avx._mm512_unpackhi_ps(a, b));
            let last_low = avx._mm512_castps_pd(avx._mm512_unpacklo_ps(c, d));
            let last_high = avx._mm512_castps_pd(avx._mm512_unpackhi_ps(c, d));
            groups[g] = [
                avx._mm512_castpd_ps(avx._mm512_unpacklo_pd(low, last_low)),
                avx._mm512_castpd_ps(avx._mm512_unpackhi_pd(low, last_low)),
                avx._mm512_castpd_ps(avx._mm512_unpacklo_pd(high, last_high)),
                avx._mm512_castpd_ps(avx._mm512_unpackhi_pd(high, last_high)),
            ];
        }
        const EVEN: i32 = 0b10_00_10_00;
        const ODD: i32 = 0b11_01_11_01;
        for i in 0..4 {
            let [a, b, c, d] = [groups[0][i], groups[1][i], groups[2][i], groups[3][i]];
            let even = avx._mm512_shuffle_f32x4::<EVEN>(a, b);
            let last_even = avx._mm512_shuffle_f32x4::<EVEN>(c, d);
            let odd = avx._mm512_shuffle_f32x4::<ODD>(a, b);
            let last_odd = avx._mm512_shuffle_f32x4::<ODD>(c, d);
            turned[i] = pulp::cast(avx._mm512_shuffle_f32x4::<EVEN>(even, last_even));
            turned[4 + i] = pulp::cast(avx._mm512_shuffle_f32x4::<EVEN>(odd, last_odd));
            turned[8 + i] = pulp::cast(avx._mm512_shuffle_f32x4::<ODD>(even, last_even));
            turned[12 + i] = pulp::cast(avx._mm512_shuffle_f32x4::<ODD>(odd, last_odd));
        }
        turned
    }
}

/// The same with halves of a register.
#[cfg(target_arch = "x86_64")]
impl Turn<8> for pulp::x86::V3 {
    #[inline(always)]
    fn turn(self, block: [[f32; 8]; 8]) -> [[f32; 8]; 8] {
        let mut turned = [[0.0; 8]; 8];
        let avx = self.avx;
        let zero = avx._mm256_setzero_ps();
        let mut groups = [[zero; 4]; 2];
        for g in 0..2 {
            let a = pulp::cast(block[4 * g]);
            let b = pulp::cast(block[4 * g + 1]);
            let c = pulp::cast(block[4 * g + 2]);
            let d = pulp::cast(block[4 * g + 3]);
            let low = avx._mm256_castps_pd(avx._mm256_unpacklo_ps(a, b));
            let high = avx._mm256_castps_pd(avx._mm256_unpackhi_ps(a, b));
            let last_low = avx._mm256_castps_pd(avx._mm256_unpacklo_ps(c, d));
            let last_high = avx._mm256_castps_pd(avx._mm256_unpackhi_ps(c, d));
            groups[g] = [
                avx._mm256_castpd_ps(avx._mm256_unpacklo_pd(low, last_low)),
                avx._mm256_castpd_ps(avx._mm256_unpackhi_pd(low, last_low)),
                avx._mm256_castpd_ps(avx._mm256_unpacklo_pd(high, last_high)),
                avx._mm256_castpd_ps(avx._mm256_unpackhi_pd(high, last_high)),
            ];
        }
        for i in 0..4 {
            let (a, b) = (groups[0][i], groups[1][i]);
            turned[i] = pulp::cast(avx._mm256_permute2f128_ps::<0x20>(a, b));
            turned[4 + i] = pulp::cast(avx._mm256_permute2f128_ps::<0x31>(a, b));
        }
        turned
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::InstructionSet;
    use crate::kernel::check::{dirty, tile};
    use crate::testing::normal_matrix;
    use crate::tile::PANEL;

    /// To the bit, and nothing is written beyond the rows.
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

    /// Every remainder of a block in rows and columns, to the bit, with nothing else written.
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
