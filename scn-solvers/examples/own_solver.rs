//! A method of one's own: the projected gradient method with the spectral step lengths of Barzilai and Borwein, IMA J. Numerical
//! Analysis 8 (1988), for nonnegative codes, run and certified by this crate's loop.
//!
//! cargo run --release -p scn-solvers --features testing --example own_solver

use faer::Mat;
use scn_solvers::solver::Tile;
use scn_solvers::testing::{dictionary, normal_matrix};
use scn_solvers::tile::product;
use scn_solvers::{ElasticNet, Problem, Scalar, Settings, Solver, Start, encode};

#[derive(Debug)]
struct ProjectedGradient(Settings);

impl<T: Scalar> Solver<T> for ProjectedGradient {
    fn name(&self) -> &'static str {
        "projected-gradient"
    }

    fn settings(&self) -> &Settings {
        &self.0
    }

    /// `first` will hold H a, `second` the last step.
    fn begin(&self, tile: &mut Tile<'_, T>) {
        tile.parts().second.fill(T::ZERO);
    }

    fn pass(&self, tile: &mut Tile<'_, T>) -> f64 {
        let problem = tile.problem;
        let parts = tile.parts();
        let width = T::tile();

        // The step length of a column: s's / s'Hs for the last step s, at first 1/L.
        product(problem.gram_panels(), parts.second, parts.first);
        let lengths: Vec<T> = (0..width)
            .map(|column| {
                let entries = || (column..parts.second.len()).step_by(width);
                let square =
                    entries().fold(T::ZERO, |sum, at| sum + parts.second[at] * parts.second[at]);
                let curvature =
                    entries().fold(T::ZERO, |sum, at| sum + parts.second[at] * parts.first[at]);
                if curvature > T::ZERO {
                    square / curvature
                } else {
                    T::ONE / problem.lipschitz()
                }
            })
            .collect();

        product(problem.gram_panels(), parts.codes, parts.first);
        let mut moved: f64 = 0.0;
        for (j, &lambda1) in problem.lambda1().iter().enumerate() {
            for column in 0..width {
                let at = j * width + column;
                let gradient = parts.first[at] - parts.correlations[at] + lambda1;
                let step = parts.codes[at] - lengths[column] * gradient;
                let new = if step > T::ZERO { step } else { T::ZERO };
                parts.second[at] = new - parts.codes[at];
                parts.codes[at] = new;
                let size =
                    problem.diagonal()[j] * parts.second[at].magnitude() / parts.scale[column];
                moved = moved.max(size.to_f64());
            }
        }
        // An estimate is enough: the loop certifies the codes before it believes it.
        moved
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
        report.kkt
    );
    Ok(())
}
