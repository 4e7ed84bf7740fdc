//! `scn bench adjoint`: derivatives of sparse codes per second, compared with the codes themselves.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use faer::{Mat, MatMut, MatRef};
use scn_data::format::npy::Numbers;
use scn_grad::{
    Gradients, Linearization, MaskedAuto, MaskedCholesky, MaskedConjugateGradient,
    MaskedGaussSeidel, MaskedReport, MaskedSolver,
};
use scn_solvers::synthetic::{Workload, normal_matrix};
use scn_solvers::{Auto, Settings};
use serde::Serialize;

use super::memory::{begin_memory, peak_memory};
use super::repeat::fastest;
use super::shape::{self, check_workload};
use crate::arrays::{Array, Values, columns};
use crate::number;
use crate::output::Output;
use crate::problem_arrays::{AnyProblem, MatrixKind, ProblemArrays};
use crate::problem_files::ProblemFiles;
use crate::readable::{counted, rate};
use crate::screen::Bar;
use crate::table::{Rows, left, right, wrapped};

/// Measures the adjoint, from dLoss/da to the gradients with respect to dictionary, signals,
/// lambda1 and lambda2, and compares it with the codes.
///
/// Computes in f32. Without files, signals are sums of few atoms and noise, and dLoss/da is random.
/// `auto` solves for the codes from zero; their time includes the Gram matrix and D'x. Both times
/// are from memory to memory.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  scn bench adjoint --shape 144x64 --active 1 --columns 100000\n  scn bench adjoint --dictionary D.npy --signals X.npy --cotangent U.npy --lambda1 0.1 --out-dictionary dD.npy"
)]
pub(super) struct Adjoint {
    #[command(flatten)]
    files: ProblemFiles,
    /// dLoss/da, .npy [n, P] [default: random]
    #[arg(long, value_name = "U.npy", requires = "signals")]
    cotangent: Option<PathBuf>,
    /// Shape of the dictionary, m x n (repeatable)
    #[arg(long = "shape", value_name = "MxN", value_parser = shape::parse,
          default_values = ["27x16", "144x64", "576x16", "288x128", "2304x64", "576x256"],
          conflicts_with_all = ["dictionary", "gram"])]
    shapes: Vec<(usize, usize)>,
    /// Solver for the linear systems (repeatable)
    #[arg(long = "solver", value_enum, default_values = ["auto"])]
    solvers: Vec<MaskedSolverName>,
    /// KKT residual of the codes
    #[arg(long, value_name = "NUMBER", default_value_t = 1e-4, value_parser = number::parse::<f64>)]
    tolerance: f64,
    /// Relative residual of the linear systems [default: 100 times the tolerance of the codes, at
    /// most 0.01, which adds little to the gradient's error]
    #[arg(long, value_name = "NUMBER", value_parser = number::parse::<f64>)]
    adjoint_tolerance: Option<f64>,
    /// Fraction of codes that are active, set through lambda1; 1 means lambda1 = 0, which leaves
    /// about half of them active
    #[arg(long, value_name = "FRACTION", default_value_t = 0.25, value_parser = number::parse::<f64>, conflicts_with_all = ["dictionary", "gram"])]
    active: f64,
    /// Inner product between atoms, in [0, 1)
    #[arg(long, value_name = "NUMBER", default_value_t = 0.0, value_parser = number::parse::<f64>, conflicts_with_all = ["dictionary", "gram"])]
    coherence: f64,
    /// Number of signals per shape
    #[arg(long, value_name = "COUNT", default_value_t = 20_000, conflicts_with_all = ["dictionary", "gram"])]
    columns: usize,
    /// Minimum number of runs; short runs are repeated for half a second. The fastest run counts
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    repeats: usize,
    /// Maximum number of passes per column; then unconverged codes are an error, and linear systems
    /// are factorised
    #[arg(long, value_name = "COUNT", default_value_t = 5000)]
    max_passes: u32,
    /// Output file for dLoss/dD of the last solver, .npy [m, n]
    #[arg(long, value_name = "dD.npy", requires = "cotangent")]
    out_dictionary: Option<PathBuf>,
    /// Output file for dLoss/dx of the last solver, .npy [m, P]
    #[arg(long, value_name = "dX.npy", requires = "cotangent")]
    out_signals: Option<PathBuf>,
}

/// A solver for the linear systems of a derivative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MaskedSolverName {
    /// Picks one of the other solvers for each tile
    Auto,
    /// Gauss-Seidel passes over a tile of columns at once
    GaussSeidel,
    /// Conjugate gradients preconditioned by the diagonal, for a tile of columns at once
    ConjugateGradient,
    /// Conjugate gradients preconditioned by a Gauss-Seidel pass forward and one back
    SymmetricGaussSeidel,
    /// Exact, column by column
    Cholesky,
}

