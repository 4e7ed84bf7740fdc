//! The proximal gradient method without momentum.

use super::momentum::Momentum;
use super::{Method, Pass, Tile};
use crate::settings::Settings;
use crate::tile::Scalar;

/// The iterative shrinkage-thresholding algorithm with constant step 1/L, `L` the
/// [largest eigenvalue](crate::Problem::lipschitz) of `H`:
///
/// ```text
/// a_{k+1} = prox(a_k - (H a_k - c) / L)
/// ```
/// <!-- math: a_{k+1} = \mathrm{prox}\bigl( a_k - (H a_k - c) / L \bigr) -->
///
/// Daubechies, Defrise, De Mol, "An iterative thresholding algorithm for linear inverse problems
/// with a sparsity constraint", Comm. Pure Appl. Math. 57 (2004). This is the slowest and simplest
/// solver here, for comparison: each step lowers the objective and depends only on the current
/// codes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ista {
    settings: Settings,
}

impl Ista {
    /// Creates the solver with the given tolerance and pass limit.
    ///
    /// # Example
    ///
    /// ```
    /// use approx::assert_abs_diff_eq;
    /// use faer::mat;
    /// use scn_solvers::{ElasticNet, Ista, Problem, Settings, encode_signal};
    ///
    /// // One step from zero: a = max(D'x - lambda1, 0) / L, with L = 1.6.
    /// let dictionary = mat![[1.0, 0.6], [0.0, 0.8]];
    /// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.1, 0.0))?;
    /// let one_step = Ista::new(Settings::new(1e-10, 1)?);
    /// let (code, _) = encode_signal(&one_step, &problem, &[1.0, 1.0])?;
    /// assert_abs_diff_eq!(code[..], [0.9 / 1.6, 1.3 / 1.6][..], epsilon = 1e-12);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }
}

impl<T: Scalar> Method<T> for Ista {
    type Scratch = Momentum<T>;

    fn name(&self) -> &'static str {
        "ista"
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn scratch(&self, atoms: usize) -> Momentum<T> {
        Momentum::new(atoms)
    }

    fn begin(&self, tile: &mut Tile<'_, T>, scratch: &mut Self::Scratch) {
        scratch.extrapolated.copy_from_slice(&tile.memory.codes);
        // FISTA without extrapolation.
        scratch.weight.fill(T::ZERO);
    }

    fn pass(&self, tile: &mut Tile<'_, T>, scratch: &mut Self::Scratch) -> Pass {
        scratch.step(tile, tile.problem.lipschitz(), true);
        scratch.turn();
        Pass::Residual(tile.largest_change(&scratch.change))
    }
}
