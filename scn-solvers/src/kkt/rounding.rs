//! How far off a measured residual may be: what rounding makes of `H`, of `c = D'x` and of `H a`.
//!
//! With u the unit roundoff, a sum of k products whose rounding errors are independent and of mean zero is off by at most
//! `κ √k u` times the largest partial sum, but for a probability of `2 exp(-κ²/2)` (Higham, Mary, "A new approach to
//! probabilistic rounding error analysis", SIAM J. Scientific Computing 41, 2019). That probability is for errors as large as
//! they can be; those of rounding to the nearest number have a third of that variance. κ is 2. So
//!
//! ```text
//! H a     is off by   κ u √n (max |c| + h |a|_2 + μ h |a|_1),
//! H       adds        κ u √m h |a|_2,
//! c       adds        κ u √k h ||x||,
//!
//! h = max_j √H_jj,    |a|_1 = sum_j √H_jj |a_j|,    |a|_2² = sum_j H_jj a_j²,    μ = max over i != j of |H_ij| / √(H_ii H_jj),
//! ```
//!
//! where k = min(m, 24 + m/128) is the number of additions on the way of a product into c,
//! and a few operations after them four roundings of numbers no larger. Products below the smallest normal number lose up to the
//! smallest number there is, which counts as often as there are products.

use crate::kernel::{CodeSizes, LARGEST_TILE, LargestQuotient};
use crate::{Problem, Scalar, Workspace};

/// κ above.
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

/// A bound for all columns of the tile, relative to their scales as residuals are; columns whose scale is NaN count for nothing.
/// NaN or infinite where numbers leave the range of their type.
///
/// It is made of the largest of each part over all columns, so that it costs little more than a look at the codes.
pub(crate) fn rounding_of_tile<T: Scalar>(
    problem: &Problem<T>,
    workspace: &mut Workspace<T>,
    certified: Certified,
) -> f64 {
    let Workspace {
        codes,
        subspace,
        scale,
        code_sum,
        largest_code,
        signal_norm,
        ..
    } = workspace;
    let mut sizes = |codes: &[T]| {
        T::dispatch(CodeSizes {
            weights: problem.norms(),
            codes,
            sum: code_sum,
            largest: largest_code,
        });
        let relative = |a: &[T]| T::dispatch(LargestQuotient { a, b: scale }).to_f64();
        Sizes::new(relative(code_sum), relative(largest_code))
    };
    let of_codes = sizes(codes);
    let of_step = match certified {
        Certified::AfterNearStep => sizes(&subspace.system.direction),
        _ => Sizes::new(0.0, 0.0),
    };
    let smallest_scale = scale.iter().map(|scale| scale.to_f64());
    // A minimum loses a NaN.
    let smallest_scale = smallest_scale.fold(f64::INFINITY, f64::min);
    let column = Column {
        scale: smallest_scale,
        signal: signal_norm.unwrap_or(f64::INFINITY) / smallest_scale,
        of_codes,
        of_step,
    };
    column.rounding::<T>(problem, certified)
}

/// Fills `workspace.rounding` with the bound of each column, relative to its scale as the residual is; `workspace.signal_norms` are
/// there.
pub(crate) fn measure_rounding<T: Scalar>(
    problem: &Problem<T>,
    workspace: &mut Workspace<T>,
    certified: Certified,
) {
    let Workspace {
        codes,
        subspace,
        scale,
        code_sum,
        largest_code,
        signal_norms,
        rounding,
        ..
    } = workspace;
    let mut sizes = |codes: &[T]| -> [Sizes; LARGEST_TILE] {
        T::dispatch(CodeSizes {
            weights: problem.norms(),
            codes,
            sum: code_sum,
            largest: largest_code,
        });
        std::array::from_fn(|k| match scale.get(k) {
            Some(scale) => Sizes::new(
                code_sum[k].to_f64() / scale.to_f64(),
                largest_code[k].to_f64() / scale.to_f64(),
            ),
            None => Sizes::new(0.0, 0.0),
        })
    };
    let of_codes = sizes(codes);
    let of_step = match certified {
        Certified::AfterNearStep => sizes(&subspace.system.direction),
        _ => [Sizes::new(0.0, 0.0); LARGEST_TILE],
    };
    rounding.clear();
    rounding.extend(scale.iter().enumerate().map(|(k, scale)| {
        let scale = scale.to_f64();
        let column = Column {
            scale,
            signal: signal_norms[k] / scale,
            of_codes: of_codes[k],
            of_step: of_step[k],
        };
        column.rounding::<T>(problem, certified)
    }));
}

/// How large the numbers of a column are, relative to its scale.
struct Column {
    scale: f64,
    /// `||x||`
    signal: f64,
    of_codes: Sizes,
    of_step: Sizes,
}

/// How large codes are, or how large the last step was.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    /// `|a|_1` above.
    sum: f64,
    /// No less than `|a|_2` above, by Hölder's inequality: squares might leave the range of the type.
    energy: f64,
}

impl Sizes {
    fn new(sum: f64, largest: f64) -> Self {
        Self {
            sum,
            energy: (sum * largest).sqrt(),
        }
    }
}

impl Column {
    fn rounding<T: Scalar>(&self, problem: &Problem<T>, certified: Certified) -> f64 {
        let in_type = Roundoff::of::<T>();
        let in_f64 = Roundoff::of::<f64>();
        match certified {
            Certified::InType => in_type.bound(problem, self, &self.of_codes, 1.0, self.signal),
            Certified::InF64 => in_f64.bound(problem, self, &self.of_codes, 1.0, self.signal),
            Certified::AfterNearStep => {
                // What is left of `c` near the optimum is λ1 at most, for the atoms that decide.
                let start = (problem.largest_lambda1() / self.scale).min(1.0);
                in_f64.bound(problem, self, &self.of_codes, 1.0, self.signal)
                    + in_type.bound(problem, self, &self.of_step, start, 0.0)
                    + in_type.after(problem.largest_norm() * self.of_codes.energy)
            }
        }
    }
}

/// What a type makes of sums and products.
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

    /// The bound for a sum that starts at a number of size `start`.
    fn bound<T: Scalar>(
        &self,
        problem: &Problem<T>,
        column: &Column,
        codes: &Sizes,
        start: f64,
        signal: f64,
    ) -> f64 {
        let (rows, atoms) = (problem.rows() as f64, problem.atoms() as f64);
        let norm = problem.largest_norm();
        let fit = norm * codes.energy;
        let of_product = atoms.sqrt() * (start + fit + problem.coherence() * norm * codes.sum);
        let of_gram = rows.sqrt() * fit;
        let additions = rows.min(24.0 + rows / 128.0);
        // Of a problem without rows, correlations are given, whatever they come from.
        let of_correlations = if rows > 0.0 {
            additions.sqrt() * norm * signal
        } else {
            0.0
        };
        let relative = CERTAINTY * self.unit * (of_product + of_gram + of_correlations);
        let products = rows * (codes.sum / problem.smallest_norm() + 1.0 / column.scale);
        let absolute = self.smallest * (products + atoms / column.scale);
        relative + self.after(start + fit) + absolute
    }

    /// What is done with a gradient and `H_jj a_j` of this size.
    fn after(&self, size: f64) -> f64 {
        CERTAINTY * self.unit * 4.0 * size
    }
}
