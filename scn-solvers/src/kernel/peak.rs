//! The most that the processor can do: multiply-adds that wait for nothing.

use super::{Kernel, Lanes};
use crate::Scalar;

/// Sums that no multiply-add waits for: the latency is 4 or 5 cycles, and two start in each.
const SUMS: usize = 12;

/// `repeats` times 12 multiply-adds on whole registers; returns the number of floating point operations.
pub(crate) struct Peak {
    pub(crate) repeats: u64,
}

impl<T: Scalar> Kernel<T> for Peak {
    type Output = f64;

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) -> f64 {
        let factor = std::hint::black_box(lanes.splat(T::from_f64(0.999)));
        let term = std::hint::black_box(lanes.splat(T::from_f64(1e-3)));
        let mut sums = [lanes.splat(T::ONE); SUMS];
        for _ in 0..self.repeats {
            for sum in &mut sums {
                *sum = lanes.mul_add(*sum, factor, term);
            }
        }
        std::hint::black_box(sums);
        (2 * SUMS * L::COUNT) as f64 * self.repeats as f64
    }
}
