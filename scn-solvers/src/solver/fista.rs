//! FISTA, with adaptive restart.

use std::sync::LazyLock;

use super::{Solver, Tile, largest_change};
use crate::kernel::{Curvature, FistaState, FistaStep};
use crate::{Problem, Scalar, Settings, Workspace};

/// The estimate of the residual and the test for a restart cost several percent of a pass on small
/// dictionaries.
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
/// Beck, Teboulle, "A fast iterative shrinkage-thresholding algorithm", SIAM J. Imaging Sciences 2 (2009), eqs. (4.1) to
/// (4.3). A column whose step goes uphill along its momentum starts again with s = 1: the gradient scheme of
/// O'Donoghue, Candès, "Adaptive restart for accelerated gradient schemes", Found. Comput. Math. 15 (2015), which about
/// halves the passes here.
///
/// The test for a restart and the estimate of the residual are made at every second pass.
#[derive(Debug, Clone, Copy)]
pub struct Fista {
    settings: Settings,
    restart: bool,
    backtracking: bool,
}

impl Fista {
    /// With adaptive restart.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            restart: true,
            backtracking: false,
        }
    }

    /// As published in 2009, without restart.
    pub fn without_restart(settings: Settings) -> Self {
        Self {
            settings,
            restart: false,
            backtracking: false,
        }
    }

    /// With adaptive restart, and without an eigenvalue: `L` starts at the largest `H_jj`, which it cannot be below, and is
    /// doubled whenever a step from z to a shows it to be too small, `(a - z)'H(a - z) > L ||a - z||²` (Beck, Teboulle,
    /// section 4). A pass costs two products with `H`, so this pays only where the `O(n³)` of the eigenvalue do not.
    pub fn with_backtracking(settings: Settings) -> Self {
        Self {
            settings,
            restart: true,
            backtracking: true,
        }
    }
}

impl<T: Scalar> Solver<T> for Fista {
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

    fn begin(&self, tile: &mut Tile<'_, T>) {
        let workspace = &mut *tile.workspace;
        workspace.extrapolated.copy_from_slice(&workspace.codes);
        workspace.since_restart.fill(0);
        workspace.passes = 0;
        if self.backtracking {
            workspace.subspace.fit(tile.problem);
            let diagonal = tile.problem.diagonal().iter().copied();
            let largest = diagonal.fold(T::ZERO, |a, b| if a > b { a } else { b });
            workspace.lipschitz = if largest > T::ZERO { largest } else { T::ONE };
        }
    }

    fn pass(&self, tile: &mut Tile<'_, T>) -> f64 {
        let problem = tile.problem;
        let workspace = &mut *tile.workspace;
        let weights = workspace
            .weight
            .iter_mut()
            .zip(&mut workspace.since_restart);
        let first: &[f64] = &FIRST_WEIGHTS;
        for (weight, steps) in weights {
            let beyond = || f64::from(*steps) / (f64::from(*steps) + 3.0);
            let value = first.get(*steps as usize).copied();
            *weight = T::from_f64(value.unwrap_or_else(beyond));
            *steps += 1;
        }
        let measure = workspace.passes.is_multiple_of(MEASURE_EVERY);
        workspace.passes += 1;
        if self.backtracking {
            workspace
                .subspace
                .system
                .solution
                .copy_from_slice(&workspace.codes);
            step(problem, workspace, workspace.lipschitz, measure);
            while too_short(problem, workspace) {
                workspace.lipschitz += workspace.lipschitz;
                workspace
                    .codes
                    .copy_from_slice(&workspace.subspace.system.solution);
                step(problem, workspace, workspace.lipschitz, measure);
                workspace.extra_passes += 2;
            }
            workspace.extra_passes += 1;
        } else {
            step(problem, workspace, problem.lipschitz(), measure);
        }
        std::mem::swap(&mut workspace.extrapolated, &mut workspace.product);
        if !measure {
            return f64::INFINITY;
        }
        if self.restart {
            let steps = workspace.since_restart.iter_mut();
            for (steps, &uphill) in steps.zip(&workspace.residual) {
                if uphill > T::ZERO {
                    *steps = 0;
                }
            }
        }
        largest_change(tile)
    }
}

/// One step on the whole tile, with the weights in the workspace; the next `z` is left in `product`.
pub(super) fn step<T: Scalar>(
    problem: &Problem<T>,
    workspace: &mut Workspace<T>,
    lipschitz: T,
    measure: bool,
) {
    T::dispatch(FistaStep {
        signed: problem.signed(),
        gram: problem.gram_panels(),
        lipschitz,
        lambda1: problem.padded_lambda1(),
        correlations: &workspace.correlations,
        state: FistaState {
            codes: &mut workspace.codes,
            extrapolated: &workspace.extrapolated,
            next_extrapolated: &mut workspace.product,
            weight: &workspace.weight,
        },
        measure,
        change: &mut workspace.change,
        uphill: &mut workspace.residual,
    });
}

/// Whether the step just taken shows that `L` is too small, in any column, beyond the rounding of the two sums.
fn too_short<T: Scalar>(problem: &Problem<T>, workspace: &mut Workspace<T>) -> bool {
    let state = &mut workspace.subspace;
    let entries = workspace.codes.iter().zip(&workspace.extrapolated);
    for (way, (&new, &z)) in state.system.direction.iter_mut().zip(entries) {
        *way = new - z;
    }
    T::dispatch(Curvature {
        gram: problem.gram_panels(),
        direction: &state.system.direction,
        product: &mut state.system.remainder,
        curvature: &mut state.system.square,
    });
    let rounding = 1.0 + 8.0 * problem.atoms() as f64 * T::EPSILON.to_f64();
    let width = T::tile();
    (0..width).any(|column| {
        let rows = state.system.direction.iter().skip(column).step_by(width);
        let length: f64 = rows.map(|way| way.to_f64() * way.to_f64()).sum();
        state.system.square[column].to_f64() > rounding * workspace.lipschitz.to_f64() * length
    })
}

/// `(s_k - 1) / s_{k+1}`, with s_0 = 1, for the first k. Beyond these `s_k = k/2 + O(log k)`, and `k / (k + 3)` is off by less
/// than 1e-4.
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
    use super::FIRST_WEIGHTS;

    /// The momentum grows to one, and what is used beyond the table goes on from it. Without the square root, as the sequence is
    /// printed in the paper, it would fall to zero.
    #[test]
    fn momentum_grows_to_one() {
        let last = FIRST_WEIGHTS.len() - 1;
        let beyond = last as f64 / (last as f64 + 3.0);
        assert!((FIRST_WEIGHTS[last] - beyond).abs() < 1e-4);
        assert!(FIRST_WEIGHTS.is_sorted());
    }
}
