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
