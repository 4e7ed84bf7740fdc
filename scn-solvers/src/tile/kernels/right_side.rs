//! The right sides of sweeps.

use super::product::with_registers;
use crate::tile::{Kernel, Lanes, Real};

/// The right side of a sweep: `ω c_j / H_jj`, minus `ω λ1_j / H_jj` if thresholds are given.
pub struct RightSide<'a, T> {
    /// `ω / H_jj`
    pub steps: &'a [T],
    /// `ω λ1_j / H_jj`
    pub thresholds: Option<&'a [T]>,
    pub correlations: &'a [T],
    pub out: &'a mut [T],
}

impl<T: Real> Kernel<T> for RightSide<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        with_registers!(self, lanes, T, L);
    }
}

impl<T: Real> RightSide<'_, T> {
    #[inline(always)]
    fn run_with<L: Lanes<T>>(self, lanes: L, registers: usize) {
        let correlations = L::vectors(self.correlations).chunks_exact(registers);
        let out = L::vectors_mut(self.out).chunks_exact_mut(registers);
        for (j, ((out, correlations), &step)) in out.zip(correlations).zip(self.steps).enumerate() {
            let step = lanes.splat(step);
            let threshold = lanes.splat(self.thresholds.map_or(T::ZERO, |all| all[j]));
            for v in 0..registers {
                out[v] = lanes.sub(lanes.mul(step, correlations[v]), threshold);
            }
        }
    }
}

/// The linear systems `H_LL y = u` of a tile, as [`masked_system`](crate::tile::masked_system)
/// writes them.
///
/// The first three fields are tiles with one row per padded atom, the last two are tile rows.
#[derive(Debug)]
pub struct MaskedSystem<'a, T> {
    /// 1 where the atom belongs to the column's active set L, 0 elsewhere.
    pub mask: &'a mut [T],
    /// u on L, 0 elsewhere.
    pub right_side: &'a mut [T],
    /// The right side of [`masked_sweep`](crate::tile::masked_sweep): scaled u on L, infinity
    /// elsewhere.
    pub swept: &'a mut [T],
    /// The number of atoms in L.
    pub sizes: &'a mut [T],
    /// The largest `|u|` on L, or NaN if a number is not finite.
    pub largest: &'a mut [T],
}

/// The kernel of [`masked_system`](crate::tile::masked_system).
pub struct RestrictSystem<'a, T> {
    /// `ω / H_jj`
    pub steps: &'a [T],
    pub codes: &'a [T],
    pub right_side: &'a [T],
    pub system: MaskedSystem<'a, T>,
}

