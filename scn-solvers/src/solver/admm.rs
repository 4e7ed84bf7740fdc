//! The alternating direction method of multipliers.

use super::{Method, Pass, Tile};
use crate::SettingsError;
use crate::settings::Settings;
use crate::tile::kernels::{Product, shrink};
use crate::tile::{Scalar, padded};

/// The alternating direction method of multipliers.
///
/// It is applied to `1/2 x'Hx - c'x + penalty(a)` with `x = a`, in scaled form with
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
/// Boyd, Parikh, Chu, Peleato, Eckstein, "Distributed optimization and statistical learning via the
/// alternating direction method of multipliers", Found. Trends Mach. Learn. 3 (2010), sections
/// 3.4.3 and 6.4. The inverse is computed once per problem.
/// `ρ = sqrt(smallest times largest eigenvalue of H)` is optimal for a quadratic (Ghadimi,
/// Teixeira, Shames, Johansson, IEEE Trans. Automatic Control 60, 2015); the smallest eigenvalue is
/// taken as at least 1e-3 of the largest. The solver returns `a`, whose zeros are exact.
#[derive(Debug, Clone, Copy)]
pub struct Admm {
    settings: Settings,
    relaxation: f64,
}

impl Admm {
    /// Creates the solver with the given tolerance and pass limit, and α = 1.6.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            relaxation: 1.6,
        }
    }

    /// Creates the solver with a given α in (0, 2); 1 means no relaxation.
    ///
    /// # Errors
    /// Returns an error if `relaxation` is outside (0, 2).
    ///
    /// # Example
    ///
    /// ```
    /// use approx::assert_abs_diff_eq;
    /// use faer::mat;
    /// use scn_solvers::{Admm, ElasticNet, Problem, Settings, SettingsError, encode_signal};
    ///
    /// let settings = Settings::new(1e-10, 1000)?;
    /// let dictionary = mat![[1.0, 0.6], [0.0, 0.8]];
    /// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.1, 0.0))?;
    /// let solver = Admm::with_relaxation(settings, 1.0)?;
    /// let (code, _) = encode_signal(&solver, &problem, &[1.0, 1.0])?;
    /// assert_abs_diff_eq!(code[..], [0.1875, 1.1875][..], epsilon = 1e-8);
    ///
    /// let error = Admm::with_relaxation(settings, 2.0).err();
    /// assert_eq!(error, Some(SettingsError::Relaxation { found: 2.0 }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

impl<T: Scalar> Method<T> for Admm {
    type Scratch = AdmmScratch<T>;

    fn name(&self) -> &'static str {
        "admm"
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn scratch(&self, atoms: usize) -> AdmmScratch<T> {
        AdmmScratch::new(atoms)
    }

    fn begin(&self, tile: &mut Tile<'_, T>, scratch: &mut Self::Scratch) {
        // At a solution ρ u = c - H a, so derive the initial u from the codes.
        let problem = tile.problem;
        let (rho, _) = problem.shifted_inverse();
        tile.count_products(1);
        T::product(Product {
            matrix: problem.operator().gram_panels(),
            y: &tile.memory.codes,
            out: &mut scratch.solution,
        });
        let width = T::tile();
        for (j, &lambda1) in problem.padded_lambda1().iter().enumerate() {
            for entry in j * width..(j + 1) * width {
                let descent = tile.memory.correlations[entry] - scratch.solution[entry];
                let v = tile.memory.codes[entry] + descent / *rho;
                scratch.dual[entry] = v - shrink(v, lambda1 / *rho, problem.signed());
            }
        }
    }

    fn pass(&self, tile: &mut Tile<'_, T>, scratch: &mut Self::Scratch) -> Pass {
        let problem = tile.problem;
        let (rho, inverse) = problem.shifted_inverse();
        let memory = &mut *tile.memory;
        let entries = memory.correlations.iter().zip(&memory.codes);
        let right_side = scratch.right_side.iter_mut().zip(&scratch.dual);
        for ((right_side, &u), (&c, &a)) in right_side.zip(entries) {
            *right_side = c + *rho * (a - u);
        }
        T::product(Product {
            matrix: inverse,
            y: &scratch.right_side,
            out: &mut scratch.solution,
        });
        let alpha = T::from_f64(self.relaxation);
        scratch.change.fill(T::ZERO);
        let width = T::tile();
        let atoms = problem.diagonal().iter().zip(problem.padded_lambda1());
        for (j, (&diagonal, &lambda1)) in atoms.enumerate() {
            let threshold = lambda1 / *rho;
            for k in 0..width {
                let entry = j * width + k;
                let (a, x) = (memory.codes[entry], scratch.solution[entry]);
                let v = alpha * x + (T::ONE - alpha) * a + scratch.dual[entry];
                let new = shrink(v, threshold, problem.signed());
                scratch.dual[entry] = v - new;
                memory.codes[entry] = new;
                let moved = diagonal * larger((new - a).magnitude(), (x - new).magnitude());
                scratch.change[k] = larger(scratch.change[k], moved);
            }
        }
        Pass::Residual(tile.largest_change(&scratch.change))
    }
}

/// The memory of [`Admm`]: tiles with one row per padded atom, and a row with one entry per column.
#[derive(Debug, Clone)]
pub struct AdmmScratch<T> {
    right_side: Vec<T>,
    /// `x`
    solution: Vec<T>,
    /// `u`
    dual: Vec<T>,
    change: Vec<T>,
}

impl<T: Scalar> AdmmScratch<T> {
    fn new(atoms: usize) -> Self {
        let tile = vec![T::ZERO; padded(atoms) * T::tile()];
        Self {
            right_side: tile.clone(),
            solution: tile.clone(),
            dual: tile,
            change: vec![T::ZERO; T::tile()],
        }
    }
}

fn larger<T: Scalar>(a: T, b: T) -> T {
    if a > b { a } else { b }
}
