//! Sweeps over a few atoms of each column, different ones in each, and the resulting descent of all
//! atoms.

use super::product::{LARGEST_GROUP, with_registers};
use crate::tile::{Kernel, Lanes, Real};

/// Coordinate descent sweeps over small problems side by side.
///
/// Column k has its own matrix `H` (size × size), whose entry (i, j) is at
/// `(i capacity + j) T::tile() + k`.
///
/// Each entry in turn becomes `a_i <- prox(a_i + d_i / H_ii; λ1_i / H_ii)`, and the contribution of
/// its change is subtracted from all descents `d = c - H a`. An entry with `1 / H_ii = 0` does not
/// move.
pub struct SmallSweeps<'a, T> {
    pub signed: bool,
    /// The size of the largest problem; smaller ones end in entries with `1 / H_ii = 0`.
    pub size: usize,
    pub capacity: usize,
    pub gram: &'a [T],
    /// `1 / H_ii`, one tile row per entry. The next four fields have the same layout.
    pub inverse_diagonal: &'a [T],
    pub diagonal: &'a [T],
    pub lambda1: &'a [T],
    pub descent: &'a mut [T],
    pub codes: &'a mut [T],
    pub sweeps: u32,
    /// `max_i H_ii |change of a_i|` of the last sweep, per column.
    pub change: &'a mut [T],
}

impl<T: Real> Kernel<T> for SmallSweeps<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        if self.signed {
            with_registers!(SmallSweepsOf::<_, true>(self), lanes, T, L);
        } else {
            with_registers!(SmallSweepsOf::<_, false>(self), lanes, T, L);
        }
    }
}

/// The loop, compiled separately for signed and nonnegative codes.
struct SmallSweepsOf<'a, T, const SIGNED: bool>(SmallSweeps<'a, T>);

impl<T: Real, const SIGNED: bool> SmallSweepsOf<'_, T, SIGNED> {
    #[inline(always)]
    fn run_with<L: Lanes<T>>(self, lanes: L, registers: usize) {
        let all = self.0;
        let gram = L::vectors(all.gram);
        let inverse_diagonal = L::vectors(all.inverse_diagonal);
        let diagonal = L::vectors(all.diagonal);
        let lambda1 = L::vectors(all.lambda1);
        let descent = L::vectors_mut(all.descent);
        let codes = L::vectors_mut(all.codes);
        let change = L::vectors_mut(all.change);
        let zero = lanes.splat(T::ZERO);
        for group in (0..registers).step_by(L::GROUP) {
            for sweep in 0..all.sweeps {
                let last = sweep + 1 == all.sweeps;
                let mut largest = [zero; LARGEST_GROUP];
                for i in 0..all.size {
                    let at = i * registers + group;
                    let mut moves = [zero; LARGEST_GROUP];
                    for v in 0..L::GROUP {
                        let (old, inverse) = (codes[at + v], inverse_diagonal[at + v]);
                        let new = if SIGNED {
                            let value = lanes.mul_add(descent[at + v], inverse, old);
                            let threshold = lanes.mul(lambda1[at + v], inverse);
                            let above = lanes.max(lanes.sub(value, threshold), zero);
                            let below = lanes.min(lanes.add(value, threshold), zero);
                            lanes.add(above, below)
                        } else {
                            let towards = lanes.sub(descent[at + v], lambda1[at + v]);
                            lanes.max(lanes.mul_add(towards, inverse, old), zero)
                        };
                        moves[v] = lanes.sub(new, old);
                        codes[at + v] = new;
                        if last {
                            let moved = lanes.mul(lanes.abs(moves[v]), diagonal[at + v]);
                            largest[v] = lanes.max(largest[v], moved);
                        }
                    }
                    let row = &gram[i * all.capacity * registers..];
                    let rows = descent.chunks_exact_mut(registers);
                    for (weights, descent) in row.chunks_exact(registers).zip(rows).take(all.size) {
                        for v in 0..L::GROUP {
                            let (weight, descent) = (weights[group + v], &mut descent[group + v]);
                            *descent = lanes.negate_mul_add(weight, moves[v], *descent);
                        }
                    }
                }
                if last {
                    change[group..group + L::GROUP].copy_from_slice(&largest[..L::GROUP]);
                }
            }
        }
    }
}

/// `d = c - H a` of one column with few active atoms. Returns the largest `d_j - λ1_j`, or
/// `|d_j| - λ1_j` for signed codes.
pub struct ColumnDescent<'a, T> {
    pub signed: bool,
    /// The rows of `H`, one after the other, each as long as `correlations`: whole registers for
    /// every instruction set.
    pub gram: &'a [T],
    /// The active atoms.
    pub atoms: &'a [u32],
    pub codes: &'a [T],
    pub correlations: &'a [T],
    pub lambda1: &'a [T],
    pub descent: &'a mut [T],
}

