//! `scn solve --atoms` and `scn solve --residual`: orthogonal matching pursuit.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use scn_data::format::npy::Float;
use scn_solvers::processes::{Processes, from_each, share_columns};
use scn_solvers::{Omp, OmpStop, Scalar};
use serde::Serialize;

use crate::codes_file::{CodesFile, CodesForm};
use crate::column_blocks::each_block;
use crate::number;
use crate::output::Output;
use crate::patch_options::PatchSettings;
use crate::problem_arrays::{MatrixKind, largest};
use crate::problem_files::{AnyProblemFile, ProblemFile, ProblemFiles};
use crate::screen::Bar;

/// The conditions under which a pursuit ends.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Pursuit {
    /// Uses orthogonal matching pursuit with at most COUNT atoms per signal
    #[arg(long, value_name = "COUNT", conflicts_with_all = ["lambda1", "lambda2", "gram"])]
    atoms: Option<usize>,
    /// Uses orthogonal matching pursuit until ||x - D a|| is at most FRACTION times ||x||
    #[arg(long, value_name = "FRACTION", value_parser = number::parse::<f64>, conflicts_with_all = ["lambda1", "lambda2", "gram"])]
    residual: Option<f64>,
}

/// The output of `scn solve --json` for a pursuit.
#[derive(Debug, Serialize)]
struct Summary {
    solver: &'static str,
    columns: usize,
    /// Mean number of atoms per column.
    mean_atoms: f64,
    /// The largest ||x - D a|| / ||x||.
    residual: f64,
    seconds: f64,
    columns_per_second: f64,
}

impl Pursuit {
    /// Returns when the pursuit ends, or None if no pursuit is requested.
    pub(crate) fn stop(&self) -> Option<OmpStop> {
        (self.atoms.is_some() || self.residual.is_some()).then(|| OmpStop {
            atoms: self.atoms.unwrap_or(usize::MAX),
            residual: self.residual.unwrap_or(0.0),
        })
    }
}

/// Runs the pursuit and writes the codes.
pub(crate) fn run(
    (files, patches): (&ProblemFiles, Option<PatchSettings>),
    stop: OmpStop,
    form: CodesForm,
    out: &Path,
    processes: &dyn Processes,
    output: &Output,
) -> Result<()> {
    if !(stop.residual >= 0.0) {
        bail!(
            "--residual: expected a number of at least 0, found {}",
            stop.residual
        );
    }
    let summary = match files.open(form.samples, patches)? {
        AnyProblemFile::F32(file) => pursue(file, stop, form, out, processes)?,
        AnyProblemFile::F64(file) => pursue(file, stop, form, out, processes)?,
    };
    output.result(&summary, || describe(&summary, out))
}

fn pursue<T: Scalar + Float>(
    file: ProblemFile<T>,
    stop: OmpStop,
    form: CodesForm,
    out: &Path,
    processes: &dyn Processes,
) -> Result<Summary> {
    file.expect_same(processes)?;
    let ProblemFile {
        posing,
        mut columns,
    } = file;
    debug_assert_eq!(posing.kind, MatrixKind::Dictionary);
    let count = columns.columns();
    let start = Instant::now();
    let omp = Omp::new(posing.matrix.as_ref(), posing.penalty.sign, stop)
        .context("cannot run a pursuit with this dictionary")?;
    let mut seconds = start.elapsed().as_secs_f64();
    let (mut atoms, mut residual) = (0, 0.0);
    let shape = [posing.atoms(), count];
    let by_column = columns.in_one_piece();
    let mut codes = CodesFile::create(out, shape, form, by_column, processes)?;
    let own = share_columns(count, T::tile(), processes.rank(), processes.count());
    let bar = Bar::fast("pursuing", own.len());
    each_block(&mut columns, own, Some(&mut codes), &bar, |block| {
        let start = Instant::now();
        let report = omp.encode(&block.numbers, block.codes)?;
        seconds += start.elapsed().as_secs_f64();
        atoms += report.atoms;
        residual = largest(residual, report.residual);
        Ok(())
    })?;
    drop(bar);
    codes.finish(processes)?;
    let own = postcard::to_stdvec(&(atoms, residual, seconds))?;
    (atoms, residual, seconds) = (0, 0.0, 0.0);
    for found in from_each(processes, &own)? {
        let found: (u64, f64, f64) = postcard::from_bytes(&found)?;
        atoms += found.0;
        residual = largest(residual, found.1);
        seconds = seconds.max(found.2);
    }
    Ok(Summary {
        solver: "omp",
        columns: count,
        mean_atoms: atoms as f64 / count.max(1) as f64,
        residual,
        seconds,
        columns_per_second: count as f64 / seconds,
    })
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
