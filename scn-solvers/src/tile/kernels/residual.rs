//! The KKT residual of a tile, its scale, and the largest number of a tile row.

use super::product::{LARGEST_GROUP, Sums, load_rows, subtract_product, with_registers};
use crate::tile::{Kernel, Lanes, PANEL, Panels, Real};

/// The residual `max_j | H_jj a_j - prox(H_jj a_j - g_j) |` of each column, not yet divided by its
/// scale.
///
/// Here `g = H a - c`, and prox is the proximal map of `λ1 |.|` (and of `a >= 0`): see
/// [`kkt`](crate::kkt).
///
/// If `a = a_0 + d` and `c - H a_0` is known, passing `c - H a_0` as `correlations` and d as
/// `multiplied` gives the same g.
pub struct Residual<'a, T> {
    pub signed: bool,
    pub gram: &'a Panels<T>,
    /// Padded, as is `lambda1`.
    pub diagonal: &'a [T],
    pub lambda1: &'a [T],
    /// c, or `c - H a_0`.
    pub correlations: &'a [T],
    /// a, or d.
    pub multiplied: &'a [T],
    /// a
    pub codes: &'a [T],
    /// Receives `-g`; may be empty.
    pub descent: &'a mut [T],
    /// One entry per column of the tile.
    pub residual: &'a mut [T],
    /// One entry per column of the tile: 0, or NaN if an intermediate number was not finite (a
    /// maximum may lose a NaN).
    pub not_finite: &'a mut [T],
}

impl<T: Real> Kernel<T> for Residual<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        with_registers!(self, lanes, T, L);
    }
}

impl<T: Real> Residual<'_, T> {
    #[inline(always)]
    fn run_with<L: Lanes<T>>(self, lanes: L, registers: usize) {
        let zero = lanes.splat(T::ZERO);
        let residual = L::vectors_mut(self.residual);
        let not_finite = L::vectors_mut(self.not_finite);
        let correlations = L::vectors(self.correlations);
        let multiplied = L::vectors(self.multiplied);
        let codes = L::vectors(self.codes);
        let mut descents = L::vectors_mut(self.descent).chunks_exact_mut(PANEL * registers);
        residual.fill(zero);
        not_finite.fill(zero);
        for (index, panel) in self.gram.panels().enumerate() {
            let first = index * PANEL;
            let mut kept = descents.next();
            for group in (0..registers).step_by(L::GROUP) {
                let at = first * registers + group;
                let mut descent = load_rows::<T, L>(lanes, &correlations[at..], registers);
                subtract_product::<T, L>(lanes, panel, multiplied, registers, group, &mut descent);
                if let Some(kept) = &mut kept {
                    for (r, descent) in descent.iter().enumerate() {
                        let row = r * registers + group;
                        kept[row..row + L::GROUP].copy_from_slice(&descent[..L::GROUP]);
                    }
                }
                let mut block = Block {
                    lanes,
                    signed: self.signed,
                    descent,
                    diagonal: &self.diagonal[first..first + PANEL],
                    lambda1: &self.lambda1[first..first + PANEL],
                    residual: [zero; LARGEST_GROUP],
                    not_finite: [zero; LARGEST_GROUP],
                };
                let codes = &codes[at..];
                block.measure::<0>(&codes[..L::GROUP]);
                block.measure::<1>(&codes[registers..registers + L::GROUP]);
                block.measure::<2>(&codes[2 * registers..2 * registers + L::GROUP]);
                block.measure::<3>(&codes[3 * registers..3 * registers + L::GROUP]);
                for v in 0..L::GROUP {
                    residual[group + v] = lanes.max(residual[group + v], block.residual[v]);
                    not_finite[group + v] = lanes.add(not_finite[group + v], block.not_finite[v]);
                }
            }
        }
    }
}

/// Four atoms whose gradients are known.
struct Block<'a, T, L: Lanes<T>> {
    lanes: L,
    signed: bool,
    /// `c - H a`, the negative gradient.
    descent: Sums<L::Vector>,
    diagonal: &'a [T],
    lambda1: &'a [T],
    residual: [L::Vector; LARGEST_GROUP],
    not_finite: [L::Vector; LARGEST_GROUP],
}

impl<T: Real, L: Lanes<T>> Block<'_, T, L> {
    /// Measures atom ROW. As ROW is a constant, all four atoms are unrolled and the sums stay in
    /// registers.
    #[inline(always)]
    fn measure<const ROW: usize>(&mut self, codes: &[L::Vector]) {
        let lanes = self.lanes;
        let zero = lanes.splat(T::ZERO);
        let diagonal = lanes.splat(self.diagonal[ROW]);
        let lambda1 = lanes.splat(self.lambda1[ROW]);
        for v in 0..L::GROUP {
            let scaled = lanes.mul(diagonal, codes[v]);
            let free = lanes.add(scaled, self.descent[ROW][v]);
            self.not_finite[v] = lanes.mul_add(free, zero, self.not_finite[v]);
            let mut prox = lanes.max(lanes.sub(free, lambda1), zero);
            if self.signed {
                prox = lanes.add(prox, lanes.min(lanes.add(free, lambda1), zero));
            }
            let moved = lanes.abs(lanes.sub(scaled, prox));
            self.residual[v] = lanes.max(self.residual[v], moved);
        }
    }
}

