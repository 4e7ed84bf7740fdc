//! The time that each layer takes, on the clock.

use std::time::Instant;

use crate::pass::Lap;
use crate::report::LayerTimes;

/// Adds up the laps of a batch.
#[derive(Debug)]
pub(super) struct Clock {
    /// When the last lap ended; None where nobody asks for times.
    last: Option<Instant>,
    times: Vec<LayerTimes>,
}

impl Clock {
    /// For layers of these names, at zero.
    pub(super) fn new<'a>(timed: bool, names: impl Iterator<Item = &'a str>) -> Self {
        Self {
            last: timed.then(Instant::now),
            times: LayerTimes::zeros(names),
        }
    }

    /// The next lap begins here.
    pub(super) fn begin(&mut self) {
        if let Some(last) = &mut self.last {
            *last = Instant::now();
        }
    }

    /// A lap ends here, where the next begins.
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
