//! The wall-clock time that each layer takes.

use std::time::Instant;

use crate::pass::Lap;
use crate::report::LayerTimes;

/// A clock that adds up the laps of a batch.
#[derive(Debug)]
pub(super) struct Clock {
    /// The end of the last lap; None if times are not wanted.
    last: Option<Instant>,
    times: Vec<LayerTimes>,
}

impl Clock {
    /// Creates a clock at zero for layers of these names.
    pub(super) fn new<'a>(timed: bool, names: impl Iterator<Item = &'a str>) -> Self {
        Self {
            last: timed.then(Instant::now),
            times: LayerTimes::zeros(names),
        }
    }

    /// Starts the next lap.
    pub(super) fn begin(&mut self) {
        if let Some(last) = &mut self.last {
            *last = Instant::now();
        }
    }

    /// Ends a lap and starts the next one.
    pub(super) fn end(&mut self, lap: Lap) {
        let Some(last) = &mut self.last else { return };
        let now = Instant::now();
        let took = now.duration_since(std::mem::replace(last, now));
        match lap {
            Lap::Forward(layer) => self.times[layer].forward += took,
            Lap::Backward(layer) => self.times[layer].backward += took,
        }
    }

    pub(super) fn times(self) -> Vec<LayerTimes> {
        self.times
    }
}