/// `max_j |c_j|` of each column, or NaN if a number is not finite. A sum propagates the NaN, which
/// a maximum may lose.
pub struct ColumnScale<'a, T> {
    pub values: &'a [T],
    pub scale: &'a mut [T],
}

impl<T: Real> Kernel<T> for ColumnScale<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let registers = T::tile() / L::COUNT;
        let values = L::vectors(self.values);
        for (register, scale) in L::vectors_mut(self.scale).iter_mut().enumerate() {
            let mut largest = lanes.splat(T::ZERO);
            let mut not_finite = lanes.splat(T::ZERO);
            for row in values.chunks_exact(registers) {
                largest = lanes.max(lanes.abs(row[register]), largest);
                not_finite = lanes.mul_add(row[register], lanes.splat(T::ZERO), not_finite);
            }
            *scale = lanes.add(largest, not_finite);
        }
    }
}

/// The largest `a / b` of two tile rows, at least 0. A NaN may or may not count.
pub struct LargestQuotient<'a, T> {
    pub a: &'a [T],
    pub b: &'a [T],
}

impl<T: Real> Kernel<T> for LargestQuotient<'_, T> {
    type Output = T;

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) -> T {
        let mut largest = lanes.splat(T::ZERO);
        for (&a, &b) in L::vectors(self.a).iter().zip(L::vectors(self.b)) {
            largest = lanes.max(lanes.div(a, b), largest);
        }
        lanes.largest(largest)
    }
}

/// The largest number of a tile row, at least 0. A NaN may or may not count.
pub struct Largest<'a, T>(pub &'a [T]);

