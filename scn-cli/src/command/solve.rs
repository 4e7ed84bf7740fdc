//! `scn solve`: solves for the codes of signals over a dictionary.

mod fraction;
mod progress;
mod pursuit;
mod summary;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail};
use clap::{ArgGroup, Args};
use faer::prelude::{Reborrow, ReborrowMut};
use scn_data::format::npy::Float;
use scn_solvers::processes::{Processes, share_columns};
use scn_solvers::{Lambda1, Scalar, Settings, Workspaces};

use self::fraction::largest_lambda1;
use self::progress::{Progress, Unseen};
use self::pursuit::Pursuit;
use self::summary::Summary;
use crate::codes_file::{CodesFile, CodesForm};
use crate::column_blocks::each_block;
use crate::ending::Ending;
use crate::number;
use crate::output::Output;
use crate::patch_options::PatchOptions;
use crate::problem_files::{AnyProblemFile, ProblemFile, ProblemFiles};
use crate::samples::Samples;
use crate::screen::Bar;
use crate::solver_name::SolverName;
use crate::whole_file;

const EXAMPLES: &str = "Examples:
  scn solve --dictionary D.npy --signals X.npy --lambda1 0.1 --out A.npy
  scn solve --dictionary D.npy --signals X.npy --rows --lambda1-fraction 0.1 --sparse --out A.npz
  scn solve --gram H.npy --correlations C.npy --lambda1 L.npy --signed --out A.npy
  scn solve --dictionary D.npy --signals X.npy --atoms 5 --out A.npy
  scn solve --dictionary D.npy --signals X.png --patches 8x8 --remove-means \\
    --lambda1 0.1 --signed --sparse --out A.npz";

/// Each row is tested against numbers computed by the other program.
const PEERS: &str = "Other programs, with a dictionary D [m, n], a signal x [m] and signals X:
  spams.lasso(X, D, lambda1=a, lambda2=b, mode=2)
      --signed --lambda1 a --lambda2 b
  sklearn.linear_model.Lasso(alpha=a, fit_intercept=False).fit(D, x)
      --signed --lambda1 (a m)
  sklearn.linear_model.ElasticNet(alpha=a, l1_ratio=r, fit_intercept=False)
      --signed --lambda1 (a m r) --lambda2 (a m (1 - r))
  sklearn.decomposition.sparse_encode(X, D', algorithm=\"lasso_cd\", alpha=a)
      --signed --lambda1 a --rows
  glmnet(D, x, lambda=a, intercept=FALSE, standardize=FALSE) in R
      --signed --lambda1 (a m)
Without --signed: pos=True, positive=True, lower.limits=0.";

/// Solves for the codes of signals over a dictionary: a = argmin 1/2 ||x - D a||² + lambda1 |a| +
/// lambda2/2 ||a||², a >= 0.
///
/// All arrays are .npy files of floats (f2, f4, f8) or integers. The command computes in f4 if f4
/// represents matrix and signals exactly, as it does f2 and integers of up to 2 bytes, and
/// otherwise in f8. Codes [n, P] are written in that type, in the order of the signals, as they are
/// computed, so files may be larger than memory. Fortran order, or with --rows C order, is read
/// fastest.
///
/// With --atoms or --residual there is no penalty: orthogonal matching pursuit adds atoms one by
/// one until it has COUNT atoms, or until ||x - D a|| is at most FRACTION times ||x||.
///
/// If built with the feature mpi, the processes started by mpirun share the columns.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("matrix").args(["dictionary", "gram"]).required(true),
    mut_arg("patches", |patches| patches.conflicts_with_all(["rows", "gram", "correlations"])),
    after_help = EXAMPLES,
    after_long_help = format!("{EXAMPLES}\n\n{PEERS}")
)]
pub(crate) struct Solve {
    #[command(flatten)]
    files: ProblemFiles,
    #[command(flatten)]
    patches: PatchOptions,
    /// Reads and writes one signal per row, as in scikit-learn: signals [P, m], correlations [P,
    /// n], codes [P, n]. The dictionary [m, n] still has one atom per column
    #[arg(long)]
    rows: bool,
    /// Sets lambda1 to this fraction, up to 1, of the smallest lambda1 for which all codes are
    /// zero: max D'x over all signals (max |D'x| if --signed). Reads the signals twice
    #[arg(long, value_name = "FRACTION", value_parser = number::parse::<f64>, conflicts_with_all = ["lambda1", "atoms", "residual"])]
    lambda1_fraction: Option<f64>,
    /// Solver [default: auto]
    #[arg(long, value_enum, hide_default_value = true, conflicts_with_all = ["atoms", "residual"])]
    solver: Option<SolverName>,
    /// KKT residual to reach, relative to max |D'x| of each column [default: 1e-5 in f4, 1e-9 in
    /// f8]
    #[arg(long, value_name = "NUMBER", value_parser = number::parse::<f64>, conflicts_with_all = ["atoms", "residual"])]
    tolerance: Option<f64>,
    /// Maximum number of passes over all atoms, after which a column is left unconverged
    #[arg(long, value_name = "COUNT", default_value_t = 10_000)]
    max_passes: u32,
    /// Exits with code 0, not 3, if columns miss the tolerance. The codes are written either way
    #[arg(long, conflicts_with_all = ["atoms", "residual"])]
    allow_unconverged: bool,
    /// Also checks the codes in f64, and reports the smallest margin of strict complementarity: how
    /// far, relative to max |D'x|, the active set of a code is from changing. Takes longer than
    /// solving
    #[arg(long, conflicts_with_all = ["atoms", "residual"])]
    certify: bool,
    #[command(flatten)]
    pursuit: Pursuit,
    /// Output file for the codes, .npy [n, P]
    #[arg(help_heading = "Output", long, value_name = "A.npy")]
    out: PathBuf,
    /// Writes only the nonzero entries, for scipy.sparse.load_npz: .npz, csc (csr with --rows)
    #[arg(help_heading = "Output", long)]
    sparse: bool,
}

