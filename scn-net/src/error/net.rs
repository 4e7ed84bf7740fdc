//! Networks that cannot be built or run.

use scn_grad::GradError;
use scn_solvers::learn::LearnError;
use scn_solvers::processes::ProcessError;
use scn_solvers::{EncodeError, ProblemError, SettingsError};

use crate::shape::Shape;

/// What a custom layer reports when it fails.
pub type LayerError = Box<dyn std::error::Error + Send + Sync>;

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
    /// Images of another shape than the network takes.
    #[error(
        "the network takes images of {} x {} x {}, but was given {} x {} x {}",
        expected[0], expected[1], expected[2], found[0], found[1], found[2]
    )]
    Images {
        /// Channels, height and width that it takes.
        expected: [usize; 3],
        /// Those that it was given.
        found: [usize; 3],
    },
    /// A sparse coding layer that the network does not have.
    #[error("there is no layer{layer}: the network has {layers} sparse coding layers")]
    NoSuchLayer {
        /// The layer asked for, counted from 0.
        layer: usize,
        /// Number of sparse coding layers.
        layers: usize,
    },
    /// Another number of labels than of images.
    #[error("expected {images} labels, one per image, found {found}")]
    LabelCount {
        /// Images of the batch.
        images: usize,
        /// Labels given.
        found: usize,
    },
    /// A label that is no class of the network.
    #[error("expected labels from 0 to {}, found {found}", classes - 1)]
    LabelRange {
        /// Classes of the network.
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
    /// A name that cannot be given to a layer, because another step has it, or because it is empty
    /// or contains a dot.
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
        /// Channels that it takes.
        expected: usize,
        /// Channels of its input.
        found: usize,
    },
    /// A custom layer in a network that processes share: its gradients are those of a whole batch.
    #[error("{layer} is a custom layer, and cannot be shared out among processes")]
    SharedLayer {
        /// The layer.
        layer: String,
    },
    /// Processes that share the work, of which one has failed.
    #[error("{0}")]
    Process(#[from] ProcessError),
    /// A custom layer that returned activations or a gradient of another shape than it should.
    #[error("{layer} should return {what} of {expected}, but returned one of {found}")]
    LayerShape {
        /// The layer.
        layer: String,
        /// "an output" or "a gradient".
        what: &'static str,
        /// The shape that follows from its input.
        expected: Shape,
        /// The shape returned.
        found: Shape,
    },
    /// An error that a custom layer reported.
    #[error("{layer} failed")]
    Layer {
        /// The layer.
        layer: String,
        /// Its own error.
        source: LayerError,
    },
    /// A dictionary or penalty that poses no problem.
    #[error("{layer} cannot be solved: {source}")]
    Problem {
        /// The layer.
        layer: String,
        /// Why.
        source: ProblemError,
    },
    /// A dictionary that cannot be learned from the windows that reach its layer.
    #[error("the dictionary of {layer} cannot be learned: {source}")]
    Learning {
        /// The layer.
        layer: String,
        /// Why.
        source: LearnError,
    },
    /// A network whose dictionaries are to be learned before it computes anything.
    #[error(
        "with network.dictionary = learned, the dictionaries are to be learned from images before \
         anything else (Network::learn_dictionaries); scn train does"
    )]
    Unlearned,
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
    /// Activations of an image that are not finite, or so large that what is computed of them is
    /// not: neither codes nor logits would mean anything.
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
    /// A list of graphics processors that names none.
    #[cfg(feature = "cuda")]
    #[error("expected the number of a graphics processor or several, found none")]
    NoDevice,
    /// Processes that share a network on graphics processors, of which one has another number of them.
    #[cfg(feature = "cuda")]
    #[error(
        "every process must have as many graphics processors, but process 0 has {expected} and process {rank} has {found}"
    )]
    DeviceCount {
        /// Those of the first process.
        expected: u64,
        /// The first process that has another number.
        rank: usize,
        /// Its number.
        found: u64,
    },
    /// A setting or a layer that graphics processors have no kernel for.
    #[cfg(feature = "cuda")]
    #[error("{what} is computed on the processor only; choose the device cpu or another setting")]
    OnProcessorOnly {
        /// The setting or the layer.
        what: String,
    },
    /// A computation that its caller has stopped.
    #[error("stopped before it was complete")]
    Stopped,
    /// More memory is needed than there is.
    #[error(transparent)]
    Memory(#[from] scn_data::MemoryError),
    /// More threads than a pool may have.
    #[error("cannot start the threads: expected at most {most}, found {found}")]
    TooManyThreads {
        /// The most that are allowed on this machine.
        most: usize,
        /// Threads asked for.
        found: usize,
    },
    /// The system refused to start the threads.
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

fn of_image(image: Option<usize>) -> String {
    image.map_or_else(String::new, |image| format!("image {image}: "))
}
