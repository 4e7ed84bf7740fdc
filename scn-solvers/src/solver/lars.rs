//! LARS as a solver: the end of the regularisation path.

use super::{Method, Pass, Tile};
use crate::path::follow;
use crate::problem::Problem;
use crate::settings::Settings;
use crate::tile::Scalar;

/// Homotopy (LARS with the lasso modification, for the elastic net).
///
/// Follows the [path](mod@crate::path) of `λ1 + t`, `t >= 0`, from the zero code down to t = 0, in
/// `f64` and one column after the other. The result is exact up to rounding. The cost depends on
/// the number of breakpoints, `O(n |L|)` each, and not on the condition of `H`. The start is
/// ignored.
///
/// One pass solves the tile. A column whose path has more than `max_passes` breakpoints gets the
/// zero code and is reported as not converged.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lars {
    settings: Settings,
}

impl Lars {
    /// Creates the solver with the given tolerance and a limit of `max_passes` breakpoints.
    ///
    /// # Example
    ///
    /// ```
    /// use approx::assert_abs_diff_eq;
    /// use faer::mat;
    /// use scn_solvers::{ElasticNet, Lars, Problem, Settings, encode_signal};
    ///
    /// let dictionary = mat![[1.0, 0.6], [0.0, 0.8]];
    /// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.1, 0.0))?;
    /// let (code, report) = encode_signal(&Lars::default(), &problem, &[1.0, 1.0])?;
    /// assert!(report.converged() && report.passes == 1);
    /// assert_abs_diff_eq!(code[..], [0.1875, 1.1875][..], epsilon = 1e-12);
    ///
    /// // The two atoms become active at two breakpoints.
    /// let solver = Lars::new(Settings::new(1e-10, 1)?);
    /// let (code, report) = encode_signal(&solver, &problem, &[1.0, 1.0])?;
    /// assert!(!report.converged() && code == [0.0, 0.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }
}

impl<T: Scalar> Method<T> for Lars {
    type Scratch = ();

    fn name(&self) -> &'static str {
        "lars"
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn scratch(&self, _: usize) {}

    fn begin(&self, _: &mut Tile<'_, T>, (): &mut ()) {}

    fn pass(&self, tile: &mut Tile<'_, T>, (): &mut ()) -> Pass {
        let problem = tile.problem.exact();
        let limit = self.settings.max_passes() as usize;
        for column in 0..tile.columns {
            let correlations = tile.wide_correlations(column);
            let end = end_of_path(problem, &correlations, limit);
            let end = end.unwrap_or_else(|| vec![0.0; problem.atoms()]);
            tile.set_code(column, &end);
        }
        Pass::Exhausted
    }
}

/// Returns the code at the end of the path, or `None` if the path has more than `limit`
/// breakpoints.
pub(super) fn end_of_path(
    problem: &Problem<f64>,
    correlations: &[f64],
    limit: usize,
) -> Option<Vec<f64>> {
    let ones = vec![1.0; problem.atoms()];
    let path = follow(problem, correlations, problem.lambda1(), &ones, limit);
    path.ok().map(|path| path.at(0.0))
}
