//! A step of FISTA on a tile. The product with `H`, the proximal step and the extrapolation visit
//! each entry once.

use super::product::{LARGEST_GROUP, Sums, load_rows, subtract_product, with_registers};
use crate::tile::{Kernel, Lanes, PANEL, Panels, Real};

/// The state of FISTA between passes: tiles with one row per padded atom, and one weight per
/// column.
pub struct FistaState<'a, T> {
    /// `a_k` on entry, `a_{k+1}` on return.
    pub codes: &'a mut [T],
    /// `z_k`
    pub extrapolated: &'a [T],
    /// `z_{k+1}` on return.
    pub next_extrapolated: &'a mut [T],
    /// `(s_k - 1) / s_{k+1}`, one per column of the tile.
    pub weight: &'a [T],
}

/// One step of FISTA:
///
/// ```text
/// a_{k+1} = prox(z_k - (H z_k - c) / L)
/// z_{k+1} = a_{k+1} + (s_k - 1) / s_{k+1} (a_{k+1} - a_k)
/// ```
pub struct FistaStep<'a, T> {
    pub signed: bool,
    pub gram: &'a Panels<T>,
    pub lipschitz: T,
    /// λ1 per atom, padded with zeros.
    pub lambda1: &'a [T],
    pub correlations: &'a [T],
    pub state: FistaState<'a, T>,
    /// Whether to compute `change` and `uphill`, which costs a third of the work outside the
    /// product.
    pub measure: bool,
    /// `L max_j |a_{k+1} - z_k|` of each column, the size of the proximal gradient at z_k.
    pub change: &'a mut [T],
    /// `(z_k - a_{k+1})'(a_{k+1} - a_k)` of each column: positive if the step goes against the
    /// momentum.
    pub uphill: &'a mut [T],
}

impl<T: Real> Kernel<T> for FistaStep<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        with_registers!(self, lanes, T, L);
    }
}

impl<T: Real> FistaStep<'_, T> {
    #[inline(always)]
    fn run_with<L: Lanes<T>>(self, lanes: L, registers: usize) {
        let zero = lanes.splat(T::ZERO);
        let correlations = L::vectors(self.correlations);
        let z = L::vectors(self.state.extrapolated);
        let codes = L::vectors_mut(self.state.codes);
        let next = L::vectors_mut(self.state.next_extrapolated);
        let weight = L::vectors(self.state.weight);
        let change = L::vectors_mut(self.change);
        let uphill = L::vectors_mut(self.uphill);
        if self.measure {
            change.fill(zero);
            uphill.fill(zero);
        }
        for (index, panel) in self.gram.panels().enumerate() {
            let first = index * PANEL;
            for group in (0..registers).step_by(L::GROUP) {
                let at = first * registers + group;
                let mut descent = load_rows::<T, L>(lanes, &correlations[at..], registers);
                subtract_product::<T, L>(lanes, panel, z, registers, group, &mut descent);
                let mut step = ProximalStep {
                    lanes,
                    signed: self.signed,
                    measure: self.measure,
                    lipschitz: lanes.splat(self.lipschitz),
                    inverse: lanes.splat(T::ONE / self.lipschitz),
                    lambda1: &self.lambda1[first..first + PANEL],
                    descent,
                    weight: &weight[group..group + L::GROUP],
                    change: [zero; LARGEST_GROUP],
                    uphill: [zero; LARGEST_GROUP],
                };
                let end = at + 3 * registers + L::GROUP;
                let (z, codes) = (&z[at..end], &mut codes[at..end]);
                let next = &mut next[at..end];
                step.row::<0>(z, codes, next, 0);
                step.row::<1>(z, codes, next, registers);
                step.row::<2>(z, codes, next, 2 * registers);
                step.row::<3>(z, codes, next, 3 * registers);
                if self.measure {
                    for v in 0..L::GROUP {
                        let (change, uphill) = (&mut change[group + v], &mut uphill[group + v]);
                        *change = lanes.max(*change, step.change[v]);
                        *uphill = lanes.add(*uphill, step.uphill[v]);
                    }
                }
            }
        }
    }
}

