//! The peak rate of the CPU, measured by multiply-adds that do not wait for memory or each other.

use std::time::Instant;

use scn_solvers::Scalar;
use scn_solvers::tile::{Kernel, Lanes};

/// Returns the peak floating-point operations per second of one thread in this type.
///
/// The measurement takes a tenth of a second and uses multiply-adds on registers that wait for
/// nothing.
pub(crate) fn peak_operations_per_second<T: Scalar>() -> f64 {
    let rate = || {
        let start = Instant::now();
        T::dispatch(Peak { repeats: 1 << 20 }) / start.elapsed().as_secs_f64()
    };
    (0..40).map(|_| rate()).fold(0.0, f64::max)
}

/// Number of independent sums, so that no multiply-add waits for another: the latency is 4 or 5
/// cycles, and two start per cycle.
const SUMS: usize = 12;

/// A kernel of `repeats` times 12 multiply-adds on whole registers, which returns the number of
/// floating-point operations.
struct Peak {
    repeats: u64,
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