impl Solve {
    /// Solves for the codes and writes them. Processes share the columns, in whole tiles.
    pub(crate) fn run(&self, processes: &dyn Processes, output: &Output) -> Result<Ending> {
        whole_file::expect_another(&self.out, self.files.paths())?;
        let form = CodesForm {
            samples: if self.rows {
                Samples::InRows
            } else {
                Samples::InColumns
            },
            sparse: self.sparse,
        };
        if let Some(stop) = self.pursuit.stop() {
            return pursuit::run(
                (&self.files, self.patches.settings()),
                stop,
                form,
                &self.out,
                processes,
                output,
            )
            .map(|()| Ending::Done);
        }
        if self.files.lambda1.is_none() && self.lambda1_fraction.is_none() {
            bail!(
                "expected --lambda1 or --lambda1-fraction (or, for a pursuit, --atoms or --residual)"
            );
        }
        if let Some(fraction) = self.lambda1_fraction
            && !(fraction > 0.0 && fraction <= 1.0)
        {
            bail!("--lambda1-fraction: expected a number above 0 and up to 1, found {fraction}");
        }
        // The default tolerances are about a hundred times the residual that rounding leaves.
        let (summary, unseen) = match self.files.open(form.samples, self.patches.settings())? {
            AnyProblemFile::F32(file) => self.solve(file, form, 1e-5, processes)?,
            AnyProblemFile::F64(file) => self.solve(file, form, 1e-9, processes)?,
        };
        if unseen.columns > 0 {
            output.warn(format_args!(
                "lambda1 of {:.1e} is below tolerance times max |D'x|, up to {:.1e}, in {} of {} columns, whose codes may be as if \
                 it were zero: raise lambda1 or lower --tolerance ({:e})",
                unseen.lambda1, unseen.least, unseen.columns, summary.columns, summary.tolerance
            ));
        }
        output.result(&summary, || {
            summary.describe(self.lambda1_fraction, &self.out)
        })?;
        if summary.unconverged == 0 {
            return Ok(Ending::Done);
        }
        let missed = format!(
            "{} of {} columns did not reach the tolerance {:e}; the largest KKT residual is {:.1e}",
            summary.unconverged, summary.columns, summary.tolerance, summary.kkt
        );
        Ok(output.unconverged(missed, self.allow_unconverged))
    }

    /// Solves block by block, and writes the codes.
    fn solve<T: Scalar + Float>(
        &self,
        file: ProblemFile<T>,
        form: CodesForm,
        tolerance: f64,
        processes: &dyn Processes,
    ) -> Result<(Summary, Unseen)> {
        file.expect_same(processes)?;
        let ProblemFile {
            posing,
            mut columns,
        } = file;
        let settings =
            Settings::new(self.tolerance.unwrap_or(tolerance), self.max_passes)?.timed(true);
        let solver = self.solver.unwrap_or(SolverName::Auto).build::<T>(settings);
        let count = columns.columns();
        let shape = [posing.atoms(), count];
        let own = share_columns(count, T::tile(), processes.rank(), processes.count());
        let start = Instant::now();
        let mut problem = posing.pose()?;
        let seconds = start.elapsed().as_secs_f64();
        let mut lambda1 = posing.penalty.lambda1.clone();
        if let Some(fraction) = self.lambda1_fraction {
            let own = own.clone();
            let largest = largest_lambda1(posing.kind, &problem, &mut columns, own, processes)?;
            lambda1 = Lambda1::Scalar(T::from_f64(fraction * largest));
            problem.set_lambda1(lambda1.clone())?;
        }
        let largest = problem.lambda1().iter().map(|weight| weight.to_f64());
        let mut progress = Progress::none(posing.kind, self.certify, largest.fold(0.0, f64::max));
        progress.seconds = seconds;
        let workspaces = Workspaces::new();
        let by_column = columns.in_one_piece();
        let mut out = CodesFile::create(&self.out, shape, form, by_column, processes)?;
        let bar = Bar::fast("solving", own.len());
        each_block(&mut columns, own, Some(&mut out), &bar, |mut block| {
            let start = Instant::now();
            let codes = block.codes.rb_mut();
            let (report, measures) =
                posing.encode_measured(&*solver, &problem, block.numbers, codes, &workspaces)?;
            let report = report.starting_at(block.first);
            progress.take(report, &measures, start.elapsed(), settings.tolerance());
            progress.check(|| posing.certify(&problem, block.numbers, block.codes.rb()))
        })?;
        drop(bar);
        out.finish(processes)?;
        let progress = progress.of_all(processes)?;
        let unseen = progress.unseen;
        let mut summary = progress.summary(solver.name(), &settings, shape);
        if let Lambda1::Scalar(value) = lambda1 {
            summary.lambda1 = Some(value.to_f64());
        }
        Ok((summary, unseen))
    }
}
