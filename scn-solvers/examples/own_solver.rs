//! A custom solver, run and certified by the loop of this crate: the projected gradient method for
//! nonnegative codes, with the spectral step lengths of Barzilai and Borwein, IMA J. Numerical
//! Analysis 8 (1988).
//!
//!     cargo run --release -p scn-solvers --features synthetic --example own_solver

use faer::Mat;
use scn_solvers::solver::Tile;
use scn_solvers::synthetic::{dictionary, normal_matrix};
use scn_solvers::tile::{padded, product};
use scn_solvers::{ElasticNet, Method, Pass, Problem, Scalar, Settings, Start, encode};

#[derive(Debug)]
struct ProjectedGradient(Settings);

/// Tiles with one row per padded atom, and step lengths, one per column.
struct Scratch<T> {
    /// `H s` of the last step, then `H a`.
    product: Vec<T>,
    /// The last step, s.
    step: Vec<T>,
    lengths: Vec<T>,
}

impl<T: Scalar> Method<T> for ProjectedGradient {
    type Scratch = Scratch<T>;

    fn name(&self) -> &'static str {
        "projected-gradient"
    }

    fn settings(&self) -> &Settings {
        &self.0
    }

    fn scratch(&self, atoms: usize) -> Scratch<T> {
        let tile = vec![T::ZERO; padded(atoms) * T::tile()];
        Scratch {
            product: tile.clone(),
            step: tile,
            lengths: vec![T::ZERO; T::tile()],
        }
    }

    fn begin(&self, _: &mut Tile<'_, T>, scratch: &mut Scratch<T>) {
        scratch.step.fill(T::ZERO);
    }

    fn pass(&self, tile: &mut Tile<'_, T>, scratch: &mut Scratch<T>) -> Pass {
        let problem = tile.problem();
        let gram = problem.operator().gram_panels();
        let width = T::tile();
        let Scratch {
            product: fitted,
            step,
            lengths,
        } = scratch;

        // The step length of a column: s's / s'Hs for the last step s, initially 1/L.
        product(gram, step, fitted);
        for (column, length) in lengths.iter_mut().enumerate() {
            let (mut square, mut curvature) = (T::ZERO, T::ZERO);
            for at in (column..step.len()).step_by(width) {
                square += step[at] * step[at];
                curvature += step[at] * fitted[at];
            }
            *length = if curvature > T::ZERO {
                square / curvature
            } else {
                T::ONE / problem.lipschitz()
            };
        }

        // The second product with H in this pass.
        tile.count_products(1);
        let parts = tile.parts();
        product(gram, parts.codes, fitted);
        let mut moved: f64 = 0.0;
        for (j, &lambda1) in problem.lambda1().iter().enumerate() {
            for column in 0..width {
                let at = j * width + column;
                let gradient = fitted[at] - parts.correlations[at] + lambda1;
                let free = parts.codes[at] - lengths[column] * gradient;
                let new = if free > T::ZERO { free } else { T::ZERO };
                step[at] = new - parts.codes[at];
                parts.codes[at] = new;
                let size = problem.diagonal()[j] * step[at].magnitude() / parts.scale[column];
                moved = moved.max(size.to_f64());
            }
        }
        // An estimate is enough, because the loop certifies the codes before it relies on it.
        Pass::Residual(moved)
    }
}

#[expect(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dictionary = dictionary::<f64>(144, 64, 0.0, 1);
    let signals = normal_matrix::<f64>(144, 1000, 2);
    let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.5, 1e-3))?;
    let solver = ProjectedGradient(Settings::new(1e-8, 1000)?);
    let mut codes = Mat::zeros(64, 1000);
    let report = encode(&solver, &problem, &signals, codes.as_mut(), Start::Zero)?;
    println!(
        "{} after {:.1} passes per column: KKT residual {:.1e}",
        report.status,
        report.mean_passes(),
        report.residual
    );
    Ok(())
}
