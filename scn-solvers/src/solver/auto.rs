//! The default solver: working sets, sweeps, and exact steps on the active set.

use super::active_step::{ActiveSetWas, ActiveStep, DescentFrom};
use super::lars::end_of_path;
use super::polish::polish;
use super::sweeps::Sweeps;
use super::working_set::WorkingSets;
use super::{Method, Pass, Tile};
use crate::kkt;
use crate::problem::Problem;
use crate::settings::Settings;
use crate::tile::{Outlook, Scalar, narrower_than_f64};

/// Sweeps before the first step on the active set and between steps: enough to move the set.
const SWEEPS: u32 = 6;

/// The number of sweeps that a step on the active set must save, which is about its cost. Its work
/// besides products with `H` weighs more if there are few atoms.
fn worth(atoms: usize) -> f64 {
    24.0 * (1.0 + 32.0 / atoms as f64)
}

/// Maximum number of steps before the remaining columns are solved one by one.
const STEPS: u32 = 12;

/// Maximum number of passes before the remaining columns are solved one by one.
const PASSES: u32 = 500;

/// Columns with a residual below this fraction of the tolerance are finished. The rest of the
/// tolerance is left for the rounding of the residual.
const LEFT_ALONE: f64 = 0.5;

/// The number of times that each active code compensates for the rounding of the others.
const ROUNDS: u32 = 8;

/// The default choice: [coordinate descent](super::CoordinateDescent), sped up where it is slow.
///
/// The rules:
///
/// 1. If atoms are many and overlap (at least 96, with a mean
///    [overlap](crate::tile::Operator::coupling) of at least 1) and λ1 is above 0, each column of a
///    tile is solved on a working set. The atoms furthest beyond λ1 join the set, sweeps over the
///    set solve for their codes, and the descent `c - H a` is recomputed for all atoms, until none
///    exceeds λ1 by more than the tolerance. Once the sets hold more than an eighth of all atoms on
///    average, or one of them more than 48 atoms, the solver continues with rule 2 from there.
/// 2. Sweep, as long as each sweep shrinks the step so quickly that a step on the active set would
///    cost more than the remaining sweeps (24, and more for few atoms).
/// 3. Otherwise, or if `f32` keeps the step from shrinking, assume that the active set L of each
///    column is right and solve `H_LL d = c_L - λ1_L s - (H a)_L` by conjugate gradients, for the
///    whole tile at once. Codes that would change their sign become zero. A column whose objective
///    this would raise takes the step only as far as no code changes its sign. For tolerances below
///    the rounding of `f32` the right-hand side is computed in `f64`, which makes the step one of
///    iterative refinement. Then sweep again to repair the active set.
/// 4. After 12 such steps (4 if only rounding is in the way) or 500 passes, columns that are still
///    above half the tolerance are solved one by one in `f64`: from their current codes by the
///    exact [active-set method](super::ActiveSet) and, if that fails, by following their
///    [path](super::Lars). The best of these codes and the current one is kept.
///
/// On dictionaries of moderate coherence the result is bit-identical to coordinate descent. For
/// working sets see Johnson, Guestrin, "Blitz: a principled meta-algorithm for scaling sparse
/// optimization", ICML 2015. The subspace step follows Moré, Toraldo, "On the solution of large
/// quadratic programming problems with bound constraints", SIAM J. Optimization 1 (1991);
/// refinement is Wilkinson's.
#[derive(Debug, Clone, Copy, Default)]
pub struct Auto {
    settings: Settings,
}

impl Auto {
    /// Creates the solver with the given tolerance and pass limit. A product with `H` counts as a
    /// pass.
    ///
    /// # Example
    ///
    /// ```
    /// use approx::assert_abs_diff_eq;
    /// use faer::mat;
    /// use scn_solvers::{Auto, CoordinateDescent, ElasticNet, Problem, Settings, encode_signal};
    ///
    /// // Two atoms that are almost parallel. The signal is 3 times the first plus the second.
    /// let dictionary = mat![[1.0, 1.0], [0.0, 0.01]];
    /// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.5, 0.0))?;
    /// let settings = Settings::new(1e-12, 1000)?;
    /// let (code, report) = encode_signal(&Auto::new(settings), &problem, &[4.0, 0.01])?;
    /// assert!(report.converged());
    /// assert_abs_diff_eq!(code[..], [2.5, 1.0][..], epsilon = 1e-6);
    /// // Coordinate descent is slow here.
    /// let (_, report) = encode_signal(&CoordinateDescent::new(settings), &problem, &[4.0, 0.01])?;
    /// assert!(!report.converged());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }
}

impl<T: Scalar> Method<T> for Auto {
    type Scratch = AutoScratch<T>;

    fn name(&self) -> &'static str {
        "auto"
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn scratch(&self, atoms: usize) -> AutoScratch<T> {
        AutoScratch::new(atoms)
    }

    fn begin(&self, tile: &mut Tile<'_, T>, scratch: &mut Self::Scratch) {
        scratch.sweeps.begin(tile);
        scratch.since_step = 0;
        scratch.steps = 0;
        scratch.passes = 0;
        scratch.believed = false;
        scratch.sparse = WorkingSets::suit(tile.problem);
    }