/// Registers that [`ColumnDescent`] processes at a time: enough sums to hide the latency of the
/// multiply-add.
const BLOCK: usize = 8;

impl<T: Real> Kernel<T> for ColumnDescent<'_, T> {
    type Output = T;

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) -> T {
        let length = self.correlations.len();
        let lambda1 = L::vectors(self.lambda1);
        let correlations = L::vectors(self.correlations);
        let descent = L::vectors_mut(self.descent);
        let mut largest = lanes.splat(-T::INFINITY);
        for first in (0..correlations.len()).step_by(BLOCK) {
            let width = BLOCK.min(correlations.len() - first);
            let mut sums = [lanes.splat(T::ZERO); BLOCK];
            sums[..width].copy_from_slice(&correlations[first..first + width]);
            for (&atom, &code) in self.atoms.iter().zip(self.codes) {
                let row = &self.gram[atom as usize * length..(atom as usize + 1) * length];
                let (row, code) = (&L::vectors(row)[first..], lanes.splat(code));
                if width == BLOCK {
                    let row = &row[..BLOCK];
                    for v in 0..BLOCK {
                        sums[v] = lanes.negate_mul_add(code, row[v], sums[v]);
                    }
                } else {
                    for (sum, &weight) in sums.iter_mut().zip(row) {
                        *sum = lanes.negate_mul_add(code, weight, *sum);
                    }
                }
            }
            for v in 0..width {
                let sum = sums[v];
                descent[first + v] = sum;
                let size = if self.signed { lanes.abs(sum) } else { sum };
                largest = lanes.max(largest, lanes.sub(size, lambda1[first + v]));
            }
        }
        lanes.largest(largest)
    }
}

/// Collects the entries whose `d_j - λ1_j`, or `|d_j| - λ1_j` for signed codes, is above a limit.
pub struct FindAbove<'a, T> {
    pub signed: bool,
    pub descent: &'a [T],
    pub lambda1: &'a [T],
    pub limit: T,
    pub found: &'a mut Vec<u32>,
}

/// The number of entries that [`FindAbove`] checks together.
const ASKED: usize = 16;

