//! The reports of a step that has been asked for.

use scn_gpu::{PendingFinite, PendingLoss, PendingSolve};

/// Where the reports of a step will be.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) loss: PendingLoss,
    /// Of the codes of each sparse coding layer.
    pub(super) codes: Vec<PendingSolve>,
    /// Of the adjoint of each sparse coding layer, in the same order.
    pub(super) adjoint: Vec<PendingSolve>,
    pub(super) finite: PendingFinite,
}