impl MaskedSolverName {
    fn build(self, settings: Settings) -> Box<dyn MaskedSolver<f32>> {
        match self {
            Self::Auto => Box::new(MaskedAuto::new(settings)),
            Self::GaussSeidel => Box::new(MaskedGaussSeidel::new(settings)),
            Self::ConjugateGradient => Box::new(MaskedConjugateGradient::new(settings)),
            Self::SymmetricGaussSeidel => Box::new(
                MaskedConjugateGradient::with_symmetric_gauss_seidel(settings),
            ),
            Self::Cholesky => Box::new(MaskedCholesky),
        }
    }
}

/// The output of `scn bench adjoint --json`.
#[derive(Debug, Serialize)]
struct Summary {
    threads: usize,
    tolerance: f64,
    adjoint_tolerance: f64,
    runs: Vec<Run>,
}

#[derive(Debug, Serialize)]
struct Run {
    rows: usize,
    atoms: usize,
    columns: usize,
    active: f64,
    solver: &'static str,
    forward_seconds: f64,
    adjoint_seconds: f64,
    forward_columns_per_second: f64,
    adjoint_columns_per_second: f64,
    /// Mean number of passes to solve the linear systems.
    mean_passes: f64,
    factorised: usize,
    #[serde(rename = "unsolved")]
    unconverged: usize,
    residual: f64,
    /// Peak memory of codes and derivatives beyond the arrays of the problem, including codes and
    /// dLoss/dx; None if the system does not report it.
    peak_rss_bytes: Option<u64>,
}

/// A problem, and the cotangent of its codes.
struct Batch {
    numbers: ProblemArrays<f32>,
    /// dLoss/da, transposed: its layout in memory is that of the codes.
    cotangent: Mat<f32>,
}

impl Adjoint {
    pub(super) fn run(&self, output: &Output) -> Result<()> {
        let heading = format!(
            "{} threads, f32: codes to a KKT residual of {:.0e}, linear systems to {:.0e}",
            rayon::current_num_threads(),
            self.tolerance,
            self.adjoint_tolerance()
        );
        output.say(format_args!("{}\n", wrapped(&heading, "")));
        output.say(self.rows().heading().join("\n"));
        let mut summary = Summary {
            threads: rayon::current_num_threads(),
            tolerance: self.tolerance,
            adjoint_tolerance: self.adjoint_tolerance(),
            runs: Vec::new(),
        };
        if self.files.named() {
            self.time(&self.read()?, &mut summary, output)?;
        } else {
            for &shape in &self.shapes {
                check_workload::<f32>(shape, self.columns)?;
                let active = (self.active < 1.0).then_some(self.active);
                let workload = Workload::<f32>::new(shape, self.columns, self.coherence, active, 1);
                let batch = Batch {
                    numbers: ProblemArrays::random(workload),
                    cotangent: normal_matrix(self.columns, shape.1, 7),
                };
                self.time(&batch, &mut summary, output)?;
            }
        }
        output.result_json(&summary)
    }

    fn adjoint_tolerance(&self) -> f64 {
        let default = MaskedAuto::tolerance_for(self.tolerance);
        self.adjoint_tolerance.unwrap_or(default)
    }

    /// Reads the user's problem.
    fn read(&self) -> Result<Batch> {
        let AnyProblem::F32(numbers) = self.files.read()? else {
            bail!("expected numbers that f4 represents exactly in all files, found wider ones");
        };
        if numbers.posing.kind == MatrixKind::Gram {
            bail!(
                "expected --dictionary and --signals to differentiate with respect to, found --gram"
            );
        }
        let (atoms, signals) = (numbers.posing.atoms(), numbers.columns.ncols());
        let cotangent = match &self.cotangent {
            None => normal_matrix(atoms, signals, 7),
            Some(path) => {
                let array = Numbers::open(path)?;
                let [rows, found] = columns(path, &array, ["n", "P"])?;
                if (rows, found) != (atoms, signals) {
                    bail!(
                        "{}: expected dLoss/da of shape [{atoms}, {signals}], found [{rows}, {found}]",
                        path.display()
                    );
                }
                let values = array.read::<f32>()?;
                let cotangent = MatRef::from_row_major_slice(&values, rows, found);
                cotangent.transpose().to_owned()
            }
        };
        Ok(Batch { numbers, cotangent })
    }

