//! `scn bench solve`: sparse codes per second.

use std::path::PathBuf;

use anyhow::Result;
use clap::{ArgGroup, Args, ValueEnum};
use faer::{MatMut, MatRef};
use scn_solvers::synthetic::Workload;
use scn_solvers::{InstructionSet, Lambda1, Scalar, Settings};
use serde::Serialize;

use super::peak::peak_operations_per_second;
use super::repeat::fastest;
use super::shape::{self, check_workload};
use crate::arrays::{Array, Values};
use crate::number;
use crate::output::Output;
use crate::problem_arrays::{AnyProblem, MatrixKind, ProblemArrays};
use crate::problem_files::ProblemFiles;
use crate::readable::{counted, rate};
use crate::screen::Bar;
use crate::solver_name::SolverName;
use crate::table::{Rows, left, right, wrapped};

/// Measures sparse codes: columns per second, passes, KKT residual and fraction of the machine's
/// peak, for each shape and solver.
///
/// Without files, signals are sums of few atoms and noise. The time is from signals in memory to
/// codes in memory: Gram matrix, D'x and solve. Operations are 2 (m n + passes n²) per column. The
/// peak is measured first, with multiply-adds on registers.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("matrix").args(["dictionary", "gram"]),
    after_help = "Examples:\n  scn bench solve --shape 144x64 --solver auto --solver fista --tolerance 1e-6\n  scn bench solve --dictionary D.npy --signals X.npy --lambda1 0.1 --lambda2 0.001"
)]
pub(super) struct Solve {
    #[command(flatten)]
    files: ProblemFiles,
    /// Shape of the dictionary, m x n (repeatable)
    #[arg(long = "shape", value_name = "MxN", value_parser = shape::parse,
          default_values = ["27x16", "144x64", "576x16", "288x128", "2304x64", "576x256"],
          conflicts_with_all = ["dictionary", "gram"])]
    shapes: Vec<(usize, usize)>,
    /// Solver (repeatable)
    #[arg(long = "solver", value_enum, default_values = ["auto", "coordinate-descent", "fista"])]
    solvers: Vec<SolverName>,
    /// KKT residual to reach
    #[arg(long, value_name = "NUMBER", default_value_t = 1e-4, value_parser = number::parse::<f64>)]
    tolerance: f64,
    /// Fraction of codes that are active, set through lambda1; 1 means lambda1 = 0
    #[arg(long, value_name = "FRACTION", default_value_t = 0.25, value_parser = number::parse::<f64>, conflicts_with_all = ["dictionary", "gram"])]
    active: f64,
    /// Inner product between atoms, in [0, 1)
    #[arg(long, value_name = "NUMBER", default_value_t = 0.0, value_parser = number::parse::<f64>, conflicts_with_all = ["dictionary", "gram"])]
    coherence: f64,
    /// Number of signals per shape
    #[arg(long, value_name = "COUNT", default_value_t = 20_000, conflicts_with_all = ["dictionary", "gram"])]
    columns: usize,
    /// Computes with numbers of 8 bytes instead of 4
    #[arg(long, conflicts_with_all = ["dictionary", "gram"])]
    double: bool,
    /// Minimum number of runs; short runs are repeated for half a second. The fastest run counts
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    repeats: usize,
    /// Maximum number of passes per column
    #[arg(long, value_name = "COUNT", default_value_t = 5000)]
    max_passes: u32,
    /// Output file for the codes of the last solver, .npy [n, P]
    #[arg(long, value_name = "A.npy", requires = "matrix")]
    out: Option<PathBuf>,
}

/// The output of `scn bench solve --json`.
#[derive(Debug, Serialize)]
struct Summary {
    instruction_set: String,
    threads: usize,
    precision: &'static str,
    tolerance: f64,
    /// None for a problem in files.
    coherence: Option<f64>,
    /// Peak of all threads together.
    peak_operations_per_second: f64,
    runs: Vec<Run>,
}

#[derive(Debug, Serialize)]
struct Run {
    rows: usize,
    atoms: usize,
    /// None if each atom has its own λ1.
    lambda1: Option<f64>,
    solver: &'static str,
    status: String,
    columns: usize,
    unconverged: usize,
    seconds: f64,
    columns_per_second: f64,
    mean_passes: f64,
    kkt: f64,
    active: f64,
    operations_per_second: f64,
    share_of_peak: f64,
}

impl Solve {
    pub(super) fn run(&self, output: &Output) -> Result<()> {
        if self.files.named() {
            match self.files.read()? {
                AnyProblem::F32(numbers) => self.bench_files("f32", &numbers, Values::F32, output),
                AnyProblem::F64(numbers) => self.bench_files("f64", &numbers, Values::F64, output),
            }
        } else if self.double {
            self.bench_shapes::<f64>("f64", output)
        } else {
            self.bench_shapes::<f32>("f32", output)
        }
    }

    /// Runs the benchmark on the user's problem.
    fn bench_files<T: Scalar>(
        &self,
        precision: &'static str,
        numbers: &ProblemArrays<T>,
        values: fn(Vec<T>) -> Values,
        output: &Output,
    ) -> Result<()> {
        let mut summary = self.begin::<T>(precision, output);
        let (atoms, columns) = (numbers.posing.atoms(), numbers.columns.ncols());
        let mut codes = vec![T::ZERO; atoms * columns];
        for &name in &self.solvers {
            self.time(numbers, name, &mut codes, &mut summary, output)?;
        }
        if let Some(path) = &self.out {
            let shape = vec![atoms, columns];
            let values = values(codes);
            Array { shape, values }.write(path)?;
        }
        output.result_json(&summary)
    }

