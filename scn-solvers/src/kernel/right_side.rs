//! The right sides of sweeps.

use super::product::with_registers;
use super::{Kernel, Lanes};
use crate::Scalar;

/// The right side of a sweep: `ω c_j / H_jj`, less `ω λ1_j / H_jj` where that is given.
pub(crate) struct RightSide<'a, T> {
    /// `ω / H_jj`
    pub(crate) steps: &'a [T],
    /// `ω λ1_j / H_jj`
    pub(crate) thresholds: Option<&'a [T]>,
    pub(crate) correlations: &'a [T],
    pub(crate) out: &'a mut [T],
}

impl<T: Scalar> Kernel<T> for RightSide<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        with_registers!(self, lanes, T, L);
    }
}

impl<T: Scalar> RightSide<'_, T> {
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

/// The right side of a [restricted](super::Restrict) sweep: `ω u_j / H_jj` on the active set, infinite off it.
pub(crate) struct RestrictedRightSide<'a, T> {
    /// `ω / H_jj`
    pub(crate) steps: &'a [T],
    /// 1 on the active set, 0 off it.
    pub(crate) mask: &'a [T],
    /// u
    pub(crate) right_side: &'a [T],
    pub(crate) out: &'a mut [T],
}

impl<T: Scalar> Kernel<T> for RestrictedRightSide<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, _: L) {
        let width = T::tile();
        let rows = (self.out.chunks_exact_mut(width))
            .zip(self.right_side.chunks_exact(width))
            .zip(self.mask.chunks_exact(width))
            .zip(self.steps);
        for (((out, right_side), mask), &step) in rows {
            for k in 0..width {
                let value = step * right_side[k];
                out[k] = if mask[k] == T::ONE {
                    value
                } else {
                    T::INFINITY
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::InstructionSet;
    use crate::kernel::check::{assert_close, at, dirty, tile};
    use crate::testing::dictionary;
    use crate::tile::padded;
    use crate::{ElasticNet, Problem};

    fn problem<T: Scalar>() -> Problem<T> {
        let penalty = ElasticNet::signed(T::from_f64(0.3), T::from_f64(0.1));
        let problem = Problem::new(dictionary::<T>(9, 7, 0.3, 1).as_ref(), penalty);
        problem.expect("a valid problem")
    }

    /// A product and a difference, fused or not, round twice.
    fn right_side_is_scaled<T: Scalar>() {
        let problem = &problem::<T>();
        let correlations = &tile::<T>(padded(7), 2);
        for thresholds in [None, Some(problem.thresholds())] {
            for set in InstructionSet::available() {
                let mut out = dirty::<T>(padded(7));
                T::run_on(
                    set,
                    RightSide {
                        steps: problem.steps(),
                        thresholds,
                        correlations,
                        out: &mut out,
                    },
                );
                for j in 0..padded(7) {
                    let (step, threshold) =
                        (problem.steps()[j], thresholds.map_or(T::ZERO, |t| t[j]));
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

    #[test]
    fn restricted_right_side_is_infinite_off_the_set() {
        let problem = &problem::<f32>();
        let right_side = &tile::<f32>(padded(7), 2);
        let mask: Vec<f32> = (tile::<f32>(padded(7), 3).iter())
            .map(|&value| f32::from(u8::from(value > 0.0)))
            .collect();
        for set in InstructionSet::available() {
            let mut out = dirty::<f32>(padded(7));
            let kernel = RestrictedRightSide {
                steps: problem.steps(),
                mask: &mask,
                right_side,
                out: &mut out,
            };
            f32::run_on(set, kernel);
            for (index, &value) in out.iter().enumerate() {
                let scaled = problem.steps()[index / f32::tile()] * right_side[index];
                let expected = if mask[index] == 1.0 {
                    scaled
                } else {
                    f32::INFINITY
                };
                assert_eq!(value, expected);
            }
        }
    }
}
