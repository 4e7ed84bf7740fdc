//! The alternating direction method of multipliers.

use super::{Solver, Tile, shrink};
use crate::kernel::Product;
use crate::{Scalar, Settings, SettingsError};

/// The alternating direction method of multipliers on `1/2 x'Hx - c'x + penalty(a)`, `x = a`, in scaled form with
/// over-relaxation:
///
/// ```text
/// x       = (H + ρI)⁻¹ (c + ρ (a - u))
/// v       = α x + (1 - α) a + u
/// a, u    = prox(v; λ1/ρ), v - a
/// ```
/// <!-- math:
/// \begin{aligned}
/// x &= (H + \rho I)^{-1} \bigl( c + \rho (a - u) \bigr) \\
/// v &= \alpha x + (1 - \alpha) a + u \\
/// a &= \mathrm{prox}(v;\, \lambda_1 / \rho), \qquad u = v - a
/// \end{aligned}
/// -->
///
/// Boyd, Parikh, Chu, Peleato, Eckstein, "Distributed optimization and statistical learning via the alternating direction
/// method of multipliers", Found. Trends Mach. Learn. 3 (2010), sections 3.4.3 and 6.4. The inverse is computed once per problem;
/// `ρ = sqrt(smallest times largest eigenvalue of H)`, the best for a quadratic (Ghadimi, Teixeira, Shames, Johansson, IEEE
/// Trans. Automatic Control 60, 2015), the smallest counted as no less than 1e-3 of the largest. What is returned is `a`,
/// which is exactly zero where the penalty says so.
#[derive(Debug, Clone, Copy)]
pub struct Admm {
    settings: Settings,
    relaxation: f64,
}

impl Admm {
    /// With the given tolerance and limit of passes, and α = 1.6.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            relaxation: 1.6,
        }
    }

    /// With another α, in (0, 2); 1 is no relaxation.
    ///
    /// # Errors
    /// A value outside.
    pub fn with_relaxation(settings: Settings, relaxation: f64) -> Result<Self, SettingsError> {
        if !(relaxation > 0.0 && relaxation < 2.0) {
            return Err(SettingsError::Relaxation { found: relaxation });
        }
        Ok(Self {
            settings,
            relaxation,
        })
    }
}

impl<T: Scalar> Solver<T> for Admm {
    fn name(&self) -> &'static str {
        "admm"
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn begin(&self, tile: &mut Tile<'_, T>) {
        // At a solution ρ u = c - H a, which is what a warm start should know.
        let problem = tile.problem;
        let (rho, _) = problem.shifted_inverse();
        let workspace = &mut *tile.workspace;
        workspace.subspace.fit(problem);
        workspace.extra_passes += 1;
        T::dispatch(Product {
            matrix: problem.gram_panels(),
            y: &workspace.codes,
            out: &mut workspace.product,
        });
        let width = T::tile();
        for (j, &lambda1) in problem.padded_lambda1().iter().enumerate() {
            for entry in j * width..(j + 1) * width {
                let pull = workspace.correlations[entry] - workspace.product[entry];
                let v = workspace.codes[entry] + pull / *rho;
                let u = v - shrink(v, lambda1 / *rho, problem.signed());
                workspace.subspace.system.remainder[entry] = u;
            }
        }
    }

    fn pass(&self, tile: &mut Tile<'_, T>) -> f64 {
        let problem = tile.problem;
        let (rho, inverse) = problem.shifted_inverse();
        let workspace = &mut *tile.workspace;
        let state = &mut workspace.subspace; // `remainder` is u, `solution` is x
        let entries = workspace.correlations.iter().zip(&workspace.codes);
        let right_side = state
            .system
            .direction
            .iter_mut()
            .zip(&state.system.remainder);
        for ((right_side, &u), (&c, &a)) in right_side.zip(entries) {
            *right_side = c + *rho * (a - u);
        }
        T::dispatch(Product {
            matrix: inverse,
            y: &state.system.direction,
            out: &mut state.system.solution,
        });
        let alpha = T::from_f64(self.relaxation);
        workspace.change.fill(T::ZERO);
        let width = T::tile();
        let atoms = problem.diagonal().iter().zip(problem.padded_lambda1());
        for (j, (&diagonal, &lambda1)) in atoms.enumerate() {
            let threshold = lambda1 / *rho;
            for k in 0..width {
                let entry = j * width + k;
                let (a, x) = (workspace.codes[entry], state.system.solution[entry]);
                let v = alpha * x + (T::ONE - alpha) * a + state.system.remainder[entry];
                let new = shrink(v, threshold, problem.signed());
                state.system.remainder[entry] = v - new;
                workspace.codes[entry] = new;
                let moved = diagonal * larger((new - a).magnitude(), (x - new).magnitude());
                workspace.change[k] = larger(workspace.change[k], moved);
            }
        }
        super::largest_change(tile)
    }
}

fn larger<T: Scalar>(a: T, b: T) -> T {
    if a > b { a } else { b }
}
