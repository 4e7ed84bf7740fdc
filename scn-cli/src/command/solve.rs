//! `scn solve`: codes of signals over a dictionary.

mod pursuit;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail};
use clap::{ArgGroup, Args};
use faer::{MatMut, MatRef};
use scn_solvers::{Scalar, Settings};
use serde::Serialize;

use self::pursuit::Pursuit;
use crate::arrays::{Array, Values};
use crate::ending::Ending;
use crate::number;
use crate::output::Output;
use crate::problem_arrays::{AnyProblem, ProblemArrays};
use crate::problem_files::ProblemFiles;
use crate::readable::counted;
use crate::screen::Bar;
use crate::solver_name::SolverName;

/// Codes of signals over a dictionary: a = argmin 1/2 ||x - D a||² + lambda1 |a| + lambda2/2
/// ||a||², a >= 0.
///
/// All arrays are .npy files of floats (f2, f4, f8) or integers. Where f4 holds the numbers of
/// matrix and signals exactly, as it holds f2 and integers of up to 2 bytes, the command computes
/// in f4, else in f8; codes [n, P] are written in that type. With --atoms or --residual there is no
/// penalty: orthogonal matching pursuit takes atoms one by one until there are so many, or until
/// ||x - D a|| is so small a part of ||x||.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("matrix").args(["dictionary", "gram"]).required(true),
    after_help = "Examples:\n  \
        scn solve --dictionary D.npy --signals X.npy --lambda1 0.1 --lambda2 0.001 --out A.npy\n  \
        scn solve --gram H.npy --correlations C.npy --lambda1 L.npy --lambda2 0 --signed --out A.npy\n  \
        scn solve --dictionary D.npy --signals X.npy --atoms 5 --out A.npy"
)]
pub(crate) struct Solve {
    #[command(flatten)]
    files: ProblemFiles,
    /// Method [default: auto]
    #[arg(long, value_enum, hide_default_value = true, conflicts_with_all = ["atoms", "residual"])]
    solver: Option<SolverName>,
    /// KKT residual to reach, relative to max |D'x| of each column [default: 1e-5 in f4, 1e-9 in
    /// f8]
    #[arg(long, value_name = "NUMBER", value_parser = number::parse::<f64>, conflicts_with_all = ["atoms", "residual"])]
    tolerance: Option<f64>,
    /// Passes over all atoms before a column is given up
    #[arg(long, value_name = "COUNT", default_value_t = 10_000)]
    max_passes: u32,
    /// Ends as if all were well where columns miss the tolerance; without it the exit code is 3.
    /// The codes are written either way
    #[arg(long, conflicts_with_all = ["atoms", "residual"])]
    allow_unconverged: bool,
    #[command(flatten)]
    pursuit: Pursuit,
    /// Where the codes go, .npy [n, P]
    #[arg(help_heading = "Output", long, value_name = "A.npy")]
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
    /// None where there are no signals.
    duality_gap: Option<f64>,
    columns: usize,
    unconverged: usize,
    unconverged_columns: Vec<usize>,
    active: f64,
    seconds: f64,
    columns_per_second: f64,
}

impl Solve {
    pub(crate) fn run(&self, output: &Output) -> Result<Ending> {
        if let Some(stop) = self.pursuit.stop() {
            return pursuit::run(&self.files, stop, &self.out, output).map(|()| Ending::Done);
        }
        if self.files.lambda1.is_none() || self.files.lambda2.is_none() {
            bail!("expected --lambda1 and --lambda2 (or, for a pursuit, --atoms or --residual)");
        }
        let (array, summary) = match self.files.read()? {
            AnyProblem::F32(numbers) => self.solve(&numbers, 1e-5, Values::F32)?,
            AnyProblem::F64(numbers) => self.solve(&numbers, 1e-9, Values::F64)?,
        };
        array.write(&self.out)?;
        output.result(&summary, || self.describe(&summary))?;
        if summary.unconverged == 0 {
            return Ok(Ending::Done);
        }
        let missed = format!(
            "{} of {} columns did not reach the tolerance {:e}; the largest KKT residual is {:.1e}",
            summary.unconverged, summary.columns, summary.tolerance, summary.kkt
        );
        Ok(output.unconverged(missed, self.allow_unconverged))
    }

    /// `tolerance` is about a hundred times what rounding leaves.
    fn solve<T: Scalar>(
        &self,
        numbers: &ProblemArrays<T>,
        tolerance: f64,
        values: fn(Vec<T>) -> Values,
    ) -> Result<(Array, Summary)> {
        let (atoms, columns) = (numbers.atoms(), numbers.columns.ncols());
        let settings = Settings::new(self.tolerance.unwrap_or(tolerance), self.max_passes)?;
        let solver = self.solver.unwrap_or(SolverName::Auto).build::<T>(settings);
        let mut codes = vec![T::ZERO; atoms * columns];

        let start = Instant::now();
        let problem = numbers.pose()?;
        let matrix = MatMut::from_row_major_slice_mut(&mut codes, atoms, columns);
        let bar = Bar::wait(format!("solving {}", counted(columns as u64, "column")));
        let report = numbers.encode(&*solver, &problem, matrix)?;
        let seconds = start.elapsed().as_secs_f64();
        drop(bar);

        let bar = Bar::wait("checking the codes in f64");
        let check = numbers.check(
            &problem,
            MatRef::from_row_major_slice(&codes, atoms, columns),
        )?;
        drop(bar);
        let summary = Summary {
            solver: solver.name(),
            status: report.status.to_string(),
            tolerance: settings.tolerance(),
            passes: report.passes,
            mean_passes: report.mean_passes(),
            kkt: check.kkt,
            duality_gap: check.duality_gap,
            columns,
            unconverged: report.unconverged.len(),
            unconverged_columns: report.unconverged,
            active: check.active,
            seconds,
            columns_per_second: columns as f64 / seconds,
        };
        let array = Array {
            shape: vec![atoms, columns],
            values: values(codes),
        };
        Ok((array, summary))
    }

    fn describe(&self, summary: &Summary) -> String {
        let gap = match summary.duality_gap {
            Some(gap) => format!("{gap:.1e} (largest, relative to ||x||²/2)"),
            None => "unknown without signals".to_string(),
        };
        format!(
            "{} with {}: {} columns in {:.3} s, {:.0} columns/s\n\
             passes         {:.1} on average, {} at most\n\
             KKT residual   {:.1e} (largest, checked in f64)\n\
             duality gap    {gap}\n\
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
            100.0 * summary.active,
            self.out.display()
        )
    }
}
