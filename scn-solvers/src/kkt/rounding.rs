//! Bounds on the rounding error of a measured residual: of `H`, of `c = D'x` and of `H a`.
//!
//! Let u be the unit roundoff. A sum of k products whose rounding errors are independent with mean
//! zero is off by at most `κ √k u` times the largest partial sum, except with probability
//! `2 exp(-κ²/2)` (Higham, Mary, "A new approach to probabilistic rounding error analysis", SIAM J.
//! Scientific Computing 41, 2019). That probability assumes errors of the largest possible size;
//! those of rounding to nearest have a third of that variance. With κ = 2,
//!
//! ```text
//! H a     is off by   κ u √n (max |c| + h |a|_2 + μ h |a|_1),
//! H       adds        κ u √m h |a|_2,
//! c       adds        κ u √k h ||x||,
//!
//! h = max_j √H_jj,    |a|_1 = sum_j √H_jj |a_j|,    |a|_2² = sum_j H_jj a_j²,
//! μ = max over i != j of |H_ij| / √(H_ii H_jj),
//! ```
//!
//! where k = min(m, 24 + m/128) is the number of additions that a product passes through on its way
//! into c. The few operations that follow are counted as four roundings of numbers no larger. A
//! product below the smallest normal number loses up to the smallest subnormal number, which is
//! counted once per product.

use crate::memory::TileMemory;
use crate::problem::Problem;
use crate::tile::Scalar;
use crate::tile::kernels::{BoundRounding, CodeSizes, RoundingWeights};

/// The factor κ of the bounds.
pub(crate) const CERTAINTY: f64 = 2.0;

/// How the residuals in the workspace were measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Certified {
    /// In the type of the tile.
    InType,
    /// In `f64`, with `c` and `H` in `f64`.
    InF64,
    /// In `f64` before the last step, and in the type of the tile since then.
    AfterNearStep,
}

/// Fills `memory.rounding` with the bound of each column, relative to its scale like the residual.
///
/// Requires `memory.signal_norms`. A bound is NaN or infinite if numbers leave the range of their
/// type.
pub(crate) fn measure_rounding<T: Scalar>(
    problem: &Problem<T>,
    memory: &mut TileMemory<T>,
    certified: Certified,
) {
    let TileMemory {
        codes,
        step,
        scale,
        code_sum,
        largest_code,
        signal_norms,
        rounding,
        ..
    } = memory;
    let mut add = |codes: &[T], parts: Parts, fresh: bool| {
        T::code_sizes(CodeSizes {
            weights: &problem.operator().norms().each,
            codes,
            sum: code_sum,
            largest: largest_code,
        });
        T::bound_rounding(BoundRounding {
            weights: RoundingWeights {
                scale: T::from_f64(parts.scale),
                sum: T::from_f64(parts.sum),
                largest: T::from_f64(parts.largest),
                signal: T::from_f64(parts.signal),
                fixed: T::from_f64(parts.fixed),
            },
            replace: fresh,
            scale,
            code_sum,
            largest_code,
            signal_norms,
            rounding,
        });
    };
    match certified {
        Certified::InType => add(codes, Roundoff::of::<T>().parts(problem), true),
        Certified::InF64 => add(codes, Roundoff::of::<f64>().parts(problem), true),
        Certified::AfterNearStep => {
            let in_type = Roundoff::of::<T>();
            let mut of_codes = Roundoff::of::<f64>().parts(problem);
            of_codes.add_energy(in_type.after() * problem.operator().norms().largest);
            add(codes, of_codes, true);
            // Near the optimum `c - H a` is at most λ1 for the atoms that determine the residual.
            let mut of_step = in_type.parts(problem);
            of_step.fixed += of_step.scale * problem.largest_lambda1();
            (of_step.scale, of_step.signal) = (0.0, 0.0);
            add(step, of_step, false);
        }
    }
}

/// The coefficients of a bound: of the scale, `|a|_1`, the largest `√H_jj |a_j|`, `||x||` and 1.
struct Parts {
    scale: f64,
    sum: f64,
    largest: f64,
    signal: f64,
    fixed: f64,
}

impl Parts {
    /// Adds a multiple of `|a|_2`.
    ///
    /// `|a|_2` is at most `√(|a|_1 max)`, which is at most `(|a|_1 / θ + θ max) / 2` for any θ.
    /// This avoids squares, which might leave the range of the type. With θ = 4 the bound is tight
    /// for 16 equally large codes.
    fn add_energy(&mut self, times: f64) {
        self.sum += 0.5 * times / 4.0;
        self.largest += 0.5 * times * 4.0;
    }
}

/// The precision of a type.
struct Roundoff {
    unit: f64,
    smallest: f64,
}

impl Roundoff {
    fn of<T: Scalar>() -> Self {
        Self {
            unit: 0.5 * T::EPSILON.to_f64(),
            smallest: T::MIN_POSITIVE.to_f64() * T::EPSILON.to_f64(),
        }
    }

    /// Returns the error of the operations after the sum, for numbers of size 1.
    fn after(&self) -> f64 {
        CERTAINTY * self.unit * 4.0
    }

    fn parts<T: Scalar>(&self, problem: &Problem<T>) -> Parts {
        let (rows, atoms) = (problem.rows() as f64, problem.atoms() as f64);
        let norm = problem.operator().norms().largest;
        let unit = CERTAINTY * self.unit;
        let additions = rows.min(24.0 + rows / 128.0);
        let mut parts = Parts {
            scale: unit * atoms.sqrt() + self.after(),
            sum: unit * atoms.sqrt() * problem.operator().coherence() * norm
                + self.smallest * rows / problem.operator().norms().smallest,
            largest: 0.0,
            signal: unit * additions.sqrt() * norm,
            fixed: self.smallest * (rows + atoms),
        };
        parts.add_energy(unit * (atoms.sqrt() + rows.sqrt()) * norm + self.after() * norm);
        parts
    }
}
