//! Work that cannot be recorded.

/// Why work does not become a [`Graph`](crate::Graph).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// Something that a graph does not do.
    #[error("while a graph is being recorded, one cannot {action}")]
    Unrecordable {
        /// What was to be done.
        action: &'static str,
    },
    /// The recording would have to allocate.
    #[error(
        "a graph needs {bytes} bytes in one piece that no buffer has left behind: do the same work once before, without recording"
    )]
    Memory {
        /// Bytes asked for.
        bytes: usize,
    },
    /// The recording would have to load a kernel.
    #[error(
        "a graph needs the kernel {name}, which is not loaded: do the same work once before, without recording"
    )]
    Kernel {
        /// Its name.
        name: String,
    },
    /// Work for a context with which another thread is recording a graph.
    #[error("another thread is recording a graph with this context")]
    Busy,
    /// The driver gives up the recording.
    #[error("the driver makes no graph of the recorded work: {reason}")]
    Invalid {
        /// Its reason.
        reason: String,
    },
}
