//! Early stop of a run.

use scn_solvers::processes::{Processes, any};

use crate::error::NetError;
use crate::progress::Observer;

/// Whether any of the processes that share a run is asked to stop. All of them then stop after the
/// same step.
pub(super) fn any_stops(
    processes: &dyn Processes,
    observer: &dyn Observer,
) -> Result<bool, NetError> {
    Ok(any(processes, observer.stop())?)
}

/// Whether this process is asked to stop and may do so alone, because no other process would wait
/// for it. Several processes stop [together](any_stops) afterwards.
pub(super) fn stops_alone(processes: &dyn Processes, observer: &dyn Observer) -> bool {
    processes.count() == 1 && observer.stop()
}
