//! What `scn learn` is asked for.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Result, bail};
use clap::Args;

use super::state_file::KeptSettings;
use crate::number;
use crate::patch_options::PatchOptions;

/// Learns a dictionary D with columns in the unit ball, for which signals have the cheapest codes:
/// the least mean of min over a of 1/2 ||x - D a||² + lambda1 |a| + lambda2/2 ||a||², a >= 0.
///
/// Learns online, from batches of signals in random order, and stops when two measurements in a row
/// do not lower the objective by the tolerance. Ctrl-C keeps the dictionary as far as it has come in
/// a state file beside D.npy (D.state.safetensors); --resume goes on from it with the same bits as a
/// run that was left alone, and from the state of a run that is complete with more epochs or another
/// tolerance. Where f4 holds the signals exactly, the command computes in f4, else in f8. In a build
/// with the feature mpi, processes that mpirun has started share out the coding of each batch.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        scn learn --signals X.npy --atoms 256 --lambda1 0.15 --out D.npy\n  \
        scn learn --signals X.npy --out D.npy --resume --tolerance 1e-4\n  \
        scn learn --signals X.npy --atoms 100 --lambda1 0.1 --signed --seconds 60 \\\n    \
        --out D.npy --atoms-picture D.png\n  \
        scn learn --signals X.png --patches 8x8 --remove-means --atoms 256 \\\n    \
        --lambda1 0.1 --signed --out D.npy --atoms-picture D.png")]
pub(crate) struct Learn {
    /// Signals, .npy [m, P], one per column, floats or integers; with --patches pictures
    #[arg(help_heading = "Input", long, value_name = "X.npy")]
    pub(super) signals: PathBuf,
    #[command(flatten)]
    pub(super) patches: PatchOptions,
    /// Number of atoms, n
    #[arg(help_heading = "Learning", long, value_name = "COUNT", required_unless_present_any = ["resume", "start"], value_parser = number::positive)]
    pub(super) atoms: Option<usize>,
    /// Weight of the absolute values of the codes, >= 0
    #[arg(help_heading = "Learning", long, value_name = "NUMBER", required_unless_present = "resume", allow_negative_numbers = true, value_parser = number::parse::<f64>)]
    lambda1: Option<f64>,
    /// Weight of the squares of the codes, >= 0
    #[arg(help_heading = "Learning", long, value_name = "NUMBER", default_value_t = 0.0, allow_negative_numbers = true, value_parser = number::parse::<f64>)]
    lambda2: f64,
    /// Codes of any sign instead of a >= 0
    #[arg(help_heading = "Learning", long)]
    signed: bool,
    /// Atoms without negative entries
    #[arg(help_heading = "Learning", long)]
    nonnegative_atoms: bool,
    /// Atoms of norm 1 instead of at most 1
    #[arg(help_heading = "Learning", long)]
    unit_norm: bool,
    /// Atoms to start from: samples (signals, scaled to norm 1), random, or a dictionary .npy [m, n]
    #[arg(
        help_heading = "Input",
        long,
        value_name = "START",
        default_value = "samples"
    )]
    pub(super) start: Start,
    /// Signals that are not learned from, but measured on, spread evenly [default: a tenth, at most
    /// 2048; none of fewer than 1000]
    #[arg(help_heading = "Input", long, value_name = "COUNT")]
    held_out: Option<usize>,
    /// Signals per step
    #[arg(help_heading = "Learning", long, value_name = "COUNT", default_value_t = 512, value_parser = number::positive)]
    batch_size: usize,
    /// How fast early batches are forgotten: batch s weighs (s/t)^NUMBER at step t; 0 forgets nothing
    #[arg(help_heading = "Learning", long, value_name = "NUMBER", default_value_t = FORGETTING, value_parser = number::parse::<f64>)]
    forgetting: f64,
    /// Updates all atoms after each epoch from all signals, instead of after each batch: slower, but
    /// the objective never rises
    #[arg(help_heading = "Learning", long, conflicts_with_all = ["batch_size", "forgetting"])]
    alternating: bool,
    /// Seed of the start and of the order of the signals
    #[arg(
        help_heading = "Learning",
        long,
        value_name = "NUMBER",
        default_value_t = 0
    )]
    seed: u64,
    /// Stops after two measurements in a row that are not below 1 - NUMBER times the lowest before
    /// [default: 1e-3]
    #[arg(help_heading = "Learning", long, value_name = "NUMBER", value_parser = number::parse::<f64>)]
    tolerance: Option<f64>,
    /// KKT residual to which codes are solved meanwhile, relative to max |D'x| of each column: what is left
    /// changes the objective by its square [default: 1e-3]
    #[arg(help_heading = "Learning", long, value_name = "NUMBER", value_parser = number::parse::<f64>)]
    code_tolerance: Option<f64>,
    /// Passes over the signals in all, at most
    #[arg(help_heading = "Learning", long, value_name = "COUNT")]
    epochs: Option<u64>,
    /// Seconds, at most; the step that is being computed is completed
    #[arg(help_heading = "Learning", long, value_name = "NUMBER", value_parser = number::parse::<f64>)]
    pub(super) seconds: Option<f64>,
    /// Goes on with the state beside D.npy, and its settings: --tolerance, --code-tolerance and --epochs
    /// replace theirs, and all others are kept but --seconds, which are for one call
    #[arg(help_heading = "Learning", long, conflicts_with_all = ["atoms", "lambda1", "lambda2", "signed", "nonnegative_atoms", "unit_norm", "start", "held_out", "batch_size", "forgetting", "alternating", "seed", "patches"])]
    pub(super) resume: bool,
    /// Where the dictionary goes, .npy [m, n]
    #[arg(help_heading = "Output", long, value_name = "D.npy")]
    pub(super) out: PathBuf,
    /// Draws the atoms, for signals that are patches, or w x w pixels in grey or colour (3 x w x w)
    #[arg(help_heading = "Output", long, value_name = "FILE.png")]
    pub(super) atoms_picture: Option<PathBuf>,
    /// Tells TensorBoard how it goes, in this folder: objective, active codes, atoms used, signals per
    /// second and, as for --atoms-picture, the atoms. A new run takes the place of an earlier one there
    #[arg(help_heading = "Output", long, value_name = "FOLDER")]
    pub(super) tensorboard: Option<PathBuf>,
}

