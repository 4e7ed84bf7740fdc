//! `scn solve --atoms --residual`: orthogonal matching pursuit.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use faer::MatMut;
use scn_solvers::{Omp, OmpStop, Scalar};
use serde::Serialize;

use crate::arrays::{Array, Values};
use crate::number;
use crate::output::Output;
use crate::problem_arrays::{AnyProblem, MatrixKind, ProblemArrays};
use crate::problem_files::ProblemFiles;
use crate::readable::counted;
use crate::screen::Bar;

/// When a pursuit ends.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Pursuit {
    /// Orthogonal matching pursuit with so many atoms at most
    #[arg(long, value_name = "COUNT", conflicts_with_all = ["lambda1", "lambda2", "gram"])]
    atoms: Option<usize>,
    /// Orthogonal matching pursuit until ||x - D a|| is at most so large a part of ||x||
    #[arg(long, value_name = "SHARE", value_parser = number::parse::<f64>, conflicts_with_all = ["lambda1", "lambda2", "gram"])]
    residual: Option<f64>,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Summary {
    solver: &'static str,
    columns: usize,
    /// Atoms per column, on average.
    mean_atoms: f64,
    /// The largest ||x - D a|| / ||x||.
    residual: f64,
    seconds: f64,
    columns_per_second: f64,
}

impl Pursuit {
    /// None if no pursuit is asked for.
    pub(crate) fn stop(&self) -> Option<OmpStop> {
        (self.atoms.is_some() || self.residual.is_some()).then(|| OmpStop {
            atoms: self.atoms.unwrap_or(usize::MAX),
            residual: self.residual.unwrap_or(0.0),
        })
    }
}

/// Runs it and writes the codes.
pub(crate) fn run(files: &ProblemFiles, stop: OmpStop, out: &Path, output: &Output) -> Result<()> {
    if !(stop.residual >= 0.0) {
        bail!(
            "--residual: expected a number of at least 0, found {}",
            stop.residual
        );
    }
    let (array, summary) = match files.read()? {
        AnyProblem::F32(numbers) => pursue(&numbers, stop, Values::F32)?,
        AnyProblem::F64(numbers) => pursue(&numbers, stop, Values::F64)?,
    };
    array.write(out)?;
    output.result(&summary, || describe(&summary, out))
}

fn pursue<T: Scalar>(
    numbers: &ProblemArrays<T>,
    stop: OmpStop,
    values: fn(Vec<T>) -> Values,
) -> Result<(Array, Summary)> {
    debug_assert_eq!(numbers.kind, MatrixKind::Dictionary);
    let (atoms, columns) = (numbers.atoms(), numbers.columns.ncols());
    let mut codes = vec![T::ZERO; atoms * columns];
    let start = Instant::now();
    let omp = Omp::new(numbers.matrix.as_ref(), numbers.penalty.sign, stop)
        .context("cannot pursue with this dictionary")?;
    let matrix = MatMut::from_row_major_slice_mut(&mut codes, atoms, columns);
    let bar = Bar::wait(format!("pursuing {}", counted(columns as u64, "column")));
    let report = omp.encode(&numbers.columns, matrix)?;
    let seconds = start.elapsed().as_secs_f64();
    drop(bar);
    let summary = Summary {
        solver: "omp",
        columns,
        mean_atoms: report.atoms as f64 / columns.max(1) as f64,
        residual: report.residual,
        seconds,
        columns_per_second: columns as f64 / seconds,
    };
    let array = Array {
        shape: vec![atoms, columns],
        values: values(codes),
    };
    Ok((array, summary))
}

fn describe(summary: &Summary, out: &Path) -> String {
    format!(
        "orthogonal matching pursuit: {} columns in {:.3} s, {:.0} columns/s\n\
         atoms          {:.1} per column\n\
         residual       {:.1e} (largest ||x - D a|| / ||x||)\n\
         codes          {}",
        summary.columns,
        summary.seconds,
        summary.columns_per_second,
        summary.mean_atoms,
        summary.residual,
        out.display()
    )
}
