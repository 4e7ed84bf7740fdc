//! The product `out = A Y` for one tile, and its inner loop, which all kernels share.

use crate::tile::{Kernel, Lanes, PANEL, Panels, Real};

/// The largest [`Lanes::GROUP`]. Arrays have this size, loops end at `GROUP`, and the compiler
/// removes the excess.
pub(crate) const LARGEST_GROUP: usize = 3;

/// Sums of one panel of rows, for one group of registers.
pub(crate) type Sums<V> = [[V; LARGEST_GROUP]; PANEL];

/// Calls `run_with(lanes, registers)` of a kernel with the number of registers in a tile row.
///
/// On the widest vectors of the CPU this is [`Lanes::GROUP`], passed as a constant so that
/// the compiler generates better code.
macro_rules! with_registers {
    ($kernel:expr, $lanes:expr, $scalar:ident, $vectors:ident) => {
        if $scalar::tile() == $vectors::GROUP * $vectors::COUNT {
            $kernel.run_with($lanes, $vectors::GROUP)
        } else {
            $kernel.run_with($lanes, $scalar::tile() / $vectors::COUNT)
        }
    };
}
pub(crate) use with_registers;

/// Calls `run_with::<L, VECTORS, COLUMNS>(lanes)` of a kernel.
///
/// VECTORS registers hold a group of `width` numbers. COLUMNS is chosen to give twelve sums, or
/// eight if there are too few registers, which hides the latency of the multiply-add.
macro_rules! with_blocks {
    ($kernel:expr, $lanes:expr, $width:expr, $vectors:ident) => {
        match ($width / $vectors::COUNT, $vectors::GROUP) {
            (1, _) => $kernel.run_with::<$vectors, 1, 12>($lanes),
            (2, LARGEST_GROUP) => $kernel.run_with::<$vectors, 2, 6>($lanes),
            (2, _) => $kernel.run_with::<$vectors, 2, 4>($lanes),
            (3, LARGEST_GROUP) => $kernel.run_with::<$vectors, 3, 4>($lanes),
            (4, LARGEST_GROUP) => $kernel.run_with::<$vectors, 4, 3>($lanes),
            (4, _) => $kernel.run_with::<$vectors, 4, 2>($lanes),
            (6, _) => $kernel.run_with::<$vectors, 6, 1>($lanes),
            (8, _) => $kernel.run_with::<$vectors, 8, 1>($lanes),
            (12, _) => $kernel.run_with::<$vectors, 12, 1>($lanes),
            (16, _) => $kernel.run_with::<$vectors, 16, 1>($lanes),
            (24, _) => $kernel.run_with::<$vectors, 24, 1>($lanes),
            (48, _) => $kernel.run_with::<$vectors, 48, 1>($lanes),
            _ => $kernel.run_with::<$vectors, 32, 1>($lanes),
        }
    };
}
pub(crate) use with_blocks;

/// Loads one group of registers of four tile rows, from the start of `rows`.
#[inline(always)]
pub(crate) fn load_rows<T: Real, L: Lanes<T>>(
    lanes: L,
    rows: &[L::Vector],
    registers: usize,
) -> Sums<L::Vector> {
    let mut sums = [[lanes.splat(T::ZERO); LARGEST_GROUP]; PANEL];
    for (r, sums) in sums.iter_mut().enumerate() {
        let row = &rows[r * registers..r * registers + L::GROUP];
        sums[..L::GROUP].copy_from_slice(row);
    }
    sums
}

/// Adds registers to the numbers of a slice.
#[inline(always)]
pub(crate) fn add_vectors<T: Real, L: Lanes<T>>(lanes: L, new: &[L::Vector], to: &mut [T]) {
    for (sum, &new) in L::vectors_mut(to).iter_mut().zip(new) {
        *sum = lanes.add(*sum, new);
    }
}

