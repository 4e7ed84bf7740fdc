//! Measures how inexact codes and inexact linear systems affect a gradient.
//!
//! The first table has codes of a given KKT residual, and exact linear systems on the active sets
//! of these codes. *Undecided* columns have a margin of strict complementarity of at most the
//! tolerance. The second table has exact codes, and linear systems of a given relative residual.
//! Errors are in the Frobenius norm, relative to the exact gradient. The loss is `sum u_j a_j` with
//! random u, to which every wrongly active entry contributes.
//!
//!     cargo run --release -p scn-grad --example tolerances

use std::error::Error;

use faer::Mat;
use scn_grad::{Gradients, Linearization, MaskedAuto, MaskedCholesky, MaskedReport, MaskedSolver};
use scn_solvers::synthetic::{Workload, normal_matrix};
use scn_solvers::{ActiveSet, Auto, ElasticNet, Problem, Settings, Solver, Start, encode};

const COLUMNS: usize = 5000;

/// A problem with its signals, and dLoss/da.
struct Batch {
    problem: Problem<f64>,
    signals: Mat<f64>,
    cotangent: Mat<f64>,
}

/// `dLoss/dD` and `dLoss/dx`, with the report and the number of undecided columns.
struct Derivative {
    dictionary: Mat<f64>,
    signals: Mat<f64>,
    report: MaskedReport,
    undecided: usize,
}

#[expect(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn Error>> {
    for (shape, active) in [
        ((144, 64), Some(0.25)),
        ((144, 64), None),
        ((576, 256), None),
    ] {
        let batch = Batch::new(shape, active)?;
        let share = if active.is_some() {
            "a quarter active"
        } else {
            "lambda1 = 0"
        };
        println!("{} x {}, {share}, {COLUMNS} columns", shape.0, shape.1);
        let exact_codes = batch.codes(&ActiveSet::new(Settings::new(1e-12, 1000)?))?;
        let exact = batch.derivative(&exact_codes, &MaskedCholesky, 0.0)?;
        let error =
            |found: &Mat<f64>, exact: &Mat<f64>| (found - exact).norm_l2() / exact.norm_l2();

        println!("  KKT residual  undecided  error of dLoss/dD  of dLoss/dx");
        for tolerance in [1e-2, 1e-3, 1e-4, 1e-5, 1e-6] {
            let codes = batch.codes(&Auto::new(Settings::new(tolerance, 10_000)?))?;
            let found = batch.derivative(&codes, &MaskedCholesky, tolerance)?;
            println!(
                "  {tolerance:>12.0e}  {:>7.2} %  {:>17.1e}  {:>11.1e}",
                100.0 * found.undecided as f64 / COLUMNS as f64,
                error(&found.dictionary, &exact.dictionary),
                error(&found.signals, &exact.signals),
            );
        }
        println!("  linear systems   products  error of dLoss/dD  of dLoss/dx");
        for tolerance in [1e-1, 1e-2, 1e-3, 1e-4, 1e-6] {
            let settings = Settings::new(tolerance, 1000)?;
            let solver = MaskedAuto::new(settings);
            let found = batch.derivative(&exact_codes, &solver, 0.0)?;
            println!(
                "  {tolerance:>14.0e}  {:>9.1}  {:>17.1e}  {:>11.1e}",
                found.report.mean_passes(),
                error(&found.dictionary, &exact.dictionary),
                error(&found.signals, &exact.signals),
            );
        }
        println!();
    }
    Ok(())
}

impl Batch {
    fn new(shape: (usize, usize), active: Option<f64>) -> Result<Self, Box<dyn Error>> {
        let work = Workload::<f64>::new(shape, COLUMNS, 0.0, active, 1);
        let penalty = ElasticNet::nonnegative(work.lambda1, work.lambda2);
        Ok(Self {
            problem: Problem::new(work.dictionary.as_ref(), penalty)?,
            signals: work.signals,
            cotangent: normal_matrix(shape.1, COLUMNS, 9),
        })
    }

    fn codes(&self, solver: &dyn Solver<f64>) -> Result<Mat<f64>, Box<dyn Error>> {
        let mut codes = Mat::zeros(self.problem.atoms(), COLUMNS);
        let report = encode(
            solver,
            &self.problem,
            &self.signals,
            codes.as_mut(),
            Start::Zero,
        )?;
        if !report.converged() {
            return Err("codes did not converge".into());
        }
        Ok(codes)
    }

    fn derivative(
        &self,
        codes: &Mat<f64>,
        solver: &dyn MaskedSolver<f64>,
        tolerance: f64,
    ) -> Result<Derivative, Box<dyn Error>> {
        let point = Linearization::new(&self.problem, &self.signals, codes.as_ref())?;
        let mut gradients = Gradients::zeros(&self.problem);
        let mut signals = Mat::zeros(self.problem.rows(), COLUMNS);
        let cotangent = self.cotangent.as_ref();
        let report = point.vjp(solver, cotangent, &mut gradients, Some(signals.as_mut()))?;
        Ok(Derivative {
            dictionary: gradients.dictionary,
            signals,
            report,
            undecided: point.margins(tolerance).undecided,
        })
    }
}
