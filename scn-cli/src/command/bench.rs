//! `scn bench`: how fast this machine is.

use std::time::Instant;

use anyhow::Result;
use clap::{Args, Subcommand};
use faer::Mat;
use scn_solvers::testing::Workload;
use scn_solvers::tile::peak_operations_per_second;
use scn_solvers::{
    ElasticNet, InstructionSet, Problem, Report, Scalar, Settings, Start, certify, encode,
};
use serde::Serialize;

use crate::output::Output;
use crate::solver_name::SolverName;

/// Speed of this machine.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Solve(Solve),
}

/// Sparse codes: columns per second, passes, KKT residual and share of the machine's peak, per shape and solver.
///
/// Signals are made of few atoms and noise. The time is from signals in memory to codes in memory: Gram matrix, D'x and
/// solve. Operations are 2 (m n + passes n²) per column; the peak is that of multiply-adds on registers, measured first.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  scn bench solve --shape 144x64 --solver auto --solver fista --tolerance 1e-6"
)]
struct Solve {
    /// Shape of the dictionary, m x n; may be given several times
    #[arg(long = "shape", value_name = "MxN", value_parser = shape,
          default_values = ["27x16", "144x64", "576x16", "288x128", "2304x64", "576x256"])]
    shapes: Vec<(usize, usize)>,
    /// Method; may be given several times
    #[arg(long = "solver", value_enum, default_values = ["auto", "coordinate-descent", "fista"])]
    solvers: Vec<SolverName>,
    /// KKT residual to reach
    #[arg(long, value_name = "NUMBER", default_value_t = 1e-4)]
    tolerance: f64,
    /// Share of active codes, set by lambda1; 1 means lambda1 = 0
    #[arg(long, value_name = "SHARE", default_value_t = 0.25)]
    active: f64,
    /// Inner product between atoms, in [0, 1)
    #[arg(long, value_name = "NUMBER", default_value_t = 0.0)]
    coherence: f64,
    /// Signals per shape
    #[arg(long, value_name = "COUNT", default_value_t = 20_000)]
    columns: usize,
    /// Numbers of 8 bytes instead of 4
    #[arg(long)]
    double: bool,
    /// Times that each is run; the fastest counts
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    repeats: usize,
    /// Passes before a column is given up
    #[arg(long, value_name = "COUNT", default_value_t = 5000)]
    max_passes: u32,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Summary {
    instruction_set: String,
    threads: usize,
    precision: &'static str,
    tolerance: f64,
    coherence: f64,
    /// Of all threads together.
    peak_operations_per_second: f64,
    runs: Vec<Run>,
}

#[derive(Debug, Serialize)]
struct Run {
    rows: usize,
    atoms: usize,
    lambda1: f64,
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

impl Bench {
    pub(crate) fn run(&self, output: &Output) -> Result<()> {
        let What::Solve(solve) = &self.what;
        if solve.double {
            solve.run::<f64>("f64", output)
        } else {
            solve.run::<f32>("f32", output)
        }
    }
}

impl Solve {
    fn run<T: Scalar>(&self, precision: &'static str, output: &Output) -> Result<()> {
        let settings = Settings::new(self.tolerance, self.max_passes)?;
        let mut summary = Summary {
            instruction_set: InstructionSet::detect().to_string(),
            threads: rayon::current_num_threads(),
            precision,
            tolerance: self.tolerance,
            coherence: self.coherence,
            peak_operations_per_second: rayon::broadcast(|_| peak_operations_per_second::<T>())
                .into_iter()
                .sum(),
            runs: Vec::new(),
        };
        output.say(format_args!(
            "{}, {} threads, {precision}: peak {:.1} GFLOP/s; KKT residual {:.0e}, coherence {}\n\n\
             {:>10} {:>8}  {:<24} {:>11}  {:>6}  {:>7}  {:>6}  {:>7}  {:>5}",
            summary.instruction_set,
            summary.threads,
            summary.peak_operations_per_second / 1e9,
            self.tolerance,
            self.coherence,
            "shape",
            "lambda1",
            "solver",
            "columns/s",
            "passes",
            "KKT",
            "active",
            "GFLOP/s",
            "peak"
        ));
        for &shape in &self.shapes {
            let active = (self.active < 1.0).then_some(self.active);
            let workload = Workload::<T>::new(shape, self.columns, self.coherence, active, 1);
            for &name in &self.solvers {
                let run = self.time(
                    &workload,
                    name,
                    settings,
                    summary.peak_operations_per_second,
                )?;
                output.say(describe(&run));
                summary.runs.push(run);
            }
        }
        output.result_json(&summary)
    }

    fn time<T: Scalar>(
        &self,
        workload: &Workload<T>,
        name: SolverName,
        settings: Settings,
        peak: f64,
    ) -> Result<Run> {
        let (rows, atoms) = workload.dictionary.shape();
        let solver = name.build::<T>(settings);
        // Row-major: one code after the other.
        let mut codes = Mat::<T>::zeros(self.columns, atoms);
        let mut seconds = f64::INFINITY;
        let mut report = Report::empty();
        let pose = || {
            let penalty = ElasticNet::nonnegative(workload.lambda1, workload.lambda2);
            Problem::new(workload.dictionary.as_ref(), penalty)
        };
        for _ in 0..self.repeats.max(1) {
            let start = Instant::now();
            let problem = pose()?;
            let codes = codes.as_mut().transpose_mut();
            report = encode(&*solver, &problem, &workload.signals, codes, Start::Zero)?;
            seconds = seconds.min(start.elapsed().as_secs_f64());
        }
        let certificate = certify(&pose()?, &workload.signals, codes.transpose())?;
        let columns = self.columns as f64;
        let products = (rows * atoms) as f64 + report.mean_passes() * (atoms * atoms) as f64;
        let operations_per_second = 2.0 * columns * products / seconds;
        Ok(Run {
            rows,
            atoms,
            lambda1: workload.lambda1.to_f64(),
            solver: solver.name(),
            status: report.status.to_string(),
            columns: self.columns,
            unconverged: report.unconverged.len(),
            seconds,
            columns_per_second: columns / seconds,
            mean_passes: report.mean_passes(),
            kkt: certificate.kkt,
            active: certificate.active,
            operations_per_second,
            share_of_peak: operations_per_second / peak,
        })
    }
}

fn describe(run: &Run) -> String {
    let missed = match run.unconverged {
        0 => String::new(),
        count => format!("  {}: {count} columns", run.status),
    };
    format!(
        "{:>10} {:>8.3}  {:<24} {:>11.0}  {:>6.1}  {:>7.1e}  {:>4.0} %  {:>7.1}  {:>3.0} %{missed}",
        format!("{} x {}", run.rows, run.atoms),
        run.lambda1,
        run.solver,
        run.columns_per_second,
        run.mean_passes,
        run.kkt,
        100.0 * run.active,
        run.operations_per_second / 1e9,
        100.0 * run.share_of_peak
    )
}

/// `MxN`
fn shape(text: &str) -> Result<(usize, usize), String> {
    let parse = |side: &str| {
        side.trim()
            .parse()
            .ok()
            .filter(|&side| (1..=1 << 20).contains(&side))
    };
    text.split_once('x')
        .and_then(|(rows, atoms)| Some((parse(rows)?, parse(atoms)?)))
        .ok_or_else(|| "expected two numbers as in 144x64".to_string())
}
