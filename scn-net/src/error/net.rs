//! Errors of building and running a network.

use scn_grad::GradError;
use scn_solvers::learn::LearnError;
use scn_solvers::processes::ProcessError;
use scn_solvers::{EncodeError, ProblemError, SettingsError};

use crate::shape::Shape;

/// The error type of custom layers.
pub type LayerError = Box<dyn std::error::Error + Send + Sync>;

/// A network that cannot be built or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// Data whose length does not match the shape of the tensor.
    #[error("a tensor of {shape} has {expected} numbers, but {found} were given")]
    Length {
        /// The shape requested.
        shape: Shape,
        /// Number of elements of this shape.
        expected: usize,
        /// Number of elements given.
        found: usize,
    },
    /// Images that do not have the shape that the network takes.
    #[error(
        "the network takes images of {} x {} x {}, but was given {} x {} x {}",
        expected[0], expected[1], expected[2], found[0], found[1], found[2]
    )]
    Images {
        /// Channels, height and width that the network takes.
        expected: [usize; 3],
        /// Channels, height and width of the images.
        found: [usize; 3],
    },
    /// A sparse coding layer that the network does not have.
    #[error("there is no layer{layer}: the network has {layers} sparse coding layers")]
    NoSuchLayer {
        /// The requested layer, counted from 0.
        layer: usize,
        /// Number of sparse coding layers.
        layers: usize,
    },
    /// A number of labels that differs from the number of images.
    #[error("expected {images} labels, one per image, found {found}")]
    LabelCount {
        /// Number of images in the batch.
        images: usize,
        /// Number of labels.
        found: usize,
    },
    /// A label that is not a class of the network.
    #[error("expected labels from 0 to {}, found {found}", classes - 1)]
    LabelRange {
        /// Number of classes of the network.
        classes: usize,
        /// The label.
        found: u16,
    },
    /// A step of the network that does not exist.
    #[error("the network has no step {name}")]
    NoSuchStep {
        /// The name given.
        name: String,
    },
    /// A name that a layer cannot have, because it is taken, is empty, or contains a dot.
    #[error("a layer cannot be named {name:?}: names are unique, not empty, and contain no dot")]
    StepName {
        /// The name given.
        name: String,
    },
    /// A layer that does not fit the shape of its input.
    #[error("{layer} takes {expected} channels, but its input has {found}")]
    Channels {
        /// The layer.
        layer: String,
        /// Number of channels that the layer takes.
        expected: usize,
        /// Number of channels of its input.
        found: usize,
    },
    /// A custom layer in a network shared among processes. Custom layers compute their gradients
    /// from whole batches.
    #[error("{layer} is a custom layer, and cannot be shared among processes")]
    SharedLayer {
        /// The layer.
        layer: String,
    },
    /// A failure of one of the processes that share the work.
    #[error("{0}")]
    Process(#[from] ProcessError),
    /// A custom layer that returned an output or a gradient of the wrong shape.
    #[error("{layer} should return {what} of {expected}, but returned one of {found}")]
    LayerShape {
        /// The layer.
        layer: String,
        /// "an output" or "a gradient".
        what: &'static str,
        /// The shape that follows from the input of the layer.
        expected: Shape,
        /// The shape returned.
        found: Shape,
    },
    /// An error reported by a custom layer.
    #[error("{layer} failed")]
    Layer {
        /// The layer.
        layer: String,
        /// The error of the layer.
        source: LayerError,
    },
    /// A dictionary or penalty that does not define a valid problem.
    #[error("{layer} cannot be solved: {source}")]
    Problem {
        /// The layer.
        layer: String,
        /// The cause.
        source: ProblemError,
    },
    /// A dictionary that cannot be learned from the windows that reach its layer.
    #[error("the dictionary of {layer} cannot be learned: {source}")]
    Learning {
        /// The layer.
        layer: String,
        /// The cause.
        source: LearnError,
    },
    /// A network whose dictionaries must be learned before it can compute anything.
    #[error(
        "with network.dictionary = learned, the dictionaries must be learned from images before \
         anything else (Network::learn_dictionaries); scn train does"
    )]
    Unlearned,
    /// A pixel that is not finite.
    #[error("image {image}: expected finite pixels, found {found} at [{channel}, {row}, {column}]")]
    Pixel {
        /// The image, counted from 0.
        image: usize,
        /// The channel of the pixel.
        channel: usize,
        /// The row of the pixel.
        row: usize,
        /// The column of the pixel.
        column: usize,
        /// The pixel.
        found: f32,
    },
    /// Activations of an image that are not finite, or so large that results computed from them are
    /// not. Codes and logits would be meaningless.
    #[error("{of}{what} are not finite, or too large for f32", of = of_image(*image))]
    Overflow {
        /// The image, counted from 0; None if only a GPU knows it.
        image: Option<usize>,
        /// The activations, such as "the signals of layer3".
        what: String,
    },
    /// A factor on λ1 that is negative or not finite.
    #[error("the factor on lambda1 must be finite and at least 0, but is {found}")]
    Lambda1Scale {
        /// The factor.
        found: f64,
    },
    /// A factor on λ1 whose product with the λ1 of a layer does not fit in f32.
    #[error("{layer}: lambda1 of {lambda1} times {factor} is too large")]
    Lambda1Overflow {
        /// The layer.
        layer: String,
        /// The λ1 of the layer, or of one of its atoms.
        lambda1: f32,
        /// The factor.
        factor: f64,
    },
    /// Shapes that do not match in the forward solve.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Shapes that do not match in the adjoint.
    #[error(transparent)]
    Grad(#[from] GradError),
    /// A tolerance or a number of passes out of range.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A GPU that does not exist or fails.
    #[cfg(feature = "cuda")]
    #[error(transparent)]
    Gpu(#[from] scn_gpu::GpuError),
    /// An empty list of GPUs.
    #[cfg(feature = "cuda")]
    #[error("expected the numbers of one or more GPUs, found none")]
    NoDevice,
    /// Processes that share a network but have different numbers of GPUs.
    #[cfg(feature = "cuda")]
    #[error(
        "every process must have the same number of GPUs, but process 0 has {expected} and process {rank} has {found}"
    )]
    DeviceCount {
        /// Number of GPUs of process 0.
        expected: u64,
        /// The first process with a different number.
        rank: usize,
        /// Number of GPUs of that process.
        found: u64,
    },
    /// A setting or a layer that has no GPU kernel.
    #[cfg(feature = "cuda")]
    #[error("{what} runs on the CPU only; choose the device cpu or a different setting")]
    CpuOnly {
        /// The setting or the layer.
        what: String,
    },
    /// A computation that was stopped by its caller.
    #[error("stopped before it was complete")]
    Stopped,
    /// A computation that needs more memory than there is.
    #[error(transparent)]
    Memory(#[from] scn_data::MemoryError),
    /// More threads than a pool may have.
    #[error("cannot start the threads: expected at most {most}, found {found}")]
    TooManyThreads {
        /// The largest number allowed on this machine.
        most: usize,
        /// The number requested.
        found: usize,
    },
    /// A failure of the system to start the threads.
    #[error("cannot start the threads: {reason}")]
    Threads {
        /// The reason given by the system.
        reason: String,
    },
}

impl NetError {
    /// Whether the error is due to numbers that are not finite.
    pub fn is_non_finite(&self) -> bool {
        matches!(self, Self::Pixel { .. } | Self::Overflow { .. })
    }

    /// Returns the image that the error is about, if any.
    pub fn image(&self) -> Option<usize> {
        match self {
            Self::Pixel { image, .. } => Some(*image),
            Self::Overflow { image, .. } => *image,
            _ => None,
        }
    }

    /// Adds `first`, the number of images before the batch, to the number of the image.
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

fn of_image(image: Option<usize>) -> String {
    image.map_or_else(String::new, |image| format!("image {image}: "))
}
