//! The pending reports of a step.

use scn_gpu::{PendingFinite, PendingLoss, PendingSolve};

/// The pending reports of a step.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) loss: PendingLoss,
    /// The reports on the codes of each sparse coding layer.
    pub(super) codes: Vec<PendingSolve>,
    /// The reports on the adjoint of each sparse coding layer, in the same order.
    pub(super) adjoint: Vec<PendingSolve>,
    pub(super) finite: PendingFinite,
}
