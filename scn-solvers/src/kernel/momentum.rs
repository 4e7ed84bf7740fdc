//! The step of FISTA on a tile, after `H z` is known.

use super::{Kernel, Lanes};
use crate::Scalar;

/// What FISTA keeps between passes. All but `momentum` are tiles with one row per padded atom.
pub(crate) struct MomentumState<'a, T> {
    /// `a_k` on entry, `a_{k+1}` on return.
    pub(crate) codes: &'a mut [T],
    /// `z_k` on entry, `z_{k+1}` on return.
    pub(crate) extrapolated: &'a mut [T],
    /// `H z_k` on entry, scratch on return.
    pub(crate) gram_extrapolated: &'a mut [T],
    /// `s_k`, one per column of the tile.
    pub(crate) momentum: &'a mut [T],
}

/// ```text
/// a_{k+1} = prox(z_k - (H z_k - c) / L)
/// s_{k+1} = (1 + sqrt(1 + 4 s_k²)) / 2
/// z_{k+1} = a_{k+1} + (s_k - 1) / s_{k+1} (a_{k+1} - a_k)
/// ```
///
/// A column whose step points uphill, `(z_k - a_{k+1})'(a_{k+1} - a_k) > 0`, restarts with s = 1 if `restart` is set.
///
/// `change` receives per column `L max_j |a_{k+1} - z_k|`, the size of the proximal gradient at z_k.
pub(crate) struct Momentum<'a, T> {
    pub(crate) signed: bool,
    pub(crate) restart: bool,
    pub(crate) lipschitz: T,
    pub(crate) lambda1: &'a [T],
    pub(crate) correlations: &'a [T],
    pub(crate) state: MomentumState<'a, T>,
    pub(crate) change: &'a mut [T],
    /// Scratch, one per column of the tile.
    pub(crate) uphill: &'a mut [T],
}

