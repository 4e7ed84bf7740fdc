//! An exact active-set solver, the reference for all others.

use super::polish::polish;
use super::{Method, Pass, Tile};
use crate::settings::Settings;
use crate::tile::Scalar;

/// Changes to the active set of a column that count as one pass.
const CHANGES_PER_PASS: u32 = 16;

/// An exact primal active-set method in Gram form, after Lawson and Hanson, "Solving least squares
/// problems" (1974), chapter 23. It tracks the sign of each active entry, so it handles nonnegative
/// and signed codes.
///
/// Given the active set L with signs s, the code solves `H_LL a_L = c_L - λ1_L s`. Each change adds
/// the atom that violates its optimality condition most, then removes the entries that would change
/// their sign. The objective falls with each change, so no active set occurs twice and the solver
/// ends after finitely many changes, exact up to rounding. It computes in `f64`, whatever the type
/// of the numbers, one column after the other. A change costs `O(n |L|)`, and 16 changes count as a
/// pass. This solver is the reference for small problems; it is not meant for large ones.
///
/// An atom that depends linearly on the active ones (λ2 = 0: duplicate atoms, more atoms than rows)
/// cannot be added to them. It replaces one of them: the code moves so that the fit stays the same
/// and the penalty falls, until an active entry is zero.
#[derive(Debug, Clone, Copy)]
pub struct ActiveSet {
    settings: Settings,
}

impl ActiveSet {
    /// Creates the solver with the given tolerance and pass limit.
    ///
    /// # Example
    ///
    /// ```
    /// use approx::assert_abs_diff_eq;
    /// use faer::mat;
    /// use scn_solvers::{ActiveSet, ElasticNet, Problem, Settings, encode_signal};
    ///
    /// // The second atom is twice the first, so it needs half the code and is cheaper.
    /// let dictionary = mat![[1.0, 2.0]];
    /// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(1.0, 0.0))?;
    /// let solver = ActiveSet::new(Settings::new(1e-12, 100)?);
    /// let (code, report) = encode_signal(&solver, &problem, &[3.0])?;
    /// assert!(report.converged());
    /// assert_abs_diff_eq!(code[..], [0.0, (2.0 * 3.0 - 1.0) / 4.0][..], epsilon = 1e-12);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }
}

impl<T: Scalar> Method<T> for ActiveSet {
    type Scratch = ();

    fn name(&self) -> &'static str {
        "active-set"
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn scratch(&self, _: usize) {}

    fn begin(&self, _: &mut Tile<'_, T>, (): &mut ()) {}

    fn pass(&self, tile: &mut Tile<'_, T>, (): &mut ()) -> Pass {
        let limit = self.settings.max_passes().saturating_mul(CHANGES_PER_PASS);
        let problem = tile.problem.exact();
        let mut most = 1;
        for column in 0..tile.columns {
            let correlations = tile.wide_correlations(column);
            let start = tile.code(column);
            let polished = polish(problem, correlations, start, limit);
            tile.set_code(column, &polished.code);
            most = most.max(polished.changes.div_ceil(CHANGES_PER_PASS));
        }
        tile.count_products(most - 1);
        Pass::Exhausted
    }
}