impl<T: Real> Kernel<T> for RestrictSystem<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let registers = T::tile() / L::COUNT;
        let [zero, one, infinity] = [T::ZERO, T::ONE, T::INFINITY].map(|value| lanes.splat(value));
        let [codes, right_side] = [self.codes, self.right_side].map(L::vectors);
        let into = self.system;
        let [mask, masked, swept, sizes, largest] = [
            into.mask,
            into.right_side,
            into.swept,
            into.sizes,
            into.largest,
        ]
        .map(L::vectors_mut);
        for register in 0..registers {
            let (mut size, mut most, mut not_finite) = (zero, zero, zero);
            for (j, &step) in self.steps.iter().enumerate() {
                let at = j * registers + register;
                let active = lanes.where_nonzero(codes[at], one);
                let u = lanes.where_nonzero(codes[at], right_side[at]);
                let beyond = lanes.where_less(active, one, infinity);
                mask[at] = active;
                masked[at] = u;
                swept[at] = lanes.mul_add(lanes.splat(step), u, beyond);
                size = lanes.add(size, active);
                most = lanes.max(most, lanes.abs(u));
                not_finite = lanes.mul_add(u, zero, not_finite);
            }
            sizes[register] = size;
            // A sum propagates a NaN, which a maximum may lose.
            largest[register] = lanes.add(most, not_finite);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{assert_close, at, dirty, tile};
    use super::*;
    use crate::synthetic::dictionary;
    use crate::tile::InstructionSet;
    use crate::tile::Scalar;
    use crate::tile::padded;
    use crate::{ElasticNet, Problem};

    fn problem<T: Scalar>() -> Problem<T> {
        let penalty = ElasticNet::signed(T::from_f64(0.3), T::from_f64(0.1));
        let problem = Problem::new(dictionary::<T>(9, 7, 0.3, 1).as_ref(), penalty);
        problem.expect("a valid problem")
    }

    /// Each entry is a product and a difference, which are rounded at most twice, fused or not.
    fn right_side_is_scaled<T: Scalar>() {
        let problem = &problem::<T>();
        let correlations = &tile::<T>(padded(7), 2);
        for thresholds in [None, Some(problem.thresholds())] {
            for set in InstructionSet::available() {
                let mut out = dirty::<T>(padded(7));
                T::run_on(
                    set,
                    RightSide {
                        steps: problem.operator().steps(),
                        thresholds,
                        correlations,
                        out: &mut out,
                    },
                );
                for j in 0..padded(7) {
                    let (step, threshold) = (
                        problem.operator().steps()[j],
                        thresholds.map_or(T::ZERO, |t| t[j]),
                    );
                    for k in 0..T::tile() {
                        let product = step.to_f64() * at(correlations, j, k);
                        let bound =
                            T::EPSILON.to_f64() * (2.0 * product.abs() + threshold.to_f64());
                        let expected = product - threshold.to_f64();
                        assert_close(at(&out, j, k), expected, bound, "right side");
                    }
                }
            }
        }
    }

    #[test]
    fn right_side_is_scaled_correlations() {
        right_side_is_scaled::<f32>();
        right_side_is_scaled::<f64>();
    }

    /// Tests the definition, and that a non-finite number reaches `largest` of its own column only.
    fn system_is_restricted<T: Scalar>() {
        let problem = &problem::<T>();
        let rows = padded(7);
        let codes: Vec<T> = (tile::<T>(rows, 3).iter())
            .map(|&value| if value > T::ZERO { value } else { T::ZERO })
            .collect();
        let mut right_side = tile::<T>(rows, 2);
        // Spoil an entry with an active code; others would be masked.
        let spoiled = codes.iter().rposition(|&code| code != T::ZERO);
        let spoiled = spoiled.expect("an active code");
        right_side[spoiled] = T::from_f64(f64::NAN);
        for set in InstructionSet::available() {
            let [mut mask, mut masked, mut swept] = [(); 3].map(|()| dirty::<T>(rows));
            let [mut sizes, mut largest] = [(); 2].map(|()| dirty::<T>(1));
            let kernel = RestrictSystem {
                steps: problem.operator().steps(),
                codes: &codes,
                right_side: &right_side,
                system: MaskedSystem {
                    mask: &mut mask,
                    right_side: &mut masked,
                    swept: &mut swept,
                    sizes: &mut sizes,
                    largest: &mut largest,
                },
            };
            T::run_on(set, kernel);
            for k in 0..T::tile() {
                let (mut size, mut most) = (0.0, 0.0_f64);
                for j in 0..rows {
                    let index = j * T::tile() + k;
                    let u = at(&right_side, j, k);
                    let expected = if codes[index] == T::ZERO {
                        [0.0, 0.0, f64::INFINITY]
                    } else {
                        [
                            1.0,
                            u,
                            (problem.operator().steps()[j] * right_side[index]).to_f64(),
                        ]
                    };
                    let found = [&mask, &masked, &swept].map(|tile| at(tile, j, k));
                    size += expected[0];
                    if index != spoiled {
                        assert_eq!(found, expected);
                        most = most.max(expected[1].abs());
                    }
                }
                assert_eq!(sizes[k].to_f64(), size);
                if k == spoiled % T::tile() {
                    assert!(largest[k].to_f64().is_nan());
                } else {
                    assert_eq!(largest[k].to_f64(), most);
                }
            }
        }
    }

    #[test]
    fn systems_are_restricted() {
        system_is_restricted::<f32>();
        system_is_restricted::<f64>();
    }
}