/// Computes `sums -= A Y` for one panel of A and the registers of Y from `group` on.
///
/// Four rows by two or three registers are accumulated at a time: eight or twelve independent sums
/// hide the latency of the multiply-add, and each loaded register of `Y` is used four times.
#[inline(always)]
pub(crate) fn subtract_product<T: Real, L: Lanes<T>>(
    lanes: L,
    panel: &[T],
    y: &[L::Vector],
    registers: usize,
    group: usize,
    sums: &mut Sums<L::Vector>,
) {
    for (weights, y) in panel.chunks_exact(PANEL).zip(y.chunks_exact(registers)) {
        let y = &y[group..group + L::GROUP];
        subtract_row::<T, L>(lanes, weights, y, sums);
    }
}

/// Subtracts the contribution of one row of Y: `sums -= weights y'`.
#[inline(always)]
fn subtract_row<T: Real, L: Lanes<T>>(
    lanes: L,
    weights: &[T],
    y: &[L::Vector],
    sums: &mut Sums<L::Vector>,
) {
    for r in 0..PANEL {
        let weight = lanes.splat(weights[r]);
        for v in 0..L::GROUP {
            sums[r][v] = lanes.negate_mul_add(weight, y[v], sums[r][v]);
        }
    }
}

/// Same as [`subtract_product`], but only for `rows`: the rows of Y that are not all zero, in
/// ascending order.
#[inline(always)]
pub(crate) fn subtract_rows<T: Real, L: Lanes<T>>(
    lanes: L,
    panel: &[T],
    y: &[L::Vector],
    rows: &[u32],
    registers: usize,
    group: usize,
    sums: &mut Sums<L::Vector>,
) {
    let (panel, _) = panel.as_chunks::<PANEL>();
    for &row in rows {
        let row = row as usize;
        let weights = &panel[row];
        let first = row * registers + group;
        let y = &y[first..first + L::GROUP];
        subtract_row::<T, L>(lanes, weights, y, sums);
    }
}

/// `out = A Y` for one tile.
///
/// `y` has one tile row per column of `A`, `out` one per padded row of `A`.
pub struct Product<'a, T> {
    pub matrix: &'a Panels<T>,
    pub y: &'a [T],
    pub out: &'a mut [T],
}

impl<T: Real> Kernel<T> for Product<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        with_registers!(self, lanes, T, L);
    }
}

impl<T: Real> Product<'_, T> {
    #[inline(always)]
    fn run_with<L: Lanes<T>>(self, lanes: L, registers: usize) {
        let zero = lanes.splat(T::ZERO);
        let y = L::vectors(self.y);
        let out = L::vectors_mut(self.out).chunks_exact_mut(PANEL * registers);
        for (panel, out) in self.matrix.panels().zip(out) {
            for group in (0..registers).step_by(L::GROUP) {
                let mut sums = [[zero; LARGEST_GROUP]; PANEL];
                subtract_product::<T, L>(lanes, panel, y, registers, group, &mut sums);
                for r in 0..PANEL {
                    for v in 0..L::GROUP {
                        out[r * registers + group + v] = lanes.sub(zero, sums[r][v]);
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

    /// Tests every remainder of a panel against a triple loop in f64.
    ///
    /// A sum of k products, fused or not, is off by at most `k ε` times the sum of their absolute
    /// values, plus higher powers of ε, which `k + 1` covers.
    fn agrees_with_a_triple_loop<T: Scalar>() {
        for (rows, columns) in [(1, 1), (2, 7), (3, 4), (4, 1), (5, 16), (8, 3), (9, 33)] {
            let a = normal_matrix::<T>(rows, columns, 1);
            // Panels may have more columns than the matrix; the extra columns multiply padding
            // rows.
            for extra in [0, 3] {
                let matrix = &Panels::pack(a.as_ref(), columns + extra);
                let y = &tile::<T>(columns + extra, 2);
                let run = |set: InstructionSet| {
                    let mut out = dirty::<T>(padded(rows) + PANEL);
                    let out_tile = &mut out[..padded(rows) * T::tile()];
                    let kernel = Product {
                        matrix,
                        y,
                        out: out_tile,
                    };
                    T::run_on(set, kernel);
                    out
                };
                for out in InstructionSet::available().into_iter().map(run) {
                    for i in 0..padded(rows) + PANEL {
                        for k in 0..T::tile() {
                            let found = at(&out, i, k);
                            if i >= padded(rows) {
                                assert!(found.is_nan(), "wrote past the slice");
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
