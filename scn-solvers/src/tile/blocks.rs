//! Transposition of blocks of numbers in registers: from columns stored one after the other to a
//! tile, and back.
//!
//! With few atoms, transposing number by number costs as much as a sweep. Blocks of 16 × 16 or
//! 8 × 8 numbers are therefore transposed by shuffles of specific instruction sets: `pulp` has no
//! portable ones.

/// Implements [`Lanes::blocks_into_tile`](super::Lanes::blocks_into_tile) for `f32` on instruction
/// sets with suitable shuffles.
#[inline(always)]
pub(crate) fn blocks_into_tile_f32<S: pulp::Simd>(
    simd: S,
    columns: &[&[f32]],
    tile: &mut [f32],
    width: usize,
) -> bool {
    #[cfg(target_arch = "x86_64")]
    if columns.len().is_multiple_of(S::F32_LANES) {
        let simd: &dyn std::any::Any = &simd;
        if let Some(&simd) = simd.downcast_ref::<pulp::x86::V4>() {
            each_block_into_tile(simd, columns, tile, width);
            return true;
        }
        if let Some(&simd) = simd.downcast_ref::<pulp::x86::V3>() {
            each_block_into_tile(simd, columns, tile, width);
            return true;
        }
    }
    let _ = (simd, columns, tile, width);
    false
}

/// Implements [`Lanes::blocks_from_tile`](super::Lanes::blocks_from_tile) for `f32` on instruction
/// sets with suitable shuffles.
#[inline(always)]
pub(crate) fn blocks_from_tile_f32<S: pulp::Simd>(
    simd: S,
    tile: &[f32],
    columns: &mut [&mut [f32]],
    width: usize,
) -> bool {
    #[cfg(target_arch = "x86_64")]
    if columns.len().is_multiple_of(S::F32_LANES) {
        let simd: &dyn std::any::Any = &simd;
        if let Some(&simd) = simd.downcast_ref::<pulp::x86::V4>() {
            each_block_from_tile(simd, tile, columns, width);
            return true;
        }
        if let Some(&simd) = simd.downcast_ref::<pulp::x86::V3>() {
            each_block_from_tile(simd, tile, columns, width);
            return true;
        }
    }
    let _ = (simd, tile, columns, width);
    false
}

/// Transposition of SIDE × SIDE numbers.
///
/// Unlike a closure, an implementation is always inlined, and so compiled for the instruction set
/// of its caller.
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
    width: usize,
) {
    for (block, columns) in columns.chunks_exact(SIDE).enumerate() {
        for (part, rows) in tile.chunks_mut(SIDE * width).enumerate() {
            let mut numbers = [[0.0; SIDE]; SIDE];
            let count = rows.len() / width;
            // With a constant length, a copy is a single move.
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
    width: usize,
) {
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

/// Transposes 4 × 4 numbers within each quarter of a register, then permutes the quarters.
#[cfg(target_arch = "x86_64")]
impl Turn<16> for pulp::x86::V4 {
    #[inline(always)]
    fn turn(self, block: [[f32; 16]; 16]) -> [[f32; 16]; 16] {
        let mut turned = [[0.0; 16]; 16];
        let avx = self.avx512f;
        let zero = avx._mm512_setzero_ps();
        // Quarter q of groups[g][i] holds number 4 q + i of rows 4 g to 4 g + 3.
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

/// Transposes 4 × 4 numbers within each half of a register, then permutes the halves.
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
