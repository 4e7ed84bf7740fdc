//! When a run ends before its time.

use scn_solvers::processes::{Processes, any};

use crate::error::NetError;
use crate::progress::Observer;

/// Whether one of the processes that share a run is asked to stop: all of them then do, after the same step.
pub(super) fn any_stops(
    processes: &dyn Processes,
    observer: &dyn Observer,
) -> Result<bool, NetError> {
    Ok(any(processes, observer.stop())?)
}

/// Whether what this process does alone may be broken off: not where others wait for it. They stop [together](any_stops) afterwards.
pub(super) fn stops_alone(processes: &dyn Processes, observer: &dyn Observer) -> bool {
    processes.count() == 1 && observer.stop()
}
