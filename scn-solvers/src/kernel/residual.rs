//! The KKT residual of a tile, and the test for numbers that are not finite.

use super::{Kernel, Lanes};
use crate::Scalar;

/// Per column `max_j | H_jj a_j - prox(H_jj a_j - g_j) |`, with `g = H a - c` and the proximal map of `λ1 |.|` (and of
/// `a >= 0`): see [`kkt`](crate::kkt).
pub(crate) struct Residual<'a, T> {
    pub(crate) signed: bool,
    pub(crate) diagonal: &'a [T],
    pub(crate) lambda1: &'a [T],
    pub(crate) correlations: &'a [T],
    pub(crate) codes: &'a [T],
    /// `H a`
    pub(crate) gram_codes: &'a [T],
    /// One entry per column of the tile.
    pub(crate) residual: &'a mut [T],
    /// One entry per column of the tile: 0, or NaN where a number on the way was not finite, which a maximum may lose.
    pub(crate) poison: &'a mut [T],
}

impl<T: Scalar> Kernel<T> for Residual<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let registers = T::TILE / L::COUNT;
        let zero = lanes.splat(T::ZERO);
        let residual = L::vectors_mut(self.residual);
        let poison = L::vectors_mut(self.poison);
        residual.fill(zero);
        poison.fill(zero);
        let rows = L::vectors(self.correlations)
            .chunks_exact(registers)
            .zip(L::vectors(self.codes).chunks_exact(registers))
            .zip(L::vectors(self.gram_codes).chunks_exact(registers))
            .zip(self.diagonal.iter().zip(self.lambda1));
        for (((correlations, codes), gram_codes), (&diagonal, &lambda1)) in rows {
            let diagonal = lanes.splat(diagonal);
            let lambda1 = lanes.splat(lambda1);
            for v in 0..registers {
                let gradient = lanes.sub(gram_codes[v], correlations[v]);
                let scaled = lanes.mul(diagonal, codes[v]);
                let free = lanes.sub(scaled, gradient);
                poison[v] = lanes.mul_add(free, zero, poison[v]);
                let mut prox = lanes.max(lanes.sub(free, lambda1), zero);
                if self.signed {
                    prox = lanes.add(prox, lanes.min(lanes.add(free, lambda1), zero));
                }
                residual[v] = lanes.max(residual[v], lanes.abs(lanes.sub(scaled, prox)));
            }
        }
    }
}

/// Per column `max_j |c_j|` and `sum_j |c_j|`. The sum carries a NaN or an infinity, which the maximum may lose.
pub(crate) struct Screen<'a, T> {
    pub(crate) values: &'a [T],
    pub(crate) largest: &'a mut [T],
    pub(crate) sum: &'a mut [T],
}