/// Four atoms whose gradients are known.
struct ProximalStep<'a, T, L: Lanes<T>> {
    lanes: L,
    signed: bool,
    measure: bool,
    lipschitz: L::Vector,
    inverse: L::Vector,
    lambda1: &'a [T],
    /// `c - H z`
    descent: Sums<L::Vector>,
    weight: &'a [L::Vector],
    change: [L::Vector; LARGEST_GROUP],
    uphill: [L::Vector; LARGEST_GROUP],
}

impl<T: Real, L: Lanes<T>> ProximalStep<'_, T, L> {
    /// Moves atom ROW. As ROW is a constant, all four atoms are unrolled and the sums stay in
    /// registers.
    #[inline(always)]
    fn row<const ROW: usize>(
        &mut self,
        z: &[L::Vector],
        codes: &mut [L::Vector],
        next: &mut [L::Vector],
        at: usize,
    ) {
        let lanes = self.lanes;
        let zero = lanes.splat(T::ZERO);
        let threshold = lanes.mul(lanes.splat(self.lambda1[ROW]), self.inverse);
        let z = &z[at..at + L::GROUP];
        let codes = &mut codes[at..at + L::GROUP];
        let next = &mut next[at..at + L::GROUP];
        for v in 0..L::GROUP {
            let free = lanes.mul_add(self.descent[ROW][v], self.inverse, z[v]);
            let mut new = lanes.max(lanes.sub(free, threshold), zero);
            if self.signed {
                new = lanes.add(new, lanes.min(lanes.add(free, threshold), zero));
            }
            let forward = lanes.sub(new, codes[v]);
            if self.measure {
                let back = lanes.sub(z[v], new);
                let size = lanes.mul(lanes.abs(back), self.lipschitz);
                self.change[v] = lanes.max(self.change[v], size);
                self.uphill[v] = lanes.mul_add(back, forward, self.uphill[v]);
            }
            next[v] = lanes.mul_add(self.weight[v], forward, new);
            codes[v] = new;
        }
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

    const ATOMS: usize = 6;
    const LIPSCHITZ: f64 = 2.5;

    struct Before<T: Scalar> {
        gram: Mat<T>,
        lambda1: Vec<T>,
        correlations: Vec<T>,
        codes: Vec<T>,
        extrapolated: Vec<T>,
        weight: Vec<T>,
    }

    struct After<T> {
        codes: Vec<T>,
        extrapolated: Vec<T>,
        change: Vec<T>,
        uphill: Vec<T>,
    }

    impl<T: Scalar> Before<T> {
        fn random() -> Self {
            // Padding is zero, as in every tile.
            let random = |seed| {
                let mut tile = tile::<T>(padded(ATOMS), seed);
                tile[ATOMS * T::tile()..].fill(T::ZERO);
                tile
            };
            let mut lambda1: Vec<T> = (0..ATOMS).map(|j| T::from_f64(0.2 * j as f64)).collect();
            lambda1.resize(padded(ATOMS), T::ZERO);
            Self {
                gram: normal_matrix(ATOMS, ATOMS, 4),
                lambda1,
                correlations: random(1),
                codes: random(2),
                extrapolated: random(3),
                weight: (0..T::tile())
                    .map(|k| T::from_f64(k as f64 / (k as f64 + 3.0)))
                    .collect(),
            }
        }

        fn step(&self, signed: bool, measure: bool, set: InstructionSet) -> After<T> {
            let mut after = After {
                codes: self.codes.clone(),
                extrapolated: dirty::<T>(padded(ATOMS)),
                change: dirty::<T>(1),
                uphill: dirty::<T>(1),
            };
            let kernel = FistaStep {
                signed,
                gram: &Panels::pack(self.gram.as_ref(), padded(ATOMS)),
                lipschitz: T::from_f64(LIPSCHITZ),
                lambda1: &self.lambda1,
                correlations: &self.correlations,
                state: FistaState {
                    codes: &mut after.codes,
                    extrapolated: &self.extrapolated,
                    next_extrapolated: &mut after.extrapolated,
                    weight: &self.weight,
                },
                measure,
                change: &mut after.change,
                uphill: &mut after.uphill,
            };
            T::run_on(set, kernel);
            after
        }

        /// Returns the new entry (j, k) in f64, and the sum of the absolute values of the inputs.
        fn stepped(&self, signed: bool, j: usize, k: usize) -> (f64, f64) {
            let terms =
                (0..ATOMS).map(|i| self.gram[(j, i)].to_f64() * at(&self.extrapolated, i, k));
            let c = at(&self.correlations, j, k);
            let (z, lambda1) = (at(&self.extrapolated, j, k), self.lambda1[j].to_f64());
            let descent = c - terms.clone().sum::<f64>();
            let new = prox(z + descent / LIPSCHITZ, lambda1 / LIPSCHITZ, signed);
            let sizes = terms.map(f64::abs).sum::<f64>() + c.abs() + lambda1;
            (
                new,
                sizes / LIPSCHITZ + z.abs() + at(&self.codes, j, k).abs(),
            )
        }
    }

    /// Tests the step against the formulas in f64.
    ///
    /// A new entry undergoes n roundings in the product and at most 6 others, each relative to at
    /// most the sum of the absolute values of the inputs. Extrapolation adds and subtracts at most
    /// twice that.
    fn is_the_formula<T: Scalar>() {
        let before = Before::<T>::random();
        for set in InstructionSet::available() {
            for signed in [false, true] {
                let found = before.step(signed, true, set);
                for tile in [&found.codes, &found.extrapolated] {
                    assert!(
                        tile[ATOMS * T::tile()..]
                            .iter()
                            .all(|&entry| entry == T::ZERO)
                    );
                }
                for k in 0..T::tile() {
                    let weight = before.weight[k].to_f64();
                    let (mut uphill, mut uphill_bound) = (0.0_f64, 0.0_f64);
                    let (mut change, mut change_bound) = (0.0_f64, 0.0_f64);
                    for j in 0..ATOMS {
                        let (new, size) = before.stepped(signed, j, k);
                        let bound = (ATOMS + 6) as f64 * T::EPSILON.to_f64() * size;
                        let forward = new - at(&before.codes, j, k);
                        let back = at(&before.extrapolated, j, k) - new;
                        assert_close(at(&found.codes, j, k), new, bound, "code");
                        let z = new + weight * forward;
                        assert_close(
                            at(&found.extrapolated, j, k),
                            z,
                            3.0 * bound,
                            "extrapolated",
                        );
                        uphill += back * forward;
                        uphill_bound += 8.0 * bound * size;
                        change = change.max(LIPSCHITZ * back.abs());
                        change_bound = change_bound.max(2.0 * LIPSCHITZ * bound);
                    }
                    assert_close(at(&found.uphill, 0, k), uphill, uphill_bound, "uphill");
                    assert_close(at(&found.change, 0, k), change, change_bound, "change");
                }
            }
        }
    }

    #[test]
    fn step_is_the_formula() {
        is_the_formula::<f32>();
        is_the_formula::<f64>();
    }

    /// Without measuring, `change` and `uphill` are left unchanged and the step is bit-identical.
    #[test]
    fn measuring_changes_nothing() {
        let before = Before::<f32>::random();
        for set in InstructionSet::available() {
            let (with, without) = (before.step(true, true, set), before.step(true, false, set));
            assert_eq!(with.codes, without.codes);
            assert_eq!(with.extrapolated, without.extrapolated);
            assert!(
                without
                    .change
                    .iter()
                    .chain(&without.uphill)
                    .all(|entry| entry.is_nan())
            );
        }
    }
}
