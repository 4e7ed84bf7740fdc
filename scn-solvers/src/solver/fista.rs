//! FISTA, with adaptive restart.

use std::sync::LazyLock;

use super::momentum::Momentum;
use super::{Method, Pass, Tile};
use crate::settings::Settings;
use crate::tile::Scalar;
use crate::tile::kernels::Curvature;

/// Passes per measurement. The estimate of the residual and the restart test cost several percent
/// of a pass on small dictionaries.
const MEASURE_EVERY: u32 = 2;

/// The fast iterative shrinkage-thresholding algorithm with constant step 1/L, `L` the
/// [largest eigenvalue](crate::Problem::lipschitz) of `H`:
///
/// ```text
/// a_{k+1} = prox(z_k - (H z_k - c) / L)
/// s_{k+1} = (1 + sqrt(1 + 4 s_k²)) / 2
/// z_{k+1} = a_{k+1} + (s_k - 1) / s_{k+1} (a_{k+1} - a_k)
/// ```
/// <!-- math:
/// \begin{aligned}
/// a_{k+1} &= \mathrm{prox}\bigl( z_k - (H z_k - c) / L \bigr) \\
/// s_{k+1} &= \tfrac12 \Bigl( 1 + \sqrt{1 + 4 s_k^2} \Bigr) \\
/// z_{k+1} &= a_{k+1} + \frac{s_k - 1}{s_{k+1}} (a_{k+1} - a_k)
/// \end{aligned}
/// -->
///
/// Beck, Teboulle, "A fast iterative shrinkage-thresholding algorithm", SIAM J. Imaging Sciences 2
/// (2009), eqs. (4.1) to (4.3). A column whose step goes uphill along its momentum restarts with
/// s = 1. This is the gradient scheme of O'Donoghue, Candès, "Adaptive restart for accelerated
/// gradient schemes", Found. Comput. Math. 15 (2015), which about halves the passes here.
///
/// The restart test and the estimate of the residual are computed every second pass.
#[derive(Debug, Clone, Copy)]
pub struct Fista {
    settings: Settings,
    restart: bool,
    backtracking: bool,
}

impl Fista {
    /// Creates FISTA with adaptive restart.
    ///
    /// # Example
    ///
    /// ```
    /// use approx::assert_abs_diff_eq;
    /// use faer::mat;
    /// use scn_solvers::{ElasticNet, Fista, Problem, Settings, encode_signal};
    ///
    /// // The code solves H a = D'x - lambda1: a_1 + 0.6 a_2 = 0.9 and 0.6 a_1 + a_2 = 1.3.
    /// let dictionary = mat![[1.0, 0.6], [0.0, 0.8]];
    /// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.1, 0.0))?;
    /// let solver = Fista::new(Settings::new(1e-10, 1000)?);
    /// let (code, report) = encode_signal(&solver, &problem, &[1.0, 1.0])?;
    /// assert!(report.converged());
    /// assert_abs_diff_eq!(code[..], [0.1875, 1.1875][..], epsilon = 1e-8);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            restart: true,
            backtracking: false,
        }
    }

    /// Creates FISTA without restart, as published in 2009.
    pub fn without_restart(settings: Settings) -> Self {
        Self {
            settings,
            restart: false,
            backtracking: false,
        }
    }

    /// Creates FISTA with adaptive restart that needs no eigenvalue. `L` starts at the largest
    /// `H_jj`, which is a lower bound, and is doubled whenever a step from z to a shows that it is
    /// too small, `(a - z)'H(a - z) > L ||a - z||²` (Beck, Teboulle, section 4). A pass costs two
    /// products with `H`, so this pays only if the `O(n³)` of the eigenvalue do not.
    ///
    /// # Example
    ///
    /// ```
    /// use approx::assert_abs_diff_eq;
    /// use faer::mat;
    /// use scn_solvers::{ElasticNet, Fista, Problem, Settings, encode_signal};
    ///
    /// let dictionary = mat![[1.0, 0.6], [0.0, 0.8]];
    /// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.1, 0.0))?;
    /// let settings = Settings::new(1e-10, 1000)?;
    /// for solver in [Fista::new(settings), Fista::with_backtracking(settings)] {
    ///     let (code, report) = encode_signal(&solver, &problem, &[1.0, 1.0])?;
    ///     assert!(report.converged());
    ///     assert_abs_diff_eq!(code[..], [0.1875, 1.1875][..], epsilon = 1e-8);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_backtracking(settings: Settings) -> Self {
        Self {
            settings,
            restart: true,
            backtracking: true,
        }
    }
}

impl<T: Scalar> Method<T> for Fista {
    type Scratch = Momentum<T>;

