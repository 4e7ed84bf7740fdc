//! The arguments of `scn learn`.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Result, bail};
use clap::Args;

use super::state_file::KeptSettings;
use crate::number;
use crate::patch_options::PatchOptions;

/// Learns a dictionary from signals.
///
/// Finds the dictionary D, with columns in the unit ball, that minimises the mean over all signals
/// x of min over a >= 0 of 1/2 ||x - D a||² + lambda1 |a| + lambda2/2 ||a||².
///
/// Learns online, from batches of signals in random order, and stops when two measurements in a row
/// do not lower the objective by the tolerance. Ctrl-C saves the dictionary learned so far in a
/// state file beside D.npy (D.state.safetensors). --resume continues from it, bit-identical to an
/// uninterrupted run. A complete run can be resumed too, with more epochs or a different tolerance.
/// Computes in f4 if f4 represents the signals exactly, otherwise in f8. If built with the feature
/// mpi, the processes started by mpirun share the encoding of each batch.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        scn learn --signals X.npy --atoms 256 --lambda1 0.15 --out D.npy\n  \
        scn learn --signals X.npy --out D.npy --resume --tolerance 1e-4\n  \
        scn learn --signals X.npy --atoms 100 --lambda1 0.1 --signed --seconds 60 \\\n    \
        --out D.npy --atoms-picture D.png\n  \
        scn learn --signals X.png --patches 8x8 --remove-means --atoms 256 \\\n    \
        --lambda1 0.1 --signed --out D.npy --atoms-picture D.png")]
pub(crate) struct Learn {
    /// Signals, .npy [m, P], one per column, floats or integers; with --patches, images
    #[arg(help_heading = "Input", long, value_name = "X.npy")]
    pub(super) signals: PathBuf,
    #[command(flatten)]
    pub(super) patches: PatchOptions,
    /// Number of atoms, n
    #[arg(help_heading = "Learning", long, value_name = "COUNT", required_unless_present_any = ["resume", "start"], value_parser = number::positive)]
    pub(super) atoms: Option<usize>,
    /// Penalty on the absolute values of the codes, >= 0
    #[arg(help_heading = "Learning", long, value_name = "NUMBER", required_unless_present = "resume", allow_negative_numbers = true, value_parser = number::parse::<f64>)]
    lambda1: Option<f64>,
    /// Penalty on the squares of the codes, >= 0
    #[arg(help_heading = "Learning", long, value_name = "NUMBER", default_value_t = 0.0, allow_negative_numbers = true, value_parser = number::parse::<f64>)]
    lambda2: f64,
    /// Allows codes of any sign, instead of a >= 0
    #[arg(help_heading = "Learning", long)]
    signed: bool,
    /// Restricts atoms to nonnegative entries
    #[arg(help_heading = "Learning", long)]
    nonnegative_atoms: bool,
    /// Restricts atoms to norm 1, instead of at most 1
    #[arg(help_heading = "Learning", long)]
    unit_norm: bool,
    /// Initial atoms: samples (signals, scaled to norm 1), random, or a dictionary .npy [m, n]
    #[arg(
        help_heading = "Input",
        long,
        value_name = "START",
        default_value = "samples"
    )]
    pub(super) start: Start,
    /// Number of signals to hold out for measurements, spread evenly [default: a tenth, at most
    /// 2048; none of fewer than 1000]
    #[arg(help_heading = "Input", long, value_name = "COUNT")]
    held_out: Option<usize>,
    /// Signals per step
    #[arg(help_heading = "Learning", long, value_name = "COUNT", default_value_t = 512, value_parser = number::positive)]
    batch_size: usize,
    /// How fast early batches are forgotten: at step t, batch s has weight (s/t)^NUMBER; 0 forgets
    /// nothing
    #[arg(help_heading = "Learning", long, value_name = "NUMBER", default_value_t = FORGETTING, value_parser = number::parse::<f64>)]
    forgetting: f64,
    /// Updates all atoms once per epoch from all signals, instead of after each batch: slower, but
    /// the objective never rises
    #[arg(help_heading = "Learning", long, conflicts_with_all = ["batch_size", "forgetting"])]
    alternating: bool,
    /// Seed of the initial atoms and of the order of the signals
    #[arg(
        help_heading = "Learning",
        long,
        value_name = "NUMBER",
        default_value_t = 0
    )]
    seed: u64,
    /// Stops after two measurements in a row that are not below 1 - NUMBER times the lowest before
    /// them [default: 1e-3]
    #[arg(help_heading = "Learning", long, value_name = "NUMBER", value_parser = number::parse::<f64>)]
    tolerance: Option<f64>,
    /// KKT residual of the codes while learning, relative to max |D'x| of each column; it changes
    /// the objective by its square [default: 1e-3]
    #[arg(help_heading = "Learning", long, value_name = "NUMBER", value_parser = number::parse::<f64>)]
    code_tolerance: Option<f64>,
    /// Maximum number of passes over the signals, in total
    #[arg(help_heading = "Learning", long, value_name = "COUNT")]
    epochs: Option<u64>,
    /// Maximum time in seconds; the current step is completed
    #[arg(help_heading = "Learning", long, value_name = "NUMBER", value_parser = number::parse::<f64>)]
    pub(super) seconds: Option<f64>,
    /// Resumes from the state beside D.npy, with its settings; --tolerance, --code-tolerance and
    /// --epochs replace the saved values, and --seconds applies to this call only
    #[arg(help_heading = "Learning", long, conflicts_with_all = ["atoms", "lambda1", "lambda2", "signed", "nonnegative_atoms", "unit_norm", "start", "held_out", "batch_size", "forgetting", "alternating", "seed", "patches"])]
    pub(super) resume: bool,
    /// Output file for the dictionary, .npy [m, n]
    #[arg(help_heading = "Output", long, value_name = "D.npy")]
    pub(super) out: PathBuf,
    /// Draws the atoms; signals must be patches, or w x w pixels in grey or colour (3 x w x w)
    #[arg(help_heading = "Output", long, value_name = "FILE.png")]
    pub(super) atoms_picture: Option<PathBuf>,
    /// Writes events for TensorBoard to this folder: objective, active codes, atoms used, signals
    /// per second and, as for --atoms-picture, the atoms. A new run replaces an earlier one there
    #[arg(help_heading = "Output", long, value_name = "FOLDER")]
    pub(super) tensorboard: Option<PathBuf>,
}

const FORGETTING: f64 = 8.0;

/// Default tolerance of learning, and of the codes while learning.
const TOLERANCE: f64 = 1e-3;

/// The source of the initial atoms.
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
    /// Returns how many of the signals are held out.
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

    /// Returns the settings of a state, with those that the arguments replace.
    pub(super) fn replaced(&self, kept: KeptSettings) -> KeptSettings {
        KeptSettings {
            tolerance: self.tolerance.unwrap_or(kept.tolerance),
            code_tolerance: self.code_tolerance.unwrap_or(kept.code_tolerance),
            epochs: self.epochs.or(kept.epochs),
            ..kept
        }
    }

    /// Returns the settings to keep in a state.
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
