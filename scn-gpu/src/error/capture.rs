//! Errors of recording graphs.

/// The reason why work cannot be recorded as a [`Graph`](crate::Graph).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The work contains an action that cannot be part of a graph.
    #[error("cannot {action} while a graph is being recorded")]
    Unrecordable {
        /// The action.
        action: &'static str,
    },
    /// The recording would have to allocate memory.
    #[error(
        "recording a graph needs {bytes} bytes that no dropped buffer has left behind: run the same work once without recording first"
    )]
    Memory {
        /// Number of bytes needed.
        bytes: usize,
    },
    /// The recording would have to load a kernel.
    #[error(
        "recording a graph needs the kernel {name}, which is not loaded: run the same work once without recording first"
    )]
    Kernel {
        /// Name of the kernel.
        name: String,
    },
    /// Another thread is recording a graph with the same context.
    #[error("another thread is recording a graph with this context")]
    Busy,
    /// The driver discarded the recording.
    #[error("the driver cannot make a graph of the recorded work: {reason}")]
    Invalid {
        /// The reason given by the driver.
        reason: String,
    },
}