    /// Times each solver and prints a line for each. Writes the gradients of the last one, if
    /// requested.
    fn time(&self, batch: &Batch, summary: &mut Summary, output: &Output) -> Result<()> {
        let Batch { numbers, cotangent } = batch;
        let (rows, atoms) = numbers.posing.matrix.shape();
        let columns = numbers.columns.ncols();
        let forward = Auto::new(Settings::new(self.tolerance, self.max_passes)?);
        let before = begin_memory();
        let mut codes = vec![0.0; atoms * columns];
        let mut signal_gradient = Mat::zeros(rows, columns);
        let bar = Bar::wait(format!("timing codes on {rows} x {atoms}"));
        let (forward_seconds, problem) = fastest(self.repeats, || {
            let problem = numbers.posing.pose()?;
            let codes = MatMut::from_row_major_slice_mut(&mut codes, atoms, columns);
            let report = numbers.encode(&forward, &problem, codes)?;
            if !report.converged() {
                bail!("{} codes did not converge", report.unconverged.len());
            }
            Ok(problem)
        })?;
        let codes = MatRef::from_row_major_slice(&codes, atoms, columns);
        let active = numbers.check(&problem, codes)?.active;
        let active = active as f64 / (atoms * columns).max(1) as f64;
        drop(bar);
        let point = Linearization::new(&problem, &numbers.columns, codes)?;
        let settings = Settings::new(self.adjoint_tolerance(), self.max_passes)?;
        let mut gradients = Gradients::zeros(&problem);
        for name in &self.solvers {
            let solver = name.build(settings);
            let mut adjoint = || -> Result<MaskedReport> {
                let by_signals = Some(signal_gradient.as_mut());
                Ok(point.vjp(&*solver, cotangent.transpose(), &mut gradients, by_signals)?)
            };
            let bar = Bar::wait(format!("timing {} on {rows} x {atoms}", solver.name()));
            let (adjoint_seconds, report) = fastest(self.repeats, &mut adjoint)?;
            drop(bar);
            let run = Run {
                rows,
                atoms,
                columns,
                active,
                solver: solver.name(),
                forward_seconds,
                adjoint_seconds,
                forward_columns_per_second: columns as f64 / forward_seconds,
                adjoint_columns_per_second: columns as f64 / adjoint_seconds,
                mean_passes: report.mean_passes(),
                factorised: report.factorised,
                unconverged: report.unconverged,
                residual: report.residual,
                peak_rss_bytes: before
                    .zip(peak_memory())
                    .map(|(before, most)| most.saturating_sub(before)),
            };
            output.say(self.describe(&run));
            summary.runs.push(run);
        }
        if let Some(name) = self.solvers.last()
            && (self.out_dictionary.is_some() || self.out_signals.is_some())
        {
            // Every run so far has added to the gradients, so start again from zero.
            gradients = Gradients::zeros(&problem);
            signal_gradient.fill(0.0);
            let by_signals = Some(signal_gradient.as_mut());
            let solver = name.build(settings);
            let _ = point.vjp(&*solver, cotangent.transpose(), &mut gradients, by_signals)?;
            if let Some(path) = &self.out_dictionary {
                write(path, &gradients.dictionary)?;
            }
            if let Some(path) = &self.out_signals {
                write(path, &signal_gradient)?;
            }
        }
        Ok(())
    }

    /// Returns the columns of the table of runs.
    fn rows(&self) -> Rows {
        let names = self
            .solvers
            .iter()
            .filter_map(MaskedSolverName::to_possible_value);
        let longest = names.map(|name| name.get_name().len()).max();
        Rows::new([
            (right("shape"), 10),
            (right("active"), 6),
            (right("codes/s"), 9),
            (left("solver"), longest.unwrap_or(0).max("solver".len())),
            (right("adjoints/s"), 10),
            (right("time"), 5),
            (right("passes"), 6),
            (right("residual"), 8),
        ])
    }

    /// Formats the line of a run, and another one if columns did not converge.
    fn describe(&self, run: &Run) -> String {
        let row = self.rows().row([
            format!("{} x {}", run.rows, run.atoms),
            format!("{:.0} %", 100.0 * run.active),
            rate(run.forward_columns_per_second),
            run.solver.to_string(),
            rate(run.adjoint_columns_per_second),
            format!("{:.2}", run.adjoint_seconds / run.forward_seconds),
            format!("{:.1}", run.mean_passes),
            format!("{:.1e}", run.residual),
        ]);
        match run.unconverged {
            0 => row,
            count => format!(
                "{row}\n{:>10} {} did not converge",
                "",
                counted(count as u64, "column")
            ),
        }
    }
}

fn write(path: &Path, matrix: &Mat<f32>) -> Result<()> {
    let (rows, columns) = matrix.shape();
    let values = (0..rows)
        .flat_map(|i| (0..columns).map(move |j| matrix[(i, j)]))
        .collect();
    let array = Array {
        shape: vec![rows, columns],
        values: Values::F32(values),
    };
    array.write(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The command line and the crate use the same names for solvers.
    #[test]
    fn names_agree() {
        for name in MaskedSolverName::value_variants() {
            let solver = name.build(Settings::default());
            assert_eq!(name.to_possible_value().unwrap().get_name(), solver.name());
        }
    }
}
