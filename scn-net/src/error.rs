//! What can go wrong.

use std::path::PathBuf;

use scn_data::DataError;
use scn_grad::GradError;
use scn_solvers::{EncodeError, ProblemError, SettingsError};

use crate::tensor::Shape;

/// A network that cannot be built or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// Numbers that do not fill a tensor.
    #[error("a tensor of {shape} has {expected} numbers, but {found} were given")]
    Length {
        /// Shape asked for.
        shape: Shape,
        /// Its numbers.
        expected: usize,
        /// Numbers given.
        found: usize,
    },
    /// Images or activations of another shape than a layer takes.
    #[error("{layer} takes {expected}, but was given {found}")]
    Input {
        /// The layer.
        layer: String,
        /// What it takes.
        expected: String,
        /// What it was given.
        found: String,
    },
    /// Labels that do not fit the batch or the classes.
    #[error("expected {expected}, found {found}")]
    Labels {
        /// What fits.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A dictionary or penalty that poses no problem.
    #[error("{layer} cannot be solved: {source}")]
    Problem {
        /// The layer.
        layer: String,
        /// Why.
        source: ProblemError,
    },
    /// A pixel that is not finite.
    #[error("image {image}: expected finite pixels, found {found} at [{channel}, {row}, {column}]")]
    Pixel {
        /// The image, counted from 0.
        image: usize,
        /// Where in the image.
        channel: usize,
        /// Where in the channel.
        row: usize,
        /// Where in the row.
        column: usize,
        /// The pixel.
        found: f32,
    },
    /// Activations of an image that are not finite, or so large that what is computed of them is not: neither codes nor logits would mean
    /// anything.
    #[error("{of}{what} are not finite, or too large for f32", of = of_image(*image))]
    Overflow {
        /// The image, counted from 0; None where only a graphics processor knows.
        image: Option<usize>,
        /// The activations, as in "the signals of layer3".
        what: String,
    },
    /// A factor on λ1 that leaves no penalty.
    #[error("the factor on lambda1 must be finite and at least 0, but is {found}")]
    Lambda1Scale {
        /// The factor.
        found: f64,
    },
    /// A factor on λ1 whose product with the λ1 of a layer is beyond f32.
    #[error("{layer}: lambda1 of {lambda1} times {factor} is too large")]
    Lambda1Overflow {
        /// The layer.
        layer: String,
        /// Its λ1, or that of an atom.
        lambda1: f32,
        /// The factor.
        factor: f64,
    },
    /// Shapes that do not fit in the forward solve.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Shapes that do not fit in the adjoint.
    #[error(transparent)]
    Grad(#[from] GradError),
    /// A tolerance or a number of passes out of range.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A graphics processor that is not there, or fails.
    #[cfg(feature = "cuda")]
    #[error(transparent)]
    Gpu(#[from] scn_gpu::GpuError),
    /// A setting that graphics processors have no kernel for.
    #[cfg(feature = "cuda")]
    #[error("{what} is computed on the processor only; choose the device cpu or another setting")]
    OnProcessorOnly {
        /// The setting.
        what: &'static str,
    },
    /// More memory is needed than there is.
    #[error(transparent)]
    Memory(#[from] scn_data::MemoryError),
    /// The threads cannot be started.
    #[error("cannot start the threads: {reason}")]
    Threads {
        /// The system's reason.
        reason: String,
    },
}

impl NetError {
    /// Whether numbers are not finite.
    pub fn is_non_finite(&self) -> bool {
        matches!(self, Self::Pixel { .. } | Self::Overflow { .. })
    }

    /// The image that it is about, if it is about one.
    pub fn image(&self) -> Option<usize> {
        match self {
            Self::Pixel { image, .. } => Some(*image),
            Self::Overflow { image, .. } => *image,
            _ => None,
        }
    }

    /// The same of an image of which `first` came before those of the batch.
    #[must_use]
    pub fn counted_from(mut self, first: usize) -> Self {
        match &mut self {
            Self::Pixel { image, .. }
            | Self::Overflow {
                image: Some(image), ..
            } => *image += first,
            _ => {}
        }
        self
    }
}

/// As much of a checksum as a person compares.
fn beginning(checksum: &str) -> String {
    checksum.chars().take(15).collect()
}

fn of_image(image: Option<usize>) -> String {
    image.map_or_else(String::new, |image| format!("image {image}: "))
}

/// A setting that does not exist, is out of range, or contradicts another.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Not TOML, an unknown key, or a value of another type.
    #[error("{message}")]
    Syntax {
        /// What the parser says, with the place.
        message: String,
    },
    /// `key=value` with a key that is not a setting, or a value that does not fit it.
    #[error("cannot set {key} to {value}: {message}")]
    Set {
        /// Dotted key.
        key: String,
        /// Value as given.
        value: String,
        /// What is wrong.
        message: String,
    },
    /// A value out of range.
    #[error("{key} must be {expected}, but is {found}")]
    Range {
        /// Dotted key.
        key: String,
        /// What is allowed.
        expected: String,
        /// What was given.
        found: String,
    },
    /// No such preset.
    #[error("there is no preset {found}; there are {choices}")]
    Preset {
        /// Name given.
        found: String,
        /// All names.
        choices: String,
    },
    /// A network that cannot be built from valid settings.
    #[error(transparent)]
    Net(#[from] NetError),
}

/// A model or checkpoint that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The system's refusal.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io {
        /// "read" or "write".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not a safetensors file, or cut short.
    #[error("{path}: expected a safetensors file, found {reason}", path = path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        reason: String,
    },
    /// A tensor or an entry of the metadata that is missing or does not fit the network.
    #[error("{path}: expected {expected}, found {found}", path = path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What belongs there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// Not what was written: the checksum is another.
    #[error(
        "{path}: expected contents with the checksum {expected}, found {found}: damaged, or changed after it was written",
        path = path.display(), expected = beginning(expected), found = beginning(found)
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The checksum in the file.
        expected: String,
        /// That of what is in the file.
        found: String,
    },
    /// A configuration that is out of range.
    #[error("{path}: {source}", path = path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<ConfigError>,
    },
}

impl FileError {
    pub(crate) fn io(path: &std::path::Path, action: &'static str, source: std::io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_path_buf(),
            source,
        }
    }
}

/// A training run that cannot start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A model or checkpoint.
    #[error(transparent)]
    File(#[from] FileError),
    /// Images.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A computation with wrong shapes.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The run folder holds another run.
    #[error("{path} already holds a run; resume it, or choose another folder", path = path.display())]
    Occupied {
        /// The run folder.
        path: PathBuf,
    },
    /// Another process is at work in the run folder.
    #[error("{path}: another process trains there; wait until it ends, or choose another folder", path = path.display())]
    Busy {
        /// The run folder.
        path: PathBuf,
    },
    /// There is nothing to resume.
    #[error("{path} holds no checkpoint to resume from", path = path.display())]
    NoCheckpoint {
        /// The run folder.
        path: PathBuf,
    },
    /// Loss or parameters are no longer finite.
    #[error(
        "training diverged in epoch {epoch}, step {step}: {what} is not finite; the last checkpoint is intact, \
         try a lower training.learning_rate"
    )]
    NonFinite {
        /// Epoch, from 1.
        epoch: u64,
        /// Step of the epoch, from 1.
        step: usize,
        /// What is not finite: the loss, or the first parameter or gradient.
        what: String,
    },
}
