//! The sums over atoms from which a duality gap is computed.

use crate::tile::{Kernel, Lanes, Real};

/// Sums over all atoms j for each column, with `d = c - H a` and `v = d + λ2 a`:
///
/// | row | |
/// |---|---|
/// | `FENCHEL` | `sum λ1 \|a\| + λ2/2 a² + max(\|v\| - λ1, 0)² / (2 λ2) - a v` |
/// | `ABSOLUTE` | `sum λ1 \|a\|` |
/// | `PULL` | `sum a d` |
/// | `CORRELATION` | `sum c a` |
/// | `REACH` | `max \|d\| / λ1`, at least 0 |
/// | `LOWEST` | `min a`, at most 0 |
/// | `ACTIVE` | number of entries of a that are not 0 |
///
/// For nonnegative codes, v and d enter without the absolute value.
pub struct GapSums<'a, T> {
    pub signed: bool,
    /// Padded with zeros.
    pub lambda1: &'a [T],
    pub lambda2: T,
    pub correlations: &'a [T],
    pub codes: &'a [T],
    pub descent: &'a [T],
    /// Receives the rows above.
    pub sums: &'a mut [T],
}

pub(crate) const FENCHEL: usize = 0;
pub(crate) const ABSOLUTE: usize = 1;
pub(crate) const PULL: usize = 2;
pub(crate) const CORRELATION: usize = 3;
pub(crate) const REACH: usize = 4;
pub(crate) const LOWEST: usize = 5;
pub(crate) const ACTIVE: usize = 6;
/// The number of rows of sums.
pub(crate) const ROWS: usize = 7;

