//! `scn solve`: codes of signals over a dictionary.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use faer::{Mat, MatMut, MatRef};
use scn_solvers::{ElasticNet, Problem, Report, Scalar, Settings, Start, certify, encode};
use serde::Serialize;

use crate::arrays::{Array, Values};
use crate::output::Output;
use crate::solver_name::SolverName;

/// Codes of signals over a dictionary: a = argmin 1/2 ||x - D a||² + lambda1 |a| + lambda2/2 ||a||², a >= 0.
///
/// Dictionary [m, n] and signals [m, P] are .npy files of the same type, f4 or f8; codes [n, P] are written in that type.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  scn solve --dictionary D.npy --signals X.npy --lambda1 0.1 --lambda2 0.001 --out A.npy"
)]
pub(crate) struct Solve {
    /// Dictionary, .npy [m, n], one atom per column
    #[arg(long, value_name = "D.npy")]
    dictionary: PathBuf,
    /// Signals, .npy [m, P], one per column
    #[arg(long, value_name = "X.npy")]
    signals: PathBuf,
    /// Weight of the absolute values, >= 0
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    lambda1: f64,
    /// Weight of the squares, >= 0
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    lambda2: f64,
    /// Codes of any sign instead of a >= 0
    #[arg(long)]
    signed: bool,
    /// Method
    #[arg(long, value_enum, default_value_t = SolverName::Auto)]
    solver: SolverName,
    /// KKT residual to reach, relative to max |D'x| of each column [default: 1e-5 in f4, 1e-9 in f8]
    #[arg(long, value_name = "NUMBER")]
    tolerance: Option<f64>,
    /// Passes over all atoms before a column is given up
    #[arg(long, value_name = "COUNT", default_value_t = 10_000)]
    max_passes: u32,
    /// Where the codes go, .npy [n, P]
    #[arg(long, value_name = "A.npy")]
    out: PathBuf,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Summary {
    solver: &'static str,
    status: String,
    tolerance: f64,
    /// The most that any tile of columns took.
    passes: u32,
    mean_passes: f64,
    kkt: f64,
    duality_gap: f64,
    columns: usize,
    unconverged: usize,
    active: f64,
    seconds: f64,
    columns_per_second: f64,
}

impl Solve {
    pub(crate) fn run(&self, output: &Output) -> Result<()> {
        let dictionary = Array::read(&self.dictionary)?;
        let signals = Array::read(&self.signals)?;
        let [m, n] = dictionary.axes(&self.dictionary, ["m", "n"])?;
        let [rows, columns] = signals.axes(&self.signals, ["m", "P"])?;
        if rows != m {
            bail!(
                "{}: expected signals with {m} rows, like the dictionary {}, found {rows}",
                self.signals.display(),
                self.dictionary.display()
            );
        }
        let shape = Shape { m, n, columns };
        // Signals one after the other, as a program would have them that makes them one by one.
        let signals = signals.transposed();
        let (codes, summary) = match (dictionary.values, signals.values) {
            (Values::F32(dictionary), Values::F32(signals)) => {
                let (codes, summary) = self.solve(shape, &dictionary, &signals)?;
                (Values::F32(codes), summary)
            }
            (Values::F64(dictionary), Values::F64(signals)) => {
                let (codes, summary) = self.solve(shape, &dictionary, &signals)?;
                (Values::F64(codes), summary)
            }
            _ => bail!(
                "expected dictionary and signals of the same type, f4 or f8, found others in {} and {}",
                self.dictionary.display(),
                self.signals.display()
            ),
        };
        Array {
            shape: vec![n, columns],
            values: codes,
        }
        .write(&self.out)?;
        output.result(&summary, || self.describe(&summary))?;
        if summary.unconverged > 0 {
            output.warn(format_args!(
                "{} of {} columns did not reach the tolerance {:e}; the largest KKT residual is {:.1e}",
                summary.unconverged, summary.columns, summary.tolerance, summary.kkt
            ));
        }
        Ok(())
    }

    fn solve<T: Scalar>(
        &self,
        shape: Shape,
        dictionary: &[T],
        signals: &[T],
    ) -> Result<(Vec<T>, Summary)> {
        let Shape { m, n, columns } = shape;
        let refuse = |path: &Path, value: T, row: usize, column: usize| -> Result<()> {
            bail!(
                "{}: expected finite numbers, found {value} at [{row}, {column}]",
                path.display()
            )
        };
        if let Some(at) = dictionary.iter().position(|value| !value.finite()) {
            refuse(&self.dictionary, dictionary[at], at / n, at % n)?;
        }
        if let Some(at) = signals.iter().position(|value| !value.finite()) {
            refuse(&self.signals, signals[at], at % m, at / m)?;
        }
        let signals = MatRef::from_column_major_slice(signals, m, columns);
        let (lambda1, lambda2) = (T::from_f64(self.lambda1), T::from_f64(self.lambda2));
        let penalty = if self.signed {
            ElasticNet::signed(lambda1, lambda2)
        } else {
            ElasticNet::nonnegative(lambda1, lambda2)
        };
        // About a hundred times what rounding leaves.
        let rounding = if T::EPSILON.to_f64() > 1e-10 {
            1e-5
        } else {
            1e-9
        };
        let settings = Settings::new(self.tolerance.unwrap_or(rounding), self.max_passes)?;
        let solver = self.solver.build::<T>(settings);
        let mut codes = vec![T::ZERO; n * columns];

        let start = Instant::now();
        let dictionary = Mat::from_fn(m, n, |i, j| dictionary[i * n + j]);
        let problem = Problem::new(dictionary.as_ref(), penalty).with_context(|| {
            format!("cannot pose the problem with {}", self.dictionary.display())
        })?;
        let matrix = MatMut::from_row_major_slice_mut(&mut codes, n, columns);
        let report = encode(&*solver, &problem, &signals, matrix, Start::Zero)?;
        let seconds = start.elapsed().as_secs_f64();

        let certificate = certify(
            &problem,
            &signals,
            MatRef::from_row_major_slice(&codes, n, columns),
        )?;
        let Report {
            status,
            passes,
            unconverged,
            ..
        } = report;
        let summary = Summary {
            solver: solver.name(),
            status: status.to_string(),
            tolerance: settings.tolerance(),
            passes,
            mean_passes: report.mean_passes(),
            kkt: certificate.kkt,
            duality_gap: certificate.duality_gap,
            columns,
            unconverged,
            active: certificate.active,
            seconds,
            columns_per_second: columns as f64 / seconds,
        };
        Ok((codes, summary))
    }

    fn describe(&self, summary: &Summary) -> String {
        format!(
            "{} with {}: {} columns in {:.3} s, {:.0} columns/s\n\
             passes         {:.1} on average, {} at most\n\
             KKT residual   {:.1e} (largest, checked in f64)\n\
             duality gap    {:.1e} (largest, relative to ||x||²/2)\n\
             active         {:.1} % of the codes\n\
             codes          {}",
            summary.status,
            summary.solver,
            summary.columns,
            summary.seconds,
            summary.columns_per_second,
            summary.mean_passes,
            summary.passes,
            summary.kkt,
            summary.duality_gap,
            100.0 * summary.active,
            self.out.display()
        )
    }
}

#[derive(Debug, Clone, Copy)]
struct Shape {
    m: usize,
    n: usize,
    columns: usize,
}