impl<T: Scalar> Kernel<T> for Screen<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let registers = T::TILE / L::COUNT;
        let largest = L::vectors_mut(self.largest);
        let sum = L::vectors_mut(self.sum);
        largest.fill(lanes.splat(T::ZERO));
        sum.fill(lanes.splat(T::ZERO));
        for row in L::vectors(self.values).chunks_exact(registers) {
            for v in 0..registers {
                let size = lanes.abs(row[v]);
                largest[v] = lanes.max(largest[v], size);
                sum[v] = lanes.add(sum[v], size);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::check::{assert_close, at, dirty, tile};
    use crate::kkt::prox;
    use crate::testing::normal_matrix;

    const ATOMS: usize = 7;

    struct Columns<T> {
        diagonal: Vec<T>,
        lambda1: Vec<T>,
        correlations: Vec<T>,
        codes: Vec<T>,
        gram_codes: Vec<T>,
    }

    impl<T: Scalar> Columns<T> {
        fn random() -> Self {
            let positive = |seed| {
                let column = normal_matrix::<T>(ATOMS, 1, seed);
                column
                    .col(0)
                    .iter()
                    .map(|value| value.magnitude())
                    .collect::<Vec<_>>()
            };
            // A padded row more than there are atoms.
            let random = |seed| tile::<T>(ATOMS + 1, seed);
            Self {
                diagonal: positive(1),
                lambda1: positive(2),
                correlations: random(3),
                codes: random(4),
                gram_codes: random(5),
            }
        }

        fn residual(&self, signed: bool, scalar: bool) -> [Vec<T>; 2]
        where
            pulp::Scalar: Lanes<T>,
        {
            let (mut residual, mut poison) = (dirty::<T>(1), dirty::<T>(1));
            let kernel = Residual {
                signed,
                diagonal: &self.diagonal,
                lambda1: &self.lambda1,
                correlations: &self.correlations,
                codes: &self.codes,
                gram_codes: &self.gram_codes,
                residual: &mut residual,
                poison: &mut poison,
            };
            if scalar {
                kernel.run(pulp::Scalar::new())
            } else {
                T::dispatch(kernel)
            }
            [residual, poison]
        }
    }

    /// Against the definition in f64. Each number passes through at most 6 roundings, each relative to no more than the
    /// sum of all sizes.
    fn is_the_definition<T: Scalar>()
    where
        pulp::Scalar: Lanes<T>,
    {
        let columns = Columns::<T>::random();
        for (signed, scalar) in [(false, false), (false, true), (true, false), (true, true)] {
            let [residual, poison] = columns.residual(signed, scalar);
            for k in 0..T::TILE {
                let (mut worst, mut bound) = (0.0_f64, 0.0_f64);
                for j in 0..ATOMS {
                    let (c, product) = (
                        at(&columns.correlations, j, k),
                        at(&columns.gram_codes, j, k),
                    );
                    let scaled = columns.diagonal[j].to_f64() * at(&columns.codes, j, k);
                    let lambda1 = columns.lambda1[j].to_f64();
                    let free = scaled - (product - c);
                    worst = worst.max((scaled - prox(free, lambda1, signed)).abs());
                    let size = c.abs() + product.abs() + scaled.abs() + lambda1;
                    bound = bound.max(6.0 * T::EPSILON.to_f64() * size);
                }
                assert_close(at(&residual, 0, k), worst, bound, "residual");
                assert_eq!(poison[k], T::ZERO);
            }
        }
    }

    /// Whatever row it is in, a number that is not finite reaches the poison of its own column and of no other.
    fn poison_is_carried<T: Scalar>()
    where
        pulp::Scalar: Lanes<T>,
    {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for (row, column) in [(0, 0), (3, T::TILE - 1), (ATOMS - 1, 5)] {
                for place in 0..3 {
                    let mut columns = Columns::<T>::random();
                    let Columns {
                        correlations,
                        codes,
                        gram_codes,
                        ..
                    } = &mut columns;
                    [correlations, codes, gram_codes][place][row * T::TILE + column] =
                        T::from_f64(bad);
                    for scalar in [false, true] {
                        let [_, poison] = columns.residual(true, scalar);
                        for (k, value) in poison.iter().enumerate() {
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

    /// The maximum to the bit; the sum of r terms within `r ε` of itself.
    fn screen<T: Scalar>()
    where
        pulp::Scalar: Lanes<T>,
    {
        for rows in [1, 4, 8] {
            for bad in [None, Some(f64::NAN), Some(f64::INFINITY)] {
                let mut values = tile::<T>(rows, 9);
                if let Some(bad) = bad {
                    values[(rows - 1) / 2 * T::TILE + 5] = T::from_f64(bad);
                }
                for scalar in [false, true] {
                    let (mut largest, mut sum) = (dirty::<T>(1), dirty::<T>(1));
                    let kernel = Screen {
                        values: &values,
                        largest: &mut largest,
                        sum: &mut sum,
                    };
                    if scalar {
                        kernel.run(pulp::Scalar::new())
                    } else {
                        T::dispatch(kernel)
                    }
                    for k in 0..T::TILE {
                        if k == 5 && bad.is_some() {
                            assert!(!sum[k].finite());
                            continue;
                        }
                        let sizes = (0..rows).map(|i| at(&values, i, k).abs());
                        assert_eq!(at(&largest, 0, k), sizes.clone().fold(0.0, f64::max));
                        let total: f64 = sizes.sum();
                        assert_close(
                            at(&sum, 0, k),
                            total,
                            rows as f64 * T::EPSILON.to_f64() * total,
                            "sum",
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn residual_is_the_definition() {
        is_the_definition::<f32>();
        is_the_definition::<f64>();
    }

    #[test]
    fn residual_carries_what_is_not_finite() {
        poison_is_carried::<f32>();
        poison_is_carried::<f64>();
    }

    #[test]
    fn screen_finds_the_largest_and_what_is_not_finite() {
        screen::<f32>();
        screen::<f64>();
    }
}