impl<T: Real> Kernel<T> for Largest<'_, T> {
    type Output = T;

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) -> T {
        let mut largest = lanes.splat(T::ZERO);
        for &values in L::vectors(self.0) {
            largest = lanes.max(values, largest);
        }
        lanes.largest(largest)
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{assert_close, at, dirty, tile};
    use super::*;
    use crate::kkt::prox;
    use crate::synthetic::normal_matrix;
    use crate::tile::InstructionSet;
    use crate::tile::Scalar;
    use crate::tile::padded;
    use faer::Mat;

    const ATOMS: usize = 7;

    struct Columns<T> {
        diagonal: Vec<T>,
        lambda1: Vec<T>,
        correlations: Vec<T>,
        multiplied: Vec<T>,
        codes: Vec<T>,
        gram: Mat<T>,
    }

    impl<T: Scalar> Columns<T> {
        fn random() -> Self {
            let positive = |seed| {
                let column = normal_matrix::<T>(ATOMS, 1, seed);
                let mut values: Vec<T> = column.col(0).iter().map(|v| v.magnitude()).collect();
                values.resize(padded(ATOMS), T::ZERO);
                values
            };
            // Padding is zero, as in every tile.
            let random = |seed| {
                let mut tile = tile::<T>(padded(ATOMS), seed);
                tile[ATOMS * T::tile()..].fill(T::ZERO);
                tile
            };
            Self {
                diagonal: positive(1),
                lambda1: positive(2),
                correlations: random(3),
                multiplied: random(6),
                codes: random(4),
                gram: normal_matrix(ATOMS, ATOMS, 5),
            }
        }

        /// Returns the residual, `not_finite` and, if `rows` is not 0, the descent.
        fn residual(&self, signed: bool, set: InstructionSet, rows: usize) -> [Vec<T>; 3] {
            let (mut residual, mut not_finite) = (dirty::<T>(1), dirty::<T>(1));
            let mut descent = dirty::<T>(rows);
            let kernel = Residual {
                signed,
                gram: &Panels::pack(self.gram.as_ref(), padded(ATOMS)),
                diagonal: &self.diagonal,
                lambda1: &self.lambda1,
                correlations: &self.correlations,
                multiplied: &self.multiplied,
                codes: &self.codes,
                descent: &mut descent,
                residual: &mut residual,
                not_finite: &mut not_finite,
            };
            T::run_on(set, kernel);
            [residual, not_finite, descent]
        }
    }

    /// Tests the residual against its definition in f64. A number undergoes at most n roundings in
    /// the product and 6 others, each relative to at most the sum of all absolute values.
    fn is_the_definition<T: Scalar>() {
        let columns = Columns::<T>::random();
        for set in InstructionSet::available() {
            for signed in [false, true] {
                let [residual, not_finite, descent] = columns.residual(signed, set, padded(ATOMS));
                let [alone, _, _] = columns.residual(signed, set, 0);
                assert_eq!(alone, residual);
                for k in 0..T::tile() {
                    let (mut worst, mut bound) = (0.0_f64, 0.0_f64);
                    for j in 0..ATOMS {
                        let c = at(&columns.correlations, j, k);
                        let terms = (0..ATOMS)
                            .map(|i| columns.gram[(j, i)].to_f64() * at(&columns.multiplied, i, k));
                        let scaled = columns.diagonal[j].to_f64() * at(&columns.codes, j, k);
                        let lambda1 = columns.lambda1[j].to_f64();
                        let free = scaled - (terms.clone().sum::<f64>() - c);
                        worst = worst.max((scaled - prox(free, lambda1, signed)).abs());
                        let sizes = terms.map(f64::abs).sum::<f64>() + c.abs() + scaled.abs();
                        let roundings = (ATOMS + 6) as f64 * T::EPSILON.to_f64();
                        bound = bound.max(roundings * (sizes + lambda1));
                        assert_close(at(&descent, j, k), free - scaled, bound, "descent");
                    }
                    assert_close(at(&residual, 0, k), worst, bound, "residual");
                    assert_eq!(not_finite[k], T::ZERO);
                }
            }
        }
    }

    /// Tests that a non-finite number in any row marks its own column and no other.
    fn what_is_not_finite_is_carried<T: Scalar>() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for (row, column) in [(0, 0), (3, T::tile() - 1), (ATOMS - 1, 5)] {
                for place in 0..3 {
                    let mut columns = Columns::<T>::random();
                    let Columns {
                        correlations,
                        multiplied,
                        codes,
                        ..
                    } = &mut columns;
                    [correlations, multiplied, codes][place][row * T::tile() + column] =
                        T::from_f64(bad);
                    for set in InstructionSet::available() {
                        let [_, not_finite, _] = columns.residual(true, set, 0);
                        for (k, value) in not_finite.iter().enumerate() {
                            assert_eq!(
                                value.to_f64().is_nan(),
                                k == column,
                                "{bad} in row {row}, column {k}"
                            );
                        }
                    }
                }
            }
        }
    }

    /// Tests for exact equality.
    fn scale<T: Scalar>() {
        for rows in [1, 4, 8] {
            for bad in [None, Some(f64::NAN), Some(f64::INFINITY)] {
                let mut values = tile::<T>(rows, 9);
                if let Some(bad) = bad {
                    values[(rows - 1) / 2 * T::tile() + 5] = T::from_f64(bad);
                }
                for set in InstructionSet::available() {
                    let mut scale = dirty::<T>(1);
                    let kernel = ColumnScale {
                        values: &values,
                        scale: &mut scale,
                    };
                    T::run_on(set, kernel);
                    for k in 0..T::tile() {
                        if k == 5 && bad.is_some() {
                            assert!(at(&scale, 0, k).is_nan());
                            continue;
                        }
                        let sizes = (0..rows).map(|i| at(&values, i, k).abs());
                        assert_eq!(at(&scale, 0, k), sizes.fold(0.0, f64::max));
                    }
                }
            }
        }
    }

    /// Tests for exact equality: division rounds in one way only.
    fn largest_quotient<T: Scalar>() {
        let (mut a, b) = (tile::<T>(1, 1), tile::<T>(1, 2));
        let b: Vec<T> = b.iter().map(|b| b.magnitude()).collect();
        for place in 0..T::tile() {
            a[place] += T::from_f64(10.0);
            let quotients = a.iter().zip(&b).map(|(&a, &b)| (a / b).to_f64());
            let expected = quotients.fold(0.0, f64::max);
            for set in InstructionSet::available() {
                let found = T::run_on(set, LargestQuotient { a: &a, b: &b });
                assert_eq!(found.to_f64(), expected);
            }
        }
        let negative: Vec<T> = b.iter().map(|&b| -b).collect();
        let found = T::dispatch(LargestQuotient {
            a: &negative,
            b: &b,
        });
        assert_eq!(found, T::ZERO);
    }

    #[test]
    fn residual_is_the_definition() {
        is_the_definition::<f32>();
        is_the_definition::<f64>();
    }

    #[test]
    fn residual_carries_what_is_not_finite() {
        what_is_not_finite_is_carried::<f32>();
        what_is_not_finite_is_carried::<f64>();
    }

    #[test]
    fn scale_is_the_largest_or_not_finite() {
        scale::<f32>();
        scale::<f64>();
    }

    /// Tests for exact equality, with the largest number in every place, and for 0 if all are
    /// negative.
    fn largest<T: Scalar>() {
        for place in 0..T::tile() {
            let mut values = tile::<T>(1, 1);
            values[place] += T::from_f64(10.0);
            let negative: Vec<T> = values.iter().map(|v| -v.magnitude()).collect();
            for set in InstructionSet::available() {
                assert_eq!(T::run_on(set, Largest(&values)), values[place]);
                assert_eq!(T::run_on(set, Largest(&negative)), T::ZERO);
            }
        }
    }

    #[test]
    fn the_largest_is_found_wherever_it_is() {
        largest::<f32>();
        largest::<f64>();
    }

    #[test]
    fn the_largest_quotient_is_found_wherever_it_is() {
        largest_quotient::<f32>();
        largest_quotient::<f64>();
    }
}