impl<T: Scalar> Kernel<T> for Momentum<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let registers = T::TILE / L::COUNT;
        let zero = lanes.splat(T::ZERO);
        let lipschitz = lanes.splat(self.lipschitz);
        let step = lanes.splat(T::ONE / self.lipschitz);
        let correlations = L::vectors(self.correlations);
        let codes = L::vectors_mut(self.state.codes);
        let extrapolated = L::vectors_mut(self.state.extrapolated);
        let product = L::vectors_mut(self.state.gram_extrapolated);

        // The new codes, left in `product`, and the sign of the restart test.
        {
            let change = L::vectors_mut(self.change);
            let uphill = L::vectors_mut(self.uphill);
            change.fill(zero);
            uphill.fill(zero);
            for (atom, &lambda1) in self.lambda1.iter().enumerate() {
                let threshold = lanes.mul(lanes.splat(lambda1), step);
                for v in 0..registers {
                    let at = atom * registers + v;
                    let gradient = lanes.sub(product[at], correlations[at]);
                    let free = lanes.negate_mul_add(gradient, step, extrapolated[at]);
                    let mut new = lanes.max(lanes.sub(free, threshold), zero);
                    if self.signed {
                        new = lanes.add(new, lanes.min(lanes.add(free, threshold), zero));
                    }
                    let back = lanes.sub(extrapolated[at], new);
                    change[v] = lanes.max(change[v], lanes.mul(lanes.abs(back), lipschitz));
                    uphill[v] = lanes.mul_add(back, lanes.sub(new, codes[at]), uphill[v]);
                    product[at] = new;
                }
            }
        }

        // `uphill` becomes the weight of the extrapolation.
        for (momentum, weight) in self.state.momentum.iter_mut().zip(self.uphill.iter_mut()) {
            let s = momentum.to_f64();
            if self.restart && *weight > T::ZERO {
                *momentum = T::ONE;
                *weight = T::ZERO;
            } else {
                let next = 0.5 * (1.0 + (1.0 + 4.0 * s * s).sqrt());
                *momentum = T::from_f64(next);
                *weight = T::from_f64((s - 1.0) / next);
            }
        }

        let weight = L::vectors(self.uphill);
        for at in 0..codes.len().min(product.len()) {
            let step = lanes.sub(product[at], codes[at]);
            extrapolated[at] = lanes.mul_add(weight[at % registers], step, product[at]);
            codes[at] = product[at];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::check::{assert_close, at, dirty, tile};
    use crate::kkt::prox;

    const ATOMS: usize = 6;

    struct Step<T> {
        codes: Vec<T>,
        extrapolated: Vec<T>,
        momentum: Vec<T>,
        change: Vec<T>,
    }

    fn tiles<T: Scalar>() -> [Vec<T>; 4] {
        // Two rows of padding, zero as in every tile.
        [1, 2, 3, 4].map(|seed| {
            let mut tile = tile::<T>(ATOMS + 2, seed);
            tile[ATOMS * T::TILE..].fill(T::ZERO);
            tile
        })
    }

    fn step<T: Scalar>(
        signed: bool,
        restart: bool,
        lipschitz: T,
        lambda1: &[T],
        scalar: bool,
    ) -> Step<T>
    where
        pulp::Scalar: Lanes<T>,
    {
        let [correlations, mut codes, mut extrapolated, mut product] = tiles::<T>();
        let mut momentum: Vec<T> = (0..T::TILE).map(|k| T::from_f64(1.0 + k as f64)).collect();
        let (mut change, mut uphill) = (dirty::<T>(1), dirty::<T>(1));
        let kernel = Momentum {
            signed,
            restart,
            lipschitz,
            lambda1,
            correlations: &correlations,
            state: MomentumState {
                codes: &mut codes,
                extrapolated: &mut extrapolated,
                gram_extrapolated: &mut product,
                momentum: &mut momentum,
            },
            change: &mut change,
            uphill: &mut uphill,
        };
        if scalar {
            kernel.run(pulp::Scalar::new())
        } else {
            T::dispatch(kernel)
        }
        Step {
            codes,
            extrapolated,
            momentum,
            change,
        }
    }

    /// Against the three formulas in f64: each result passes through at most 12 roundings, each relative to no more than the
    /// sum `size` of the sizes of all that enters (extrapolation adds and subtracts no more than twice that).
    fn is_the_formula<T: Scalar>()
    where
        pulp::Scalar: Lanes<T>,
    {
        let lipschitz = 2.5;
        let lambda1: Vec<T> = (0..ATOMS).map(|j| T::from_f64(0.2 * j as f64)).collect();
        let [correlations, old, z, product] = tiles::<T>();
        let (mut restarts, mut steps) = (0, 0);
        for case in 0..8 {
            let (signed, restart, scalar) = (case & 1 != 0, case & 2 != 0, case & 4 != 0);
            let found = step(signed, restart, T::from_f64(lipschitz), &lambda1, scalar);
            assert!(
                found.codes[ATOMS * T::TILE..].iter().all(|&a| a == T::ZERO),
                "padding"
            );
            assert!(
                found.extrapolated[ATOMS * T::TILE..]
                    .iter()
                    .all(|&z| z == T::ZERO),
                "padding"
            );
            for k in 0..T::TILE {
                let new = |j: usize| {
                    let gradient = at(&product, j, k) - at(&correlations, j, k);
                    prox(
                        at(&z, j, k) - gradient / lipschitz,
                        lambda1[j].to_f64() / lipschitz,
                        signed,
                    )
                };
                let size = |j: usize| {
                    let gradient = at(&product, j, k).abs() + at(&correlations, j, k).abs();
                    at(&z, j, k).abs()
                        + at(&old, j, k).abs()
                        + (gradient + lambda1[j].to_f64()) / lipschitz
                };
                let bound = |j: usize| 12.0 * T::EPSILON.to_f64() * size(j);
                let terms = (0..ATOMS).map(|j| (at(&z, j, k) - new(j)) * (new(j) - at(&old, j, k)));
                let uphill: f64 = terms.sum();
                // Too close to call in this precision: both factors of each term are below its size.
                let doubt: f64 = (0..ATOMS).map(|j| 4.0 * bound(j) * size(j)).sum();
                assert!(
                    uphill.abs() > doubt,
                    "the numbers of this test were to be clear cases"
                );
                let s = 1.0 + k as f64;
                let (next, weight) = if restart && uphill > 0.0 {
                    restarts += 1;
                    (1.0, 0.0)
                } else {
                    steps += 1;
                    let next = (1.0 + (1.0 + 4.0 * s * s).sqrt()) / 2.0;
                    (next, (s - 1.0) / next)
                };
                assert_close(
                    found.momentum[k].to_f64(),
                    next,
                    T::EPSILON.to_f64() * next,
                    "momentum",
                );
                let mut largest = (0.0_f64, 0.0_f64);
                for j in 0..ATOMS {
                    assert_close(at(&found.codes, j, k), new(j), bound(j), "code");
                    let expected = new(j) + weight * (new(j) - at(&old, j, k));
                    assert_close(
                        at(&found.extrapolated, j, k),
                        expected,
                        3.0 * bound(j),
                        "extrapolated",
                    );
                    largest.0 = largest.0.max(lipschitz * (at(&z, j, k) - new(j)).abs());
                    largest.1 = largest.1.max(lipschitz * 2.0 * bound(j));
                }
                assert_close(at(&found.change, 0, k), largest.0, largest.1, "change");
            }
        }
        assert!(restarts > 0 && steps > 0, "both branches are to be seen");
    }

    #[test]
    fn momentum_is_the_formula() {
        is_the_formula::<f32>();
        is_the_formula::<f64>();
    }
}