impl<T: Real> Kernel<T> for FindAbove<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, _: L) {
        let above = |descent: T, lambda1: T| {
            let size = if self.signed {
                descent.magnitude()
            } else {
                descent
            };
            size - lambda1 > self.limit
        };
        let chunks = self.descent.chunks(ASKED).zip(self.lambda1.chunks(ASKED));
        for (chunk, (descent, lambda1)) in chunks.enumerate() {
            let pairs = || descent.iter().zip(lambda1);
            // No early exit, so that it compiles to a few vector operations.
            if !pairs().fold(false, |any, (&d, &l)| any | above(d, l)) {
                continue;
            }
            for (k, (&descent, &lambda1)) in pairs().enumerate() {
                if above(descent, lambda1) {
                    self.found.push((chunk * ASKED + k) as u32);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{assert_close, at, dirty, tile};
    use super::super::shrink;
    use super::*;
    use crate::synthetic::normal_matrix;
    use crate::tile::{InstructionSet, Scalar};

    const CAPACITY: usize = 7;

    /// Tests the sweeps against the formula in f64, entry by entry.
    ///
    /// A sweep over k entries rounds each descent k times and each code once. Earlier rounding
    /// errors are passed on by factors below 2, as the rows of the matrices sum to less than 2.
    fn sweeps_follow_the_formula<T: Scalar>(signed: bool) {
        let width = T::tile();
        for size in [1, 2, 5, CAPACITY] {
            let mut gram = tile::<T>(CAPACITY * CAPACITY, 1);
            let entry = |i: usize, j: usize, k: usize| (i * CAPACITY + j) * width + k;
            for k in 0..width {
                for i in 0..CAPACITY {
                    for j in 0..i {
                        let value = gram[entry(i, j, k)] * T::from_f64(0.1);
                        (gram[entry(i, j, k)], gram[entry(j, i, k)]) = (value, value);
                    }
                    gram[entry(i, i, k)] = T::ONE + T::from_f64(0.25 * i as f64);
                }
            }
            let diagonal: Vec<T> = (0..CAPACITY)
                .flat_map(|i| gram[entry(i, i, 0)..].iter().take(width).copied())
                .collect();
            let mut inverse: Vec<T> = diagonal.iter().map(|&d| T::ONE / d).collect();
            // One column has one entry fewer.
            inverse[(size - 1) * width + 1] = T::ZERO;
            let lambda1 = vec![T::from_f64(0.3); CAPACITY * width];
            let start = tile::<T>(CAPACITY, 2);
            let start: Vec<T> = start.iter().map(|a| shrink(*a, T::ZERO, signed)).collect();
            let correlations = tile::<T>(CAPACITY, 3);
            let sweeps = 3;
            for set in InstructionSet::available() {
                let mut codes = start.clone();
                let mut descent = correlations.clone();
                let mut change = dirty::<T>(1);
                let kernel = SmallSweeps {
                    signed,
                    size,
                    capacity: CAPACITY,
                    gram: &gram,
                    inverse_diagonal: &inverse,
                    diagonal: &diagonal,
                    lambda1: &lambda1,
                    descent: &mut descent,
                    codes: &mut codes,
                    sweeps,
                    change: &mut change,
                };
                T::run_on(set, kernel);
                for k in 0..width {
                    let mut a: Vec<f64> = (0..CAPACITY).map(|i| at(&start, i, k)).collect();
                    let mut d: Vec<f64> = (0..CAPACITY).map(|i| at(&correlations, i, k)).collect();
                    let mut largest = 0.0_f64;
                    for sweep in 0..sweeps {
                        for i in 0..size {
                            let inverse = at(&inverse, i, k);
                            let threshold = at(&lambda1, i, k) * inverse;
                            let new = shrink(a[i] + d[i] * inverse, threshold, signed);
                            let step = new - a[i];
                            a[i] = new;
                            for j in 0..size {
                                d[j] -= step * gram[entry(i, j, k)].to_f64();
                            }
                            if sweep + 1 == sweeps {
                                largest = largest.max(step.abs() * at(&diagonal, i, k));
                            }
                        }
                    }
                    let bound = 100.0 * size as f64 * T::EPSILON.to_f64();
                    for i in 0..CAPACITY {
                        assert_close(at(&codes, i, k), a[i], bound, "code");
                        assert_close(at(&descent, i, k), d[i], bound, "descent");
                    }
                    assert_close(at(&change, 0, k), largest, bound, "change");
                }
            }
        }
    }

    #[test]
    fn small_sweeps_follow_the_formula() {
        for signed in [false, true] {
            sweeps_follow_the_formula::<f32>(signed);
            sweeps_follow_the_formula::<f64>(signed);
        }
    }

    /// Tests less than one block of registers, one, and several: the descent against a sum in f64,
    /// the rest for exact equality.
    fn descents_are_sums<T: Scalar>(signed: bool) {
        for length in [16, 48, 128, 272] {
            let numbers = normal_matrix::<T>(length, 5, 1);
            let [gram, correlations, lambda1] = [0, 3, 4].map(|j| numbers.col_as_slice(j));
            let gram = [gram, numbers.col_as_slice(1), numbers.col_as_slice(2)].concat();
            let (atoms, codes) = ([2, 0], [T::from_f64(0.5), T::from_f64(-1.25)]);
            for set in InstructionSet::available() {
                let mut descent = vec![T::from_f64(f64::NAN); length];
                let kernel = ColumnDescent {
                    signed,
                    gram: &gram,
                    atoms: &atoms,
                    codes: &codes,
                    correlations,
                    lambda1,
                    descent: &mut descent,
                };
                let largest = T::run_on(set, kernel);
                let beyond = |j: usize| {
                    let size = if signed {
                        descent[j].magnitude()
                    } else {
                        descent[j]
                    };
                    size - lambda1[j]
                };
                let mut expected = -T::INFINITY;
                for j in 0..length {
                    let parts = [
                        correlations[j].to_f64(),
                        -0.5 * numbers[(j, 2)].to_f64(),
                        1.25 * numbers[(j, 0)].to_f64(),
                    ];
                    let size: f64 = parts.iter().map(|part| part.abs()).sum();
                    let bound = 3.0 * T::EPSILON.to_f64() * size;
                    assert_close(descent[j].to_f64(), parts.iter().sum(), bound, "descent");
                    if beyond(j) > expected {
                        expected = beyond(j);
                    }
                }
                assert_eq!(largest, expected);
                let limit = T::from_f64(0.5);
                let mut found = Vec::new();
                let kernel = FindAbove {
                    signed,
                    descent: &descent,
                    lambda1,
                    limit,
                    found: &mut found,
                };
                T::run_on(set, kernel);
                let above = (0..length as u32).filter(|&j| beyond(j as usize) > limit);
                assert_eq!(found, above.collect::<Vec<_>>());
                assert!(!found.is_empty());
            }
        }
    }

    #[test]
    fn descents_of_columns_are_sums() {
        for signed in [false, true] {
            descents_are_sums::<f32>(signed);
            descents_are_sums::<f64>(signed);
        }
    }
}