    fn name(&self) -> &'static str {
        if self.backtracking {
            "fista-with-backtracking"
        } else if self.restart {
            "fista"
        } else {
            "fista-without-restart"
        }
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn scratch(&self, atoms: usize) -> Momentum<T> {
        Momentum::new(atoms)
    }

    fn begin(&self, tile: &mut Tile<'_, T>, scratch: &mut Self::Scratch) {
        scratch.extrapolated.copy_from_slice(&tile.memory.codes);
        scratch.since_restart.fill(0);
        scratch.steps = 0;
        if self.backtracking {
            scratch.backtracking.begin(tile.problem.diagonal());
        }
    }

    fn pass(&self, tile: &mut Tile<'_, T>, scratch: &mut Self::Scratch) -> Pass {
        let weights = scratch.weight.iter_mut().zip(&mut scratch.since_restart);
        let first: &[f64] = &FIRST_WEIGHTS;
        for (weight, steps) in weights {
            let beyond = || f64::from(*steps) / (f64::from(*steps) + 3.0);
            let value = first.get(*steps as usize).copied();
            *weight = T::from_f64(value.unwrap_or_else(beyond));
            *steps += 1;
        }
        let measure = scratch.steps.is_multiple_of(MEASURE_EVERY);
        scratch.steps += 1;
        if self.backtracking {
            step_with_backtracking(tile, scratch, measure);
        } else {
            scratch.step(tile, tile.problem.lipschitz(), measure);
        }
        scratch.turn();
        if !measure {
            return Pass::Unknown;
        }
        if self.restart {
            let steps = scratch.since_restart.iter_mut();
            for (steps, &uphill) in steps.zip(&scratch.uphill) {
                if uphill > T::ZERO {
                    *steps = 0;
                }
            }
        }
        Pass::Residual(tile.largest_change(&scratch.change))
    }
}

/// Takes a step, and repeats it with twice the `L` as long as `L` turns out to be too small.
fn step_with_backtracking<T: Scalar>(
    tile: &mut Tile<'_, T>,
    scratch: &mut Momentum<T>,
    measure: bool,
) {
    scratch
        .backtracking
        .before
        .copy_from_slice(&tile.memory.codes);
    scratch.step(tile, scratch.backtracking.lipschitz, measure);
    while too_long(tile, scratch) {
        let state = &mut scratch.backtracking;
        state.lipschitz += state.lipschitz;
        tile.memory.codes.copy_from_slice(&state.before);
        scratch.step(tile, scratch.backtracking.lipschitz, measure);
        tile.count_products(2);
    }
    tile.count_products(1);
}

/// Whether the last step shows that `L` is too small in any column, beyond the rounding of the
/// sums.
fn too_long<T: Scalar>(tile: &Tile<'_, T>, scratch: &mut Momentum<T>) -> bool {
    let problem = tile.problem;
    let state = &mut scratch.backtracking;
    let entries = tile.memory.codes.iter().zip(&scratch.extrapolated);
    for (step, (&new, &z)) in state.step.iter_mut().zip(entries) {
        *step = new - z;
    }
    T::curvature(Curvature {
        gram: problem.operator().gram_panels(),
        direction: &state.step,
        product: &mut state.product,
        curvature: &mut state.curvature,
    });
    let rounding = 1.0 + 8.0 * problem.atoms() as f64 * T::EPSILON.to_f64();
    let width = T::tile();
    (0..width).any(|column| {
        let rows = state.step.iter().skip(column).step_by(width);
        let length: f64 = rows.map(|step| step.to_f64() * step.to_f64()).sum();
        state.curvature[column].to_f64() > rounding * state.lipschitz.to_f64() * length
    })
}

/// `(s_k - 1) / s_{k+1}` with s_0 = 1, for small k. For larger k, `s_k = k/2 + O(log k)`, and
/// `k / (k + 3)` is off by less than 1e-4.
static FIRST_WEIGHTS: LazyLock<Vec<f64>> = LazyLock::new(|| {
    let mut s = 1.0_f64;
    let mut next = || {
        let following = 0.5 * (1.0 + (1.0 + 4.0 * s * s).sqrt());
        let weight = (s - 1.0) / following;
        s = following;
        weight
    };
    (0..1024).map(|_| next()).collect()
});

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::FIRST_WEIGHTS;

    /// The momentum grows to one, and continues smoothly beyond the table. Without the square root,
    /// as the sequence is printed in the paper, it would fall to zero.
    #[test]
    fn momentum_grows_to_one() {
        let last = FIRST_WEIGHTS.len() - 1;
        let beyond = last as f64 / (last as f64 + 3.0);
        assert_abs_diff_eq!(FIRST_WEIGHTS[last], beyond, epsilon = 1e-4);
        assert!(FIRST_WEIGHTS.is_sorted());
    }
}
