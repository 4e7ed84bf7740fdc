//! How a run starts.

/// How a run starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStart {
    /// From the initial weights of the seed, in a folder that holds no run.
    Fresh,
    /// From the checkpoint in the folder.
    Resume,
}
