//! LARS as a solver: the end of the regularisation path.

use super::{EXHAUSTED, Solver, Tile};
use crate::path::follow;
use crate::{Scalar, Settings};

/// Homotopy (LARS with the lasso modification, for the elastic net): follows the [path](mod@crate::path) of
/// `λ1 + t`, `t >= 0`, from the code zero down to t = 0, in `f64` and one column after the other. Exact to rounding, at a cost
/// that depends on the number of breakpoints and not on the condition of `H`: `O(n |L|)` each. The start is not used.
///
/// One pass does all. A column whose path has more than `max_passes` breakpoints keeps the code zero and is reported as not
/// converged.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lars {
    settings: Settings,
}

impl Lars {
    /// With the given tolerance, and a limit of breakpoints.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }
}

impl<T: Scalar> Solver<T> for Lars {
    fn name(&self) -> &'static str {
        "lars"
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn begin(&self, _: &mut Tile<'_, T>) {}

    fn pass(&self, tile: &mut Tile<'_, T>) -> f64 {
        let problem = T::in_f64(tile.problem);
        let (atoms, width) = (problem.atoms(), T::tile());
        let ones = vec![1.0; atoms];
        for column in 0..tile.columns {
            let rows = tile.workspace.correlations.chunks_exact(width).take(atoms);
            let correlations: Vec<f64> = rows.map(|row| row[column].to_f64()).collect();
            let limit = self.settings.max_passes() as usize;
            let path = follow(problem, &correlations, problem.lambda1(), &ones, limit);
            let end = path
                .ok()
                .map(|path| path.at(0.0))
                .unwrap_or_else(|| vec![0.0; atoms]);
            let rows = tile.workspace.codes.chunks_exact_mut(width);
            for (row, code) in rows.zip(end) {
                row[column] = T::from_f64(code);
            }
        }
        EXHAUSTED
    }
}