impl<T: Real> Kernel<T> for GapSums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let registers = T::tile() / L::COUNT;
        let (correlations, codes) = (L::vectors(self.correlations), L::vectors(self.codes));
        let descents = L::vectors(self.descent);
        let sums = L::vectors_mut(self.sums);
        let (zero, least) = (lanes.splat(T::ZERO), T::MIN_POSITIVE);
        let lambda2 = lanes.splat(self.lambda2);
        let half = T::from_f64(0.5);
        let half_lambda2 = lanes.splat(half * self.lambda2);
        // The first row is meaningless without λ2.
        let per_lambda2 = match self.lambda2 > T::ZERO {
            true => half / self.lambda2,
            false => T::ZERO,
        };
        let per_lambda2 = lanes.splat(per_lambda2);
        for register in 0..registers {
            let mut found = [zero; ROWS];
            for (j, &weight) in self.lambda1.iter().enumerate() {
                let at = j * registers + register;
                let (c, a, d) = (correlations[at], codes[at], descents[at]);
                let lambda1 = lanes.splat(weight);
                // Practically infinite if λ1 is 0, but 0 times it is 0.
                let per_lambda1 = T::ONE / if weight > least { weight } else { least };
                let v = lanes.mul_add(lambda2, a, d);
                // For nonnegative codes `|a|` is `a`; a negative `a` makes the gap infinite anyway.
                let (mut size_v, mut size_d) = (lanes.max(v, zero), lanes.max(d, zero));
                let mut size_a = a;
                if self.signed {
                    let size = |value| lanes.max(value, lanes.sub(zero, value));
                    (size_v, size_d, size_a) = (size(v), size(d), size(a));
                }
                let beyond = lanes.max(lanes.sub(size_v, lambda1), zero);
                let absolute = lanes.mul(lambda1, size_a);
                let conjugate = lanes.mul(lanes.mul(beyond, beyond), per_lambda2);
                let squares = lanes.mul_add(lanes.mul(half_lambda2, a), a, conjugate);
                // Never negative, up to rounding.
                let term = lanes.negate_mul_add(a, v, lanes.add(absolute, squares));
                let reach = lanes.mul(size_d, lanes.splat(per_lambda1));
                let nonzero = lanes.where_nonzero(a, lanes.splat(T::ONE));
                found[FENCHEL] = lanes.add(found[FENCHEL], term);
                found[ABSOLUTE] = lanes.add(found[ABSOLUTE], absolute);
                found[PULL] = lanes.mul_add(a, d, found[PULL]);
                found[CORRELATION] = lanes.mul_add(c, a, found[CORRELATION]);
                found[REACH] = lanes.max(reach, found[REACH]);
                found[LOWEST] = lanes.min(a, found[LOWEST]);
                found[ACTIVE] = lanes.add(found[ACTIVE], nonzero);
            }
            for (row, found) in found.into_iter().enumerate() {
                sums[row * registers + register] = found;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{assert_close, at, dirty, tile};
    use super::*;
    use crate::tile::InstructionSet;
    use crate::tile::Scalar;

    const ATOMS: usize = 8;

    /// Tests the sums against their definitions in f64. Each term undergoes a few roundings, and a
    /// sum of n terms n more.
    fn sums_are_their_definitions<T: Scalar>(signed: bool, lambda2: f64) {
        let lambda1: Vec<T> = (0..ATOMS).map(|j| T::from_f64(0.1 * j as f64)).collect();
        let (correlations, descent) = (tile::<T>(ATOMS, 1), tile::<T>(ATOMS, 3));
        let mut codes = tile::<T>(ATOMS, 2);
        for (at, code) in codes.iter_mut().enumerate() {
            let size = if signed { *code } else { code.magnitude() };
            *code = if at % 3 == 0 { T::ZERO } else { size };
        }
        for set in InstructionSet::available() {
            let mut sums = dirty::<T>(ROWS);
            let kernel = GapSums {
                signed,
                lambda1: &lambda1,
                lambda2: T::from_f64(lambda2),
                correlations: &correlations,
                codes: &codes,
                descent: &descent,
                sums: &mut sums,
            };
            T::run_on(set, kernel);
            for k in 0..T::tile() {
                let mut expected = [0.0_f64; ROWS];
                let mut sizes = 1.0;
                for (j, lambda1) in lambda1.iter().map(|weight| weight.to_f64()).enumerate() {
                    let (c, a) = (at(&correlations, j, k), at(&codes, j, k));
                    let d = at(&descent, j, k);
                    let v = d + lambda2 * a;
                    let size = |v: f64| if signed { v.abs() } else { v.max(0.0) };
                    let beyond = (size(v) - lambda1).max(0.0);
                    let squares = 0.5 * lambda2 * a * a;
                    expected[FENCHEL] += lambda1 * a.abs() + squares - a * v;
                    if lambda2 > 0.0 {
                        expected[FENCHEL] += beyond * beyond / (2.0 * lambda2);
                    }
                    expected[ABSOLUTE] += lambda1 * a.abs();
                    expected[PULL] += a * d;
                    expected[CORRELATION] += c * a;
                    if j > 0 {
                        expected[REACH] = expected[REACH].max(size(d) / lambda1);
                    }
                    expected[LOWEST] = expected[LOWEST].min(a);
                    expected[ACTIVE] += f64::from(u8::from(a != 0.0));
                    sizes += (c.abs() + v.abs() + lambda1 + a.abs()).powi(2);
                    sizes += beyond * beyond / (2.0 * lambda2.max(0.1));
                }
                let bound = (ATOMS + 8) as f64 * T::EPSILON.to_f64() * sizes;
                for (row, expected) in expected.into_iter().enumerate() {
                    if row == REACH {
                        // The atom with λ1 = 0 makes the reach practically infinite unless its d is
                        // clipped to 0.
                        let pulled = at(&descent, 0, k) > 0.0 || signed;
                        let reach = at(&sums, REACH, k);
                        assert!(!pulled || reach > 1e30 || at(&descent, 0, k).abs() < 1e-6);
                        if !pulled {
                            assert_close(reach, expected, 10.0 * bound, "reach");
                        }
                    } else {
                        assert_close(at(&sums, row, k), expected, bound, "sum");
                    }
                }
            }
        }
    }

    #[test]
    fn sums_are_what_they_say() {
        for signed in [false, true] {
            for lambda2 in [0.0, 0.25] {
                sums_are_their_definitions::<f32>(signed, lambda2);
                sums_are_their_definitions::<f64>(signed, lambda2);
            }
        }
    }
}
