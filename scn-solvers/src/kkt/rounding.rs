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

use crate::kernel::{Compiled, LARGEST_TILE};
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

/// Fills `workspace.rounding` with the bound of each column, relative to its scale as the residual is.
pub(crate) fn measure_rounding<T: Scalar>(
    problem: &Problem<T>,
    workspace: &mut Workspace<T>,
    certified: Certified,
) {
    let of_codes = Sizes::of(problem, &workspace.codes);
    let of_step = (certified == Certified::AfterNearStep)
        .then(|| Sizes::of(problem, &workspace.subspace.system.direction));
    let in_type = Roundoff::of::<T>();
    let in_f64 = Roundoff::of::<f64>();
    let largest_lambda1 = problem.largest_lambda1();
    workspace.rounding.resize(T::tile(), 0.0);
    for (k, bound) in workspace.rounding.iter_mut().enumerate() {
        let scale = workspace.scale[k].to_f64();
        let signal = workspace.signal_norms.get(k).copied().unwrap_or(0.0);
        let of_codes = of_codes.column(k);
        *bound = match (&of_step, certified) {
            (None, Certified::InType) => in_type.bound(problem, of_codes, signal, scale, scale),
            (None, _) => in_f64.bound(problem, of_codes, signal, scale, scale),
            (Some(step), _) => {
                // What is left of `c` near the optimum is λ1 at most, for the atoms that decide.
                let start = largest_lambda1.min(scale);
                in_f64.bound(problem, of_codes, signal, scale, scale)
                    + in_type.bound(problem, step.column(k), 0.0, start, scale)
                    + in_type.after(problem.largest_norm() * of_codes.energy) / scale
            }
        };
    }
}

/// What the type of the numbers makes of a product.
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

    /// The bound for one column whose sum starts at a number of size `start`.
    fn bound<T: Scalar>(
        &self,
        problem: &Problem<T>,
        codes: ColumnSizes,
        signal: f64,
        start: f64,
        scale: f64,
    ) -> f64 {
        let (rows, atoms) = (problem.rows() as f64, problem.atoms() as f64);
        let norm = problem.largest_norm();
        let fit = norm * codes.energy;
        let of_product = atoms.sqrt() * (start + fit + problem.coherence() * norm * codes.scaled);
        let of_gram = rows.sqrt() * fit;
        let additions = rows.min(24.0 + rows / 128.0);
        let of_correlations = additions.sqrt() * norm * signal;
        let relative = CERTAINTY * self.unit * (of_product + of_gram + of_correlations);
        let absolute = self.smallest * (rows * (codes.absolute + 1.0) + atoms);
        (relative + self.after(start + fit) + absolute) / scale
    }

    /// What is done with a gradient and `H_jj a_j` of this size.
    fn after(&self, size: f64) -> f64 {
        CERTAINTY * self.unit * 4.0 * size
    }
}

/// The sizes of a tile's codes, one entry per column.
struct Sizes<T> {
    /// `sum_j |a_j|`
    absolute: [T; LARGEST_TILE],
    /// `sum_j sqrt(H_jj) |a_j|`
    sum: [T; LARGEST_TILE],
    /// `max_j sqrt(H_jj) |a_j|`
    largest: [T; LARGEST_TILE],
}

#[derive(Debug, Clone, Copy)]
struct ColumnSizes {
    /// `sum_j |a_j|`
    absolute: f64,
    /// `|a|_1` above.
    scaled: f64,
    /// `|a|_2` above, or more.
    energy: f64,
}

impl<T: Scalar> Sizes<T> {
    fn of(problem: &Problem<T>, codes: &[T]) -> Self {
        let mut sizes = Self {
            absolute: [T::ZERO; LARGEST_TILE],
            sum: [T::ZERO; LARGEST_TILE],
            largest: [T::ZERO; LARGEST_TILE],
        };
        let rows = codes.chunks_exact(T::tile()).zip(problem.norms());
        T::dispatch(Compiled(|| {
            for (row, &norm) in rows {
                let sizes = sizes
                    .absolute
                    .iter_mut()
                    .zip(&mut sizes.sum)
                    .zip(&mut sizes.largest);
                for (&code, ((absolute, sum), largest)) in row.iter().zip(sizes) {
                    let size = code.magnitude();
                    let scaled = norm * size;
                    *absolute += size;
                    *sum += scaled;
                    *largest = if scaled > *largest { scaled } else { *largest };
                }
            }
        }));
        sizes
    }

    fn column(&self, column: usize) -> ColumnSizes {
        let (sum, largest) = (self.sum[column].to_f64(), self.largest[column].to_f64());
        ColumnSizes {
            absolute: self.absolute[column].to_f64(),
            scaled: sum,
            // Squares might leave the range of the type; Hölder's inequality does without.
            energy: (sum * largest).sqrt(),
        }
    }
}
