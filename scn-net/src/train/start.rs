//! Where a run begins.

/// Where a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStart {
    /// At the seed's initial weights, in a folder that holds no run.
    Fresh,
    /// At the checkpoint in the folder.
    Resume,
}