    fn pass(&self, tile: &mut Tile<'_, T>, scratch: &mut Self::Scratch) -> Pass {
        let tolerance = self.settings.tolerance();
        if scratch.passes > PASSES {
            solve_one_by_one(tile, tolerance);
            return Pass::Exhausted;
        }
        scratch.passes += 1;
        if std::mem::take(&mut scratch.sparse) {
            return if scratch.working_sets.solve(tile, tolerance) {
                Pass::Residual(0.0)
            } else {
                Pass::Unknown
            };
        }
        let near_rounding = tile.memory.in_f64;
        // If the estimate of the sweeps met the tolerance but the certificate did not, rounding is
        // the cause.
        let refuted = near_rounding && std::mem::take(&mut scratch.believed);
        let from = if refuted {
            DescentFrom::Certificate
        } else {
            let swept = scratch.sweeps.sweep(tile, tolerance);
            scratch.since_step += 1;
            let Some(Outlook { estimate, ahead }) = swept else {
                return Pass::Unknown;
            };
            if scratch.since_step < SWEEPS || ahead <= worth(tile.problem.atoms()) {
                scratch.believed = estimate <= tolerance;
                return Pass::Residual(estimate);
            }
            // Far from the optimum the rounding of `T` does not matter.
            if near_rounding || kkt::needs_f64(tile.problem, tolerance.max(0.1 * estimate)) {
                DescentFrom::CodesInF64
            } else {
                DescentFrom::Codes
            }
        };
        scratch.sweeps.interrupt();
        scratch.since_step = 0;
        // Sweeps whose estimate a certificate has refuted will do no better next time.
        scratch.steps += if refuted { 3 } else { 1 };
        if scratch.steps > STEPS {
            solve_one_by_one(tile, tolerance);
            return Pass::Exhausted;
        }
        let step = scratch.step.take(tile, tolerance, from);
        scratch.passes += tile.memory.extra_passes;
        match step {
            // The active set may have been right; leave that to the certificate.
            ActiveSetWas::Kept => Pass::Residual(0.0),
            ActiveSetWas::Cut => Pass::Unknown,
        }
    }

    fn ends_by_itself(&self) -> bool {
        true
    }
}

/// The state that [`Auto`] keeps from pass to pass.
#[derive(Debug, Clone)]
pub struct AutoScratch<T> {
    sweeps: Sweeps<T>,
    step: ActiveStep<T>,
    working_sets: WorkingSets<T>,
    /// Whether the next pass uses working sets.
    sparse: bool,
    /// Passes since the last step on the active set.
    since_step: u32,
    /// Steps taken on the active set.
    steps: u32,
    /// Sweeps and products with `H`.
    passes: u32,
    /// Whether the estimate of the last sweep met the tolerance.
    believed: bool,
}

impl<T: Scalar> AutoScratch<T> {
    fn new(atoms: usize) -> Self {
        Self {
            sweeps: Sweeps::new(atoms),
            step: ActiveStep::new(atoms),
            working_sets: WorkingSets::default(),
            sparse: false,
            since_step: 0,
            steps: 0,
            passes: 0,
            believed: false,
        }
    }
}

/// Solves the remaining columns one by one (rule 4).
fn solve_one_by_one<T: Scalar>(tile: &mut Tile<'_, T>, tolerance: f64) {
    tile.memory.in_f64 = true;
    tile.measure_in_f64();
    let problem = tile.problem.exact();
    for column in 0..tile.columns {
        // The negated comparison also skips NaN.
        if !(tile.memory.residual[column].to_f64() > LEFT_ALONE * tolerance) {
            continue;
        }
        let correlations = tile.wide_correlations(column);
        let start = tile.code(column);
        // Infinite if the code is not finite.
        let residual = |code: &[f64]| {
            let residual = kkt::residual(problem, &correlations, code);
            if residual.is_nan() {
                f64::INFINITY
            } else {
                residual
            }
        };
        let changes = 10 * problem.atoms() as u32;
        let polished = polish(problem, correlations.clone(), start.clone(), changes).code;
        let mut candidates = vec![start, round::<T>(problem, &correlations, polished)];
        // If atoms are dependent up to rounding, one exact solver may fail where the other
        // succeeds.
        if residual(&candidates[1]) > LEFT_ALONE * tolerance {
            let end = end_of_path(problem, &correlations, changes as usize);
            candidates.extend(end.map(|code| round::<T>(problem, &correlations, code)));
        }
        let measured = candidates.iter().map(|code| (residual(code), code));
        if let Some((_, code)) = measured.min_by(|a, b| a.0.total_cmp(&b.0)) {
            tile.set_code(column, code);
        }
    }
}

/// Rounds an optimal code to numbers of `T`. If codes are large, rounding each to the nearest
/// number leaves a residual, so each active code in turn compensates for the rounding of the
/// previous ones.
fn round<T: Scalar>(problem: &Problem<f64>, correlations: &[f64], mut code: Vec<f64>) -> Vec<f64> {
    let gram = problem.gram();
    let signs: Vec<f64> = code.iter().map(|a| a.signum()).collect();
    let active: Vec<usize> = (0..code.len()).filter(|&j| code[j] != 0.0).collect();
    for j in &active {
        code[*j] = T::from_f64(code[*j]).to_f64();
    }
    if !narrower_than_f64::<T>() {
        return code;
    }
    let descents = (0..code.len()).map(|j| correlations[j] - kkt::gram_product(problem, j, &code));
    let mut descents: Vec<f64> = descents.collect();
    for _ in 0..ROUNDS {
        for &j in &active {
            let towards = (descents[j] - problem.lambda1()[j] * signs[j]) / gram[(j, j)];
            let moved = T::from_f64(code[j] + towards).to_f64();
            let step = moved - code[j];
            if step == 0.0 || moved * signs[j] <= 0.0 {
                continue;
            }
            code[j] = moved;
            for (descent, &h) in descents.iter_mut().zip(gram.col(j).iter()) {
                *descent -= h * step;
            }
        }
    }
    code
}