const FORGETTING: f64 = 8.0;

/// That of learning, and of the codes meanwhile.
const TOLERANCE: f64 = 1e-3;

/// Where the atoms come from.
#[derive(Debug, Clone)]
pub(super) enum Start {
    Samples,
    Random,
    File(PathBuf),
}

impl FromStr for Start {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "samples" => Self::Samples,
            "random" => Self::Random,
            path => Self::File(path.into()),
        })
    }
}

impl Learn {
    /// Signals held out, of so many.
    pub(super) fn held_out(&self, columns: usize) -> Result<usize> {
        match self.held_out {
            None if columns < 1000 => Ok(0),
            None => Ok((columns / 10).min(2048)),
            Some(count) if count < columns || count == 0 => Ok(count),
            Some(count) => bail!(
                "--held-out {count}: expected fewer than the {columns} signals of {}",
                self.signals.display()
            ),
        }
    }

    /// The settings of a state, with what the arguments replace.
    pub(super) fn replaced(&self, kept: KeptSettings) -> KeptSettings {
        KeptSettings {
            tolerance: self.tolerance.unwrap_or(kept.tolerance),
            code_tolerance: self.code_tolerance.unwrap_or(kept.code_tolerance),
            epochs: self.epochs.or(kept.epochs),
            ..kept
        }
    }

    /// What a state keeps of the arguments.
    pub(super) fn kept_settings(
        &self,
        checksum: u32,
        columns: usize,
        held_out: usize,
    ) -> Result<KeptSettings> {
        let Some(lambda1) = self.lambda1 else {
            bail!("expected --lambda1");
        };
        Ok(KeptSettings {
            lambda1,
            lambda2: self.lambda2,
            signed: self.signed,
            nonnegative_atoms: self.nonnegative_atoms,
            unit_norm: self.unit_norm,
            alternating: self.alternating,
            batch_size: self.batch_size,
            forgetting: self.forgetting,
            seed: self.seed,
            tolerance: self.tolerance.unwrap_or(TOLERANCE),
            epochs: self.epochs,
            code_tolerance: self.code_tolerance.unwrap_or(TOLERANCE),
            held_out,
            columns,
            signals_crc32c: checksum,
            patches: self.patches.settings(),
        })
    }
}