    /// Runs the benchmark on random problems.
    fn bench_shapes<T: Scalar>(&self, precision: &'static str, output: &Output) -> Result<()> {
        let mut summary = self.begin::<T>(precision, output);
        for &shape in &self.shapes {
            check_workload::<T>(shape, self.columns)?;
            let active = (self.active < 1.0).then_some(self.active);
            let workload = Workload::<T>::new(shape, self.columns, self.coherence, active, 1);
            let numbers = ProblemArrays::random(workload);
            let mut codes = vec![T::ZERO; numbers.posing.atoms() * self.columns];
            for &name in &self.solvers {
                self.time(&numbers, name, &mut codes, &mut summary, output)?;
            }
        }
        output.result_json(&summary)
    }

    /// Measures the machine's peak and prints the heading of the table.
    fn begin<T: Scalar>(&self, precision: &'static str, output: &Output) -> Summary {
        let peaks = rayon::broadcast(|_| peak_operations_per_second::<T>());
        let summary = Summary {
            instruction_set: InstructionSet::detect().to_string(),
            threads: rayon::current_num_threads(),
            precision,
            tolerance: self.tolerance,
            coherence: (!self.files.named()).then_some(self.coherence),
            peak_operations_per_second: peaks.into_iter().sum(),
            runs: Vec::new(),
        };
        let coherence = summary.coherence.map_or(String::new(), |coherence| {
            format!(", coherence {coherence}")
        });
        let heading = format!(
            "{}, {} threads, {precision}: peak {:.1} GFLOP/s; KKT residual {:.0e}{coherence}",
            summary.instruction_set,
            summary.threads,
            summary.peak_operations_per_second / 1e9,
            self.tolerance
        );
        output.say(format_args!("{}\n", wrapped(&heading, "")));
        output.say(self.rows().heading().join("\n"));
        summary
    }

    /// Times one solver, prints a line, and leaves its codes in `codes` (n × P, row-major).
    fn time<T: Scalar>(
        &self,
        numbers: &ProblemArrays<T>,
        name: SolverName,
        codes: &mut [T],
        summary: &mut Summary,
        output: &Output,
    ) -> Result<()> {
        let settings = Settings::new(self.tolerance, self.max_passes)?;
        let solver = name.build::<T>(settings);
        let (rows, atoms) = numbers.posing.matrix.shape();
        let count = numbers.columns.ncols();
        let bar = Bar::wait(format!("timing {} on {rows} x {atoms}", solver.name()));
        let (seconds, report) = fastest(self.repeats, || {
            let problem = numbers.posing.pose()?;
            let codes = MatMut::from_row_major_slice_mut(codes, atoms, count);
            numbers.encode(&*solver, &problem, codes)
        })?;
        let codes = MatRef::from_row_major_slice(codes, atoms, count);
        let check = numbers.check(&numbers.posing.pose()?, codes)?;
        drop(bar);
        let columns = count as f64;
        let correlations = match numbers.posing.kind {
            MatrixKind::Dictionary => rows * atoms,
            MatrixKind::Gram => 0,
        };
        let products = correlations as f64 + report.mean_passes() * (atoms * atoms) as f64;
        let operations_per_second = 2.0 * columns * products / seconds;
        let run = Run {
            rows,
            atoms,
            lambda1: match &numbers.posing.penalty.lambda1 {
                Lambda1::Scalar(value) => Some(value.to_f64()),
                Lambda1::PerAtom(_) => None,
            },
            solver: solver.name(),
            status: report.status.to_string(),
            columns: count,
            unconverged: report.unconverged.len(),
            seconds,
            columns_per_second: columns / seconds,
            mean_passes: report.mean_passes(),
            kkt: check.kkt,
            active: check.active as f64 / (atoms * count).max(1) as f64,
            operations_per_second,
            share_of_peak: operations_per_second / summary.peak_operations_per_second,
        };
        output.say(self.describe(&run));
        summary.runs.push(run);
        Ok(())
    }

    /// Returns the columns of the table of runs.
    fn rows(&self) -> Rows {
        let names = self
            .solvers
            .iter()
            .filter_map(SolverName::to_possible_value);
        let longest = names.map(|name| name.get_name().len()).max();
        Rows::new([
            (right("shape"), 10),
            (right("lambda1"), 8),
            (left("solver"), longest.unwrap_or(0).max("solver".len())),
            (right("columns/s"), 10),
            (right("passes"), 7),
            (right("KKT"), 7),
            (right("active"), 6),
            (right("peak"), 5),
        ])
    }

    /// Formats the line of a run, and another one if columns did not converge.
    fn describe(&self, run: &Run) -> String {
        let lambda1 = run.lambda1.map(|lambda1| format!("{lambda1:.3}"));
        let row = self.rows().row([
            format!("{} x {}", run.rows, run.atoms),
            lambda1.unwrap_or_else(|| "per atom".to_string()),
            run.solver.to_string(),
            rate(run.columns_per_second),
            format!("{:.1}", run.mean_passes),
            format!("{:.1e}", run.kkt),
            format!("{:.0} %", 100.0 * run.active),
            format!("{:.0} %", 100.0 * run.share_of_peak),
        ]);
        match run.unconverged {
            0 => row,
            count => format!(
                "{row}\n{:>10} {}: {}",
                "",
                run.status,
                counted(count as u64, "column")
            ),
        }
    }
}
