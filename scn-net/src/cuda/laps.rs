//! Timing of the layers on a device.

use scn_gpu::{Context, Mark};

use crate::error::NetError;
use crate::pass::Lap;
use crate::report::LayerTimes;

/// Marks between the layers of a step. The host does not wait for them before the step is complete,
/// so they do not change what they measure.
pub(super) struct Laps {
    /// None unless the step is timed.
    context: Option<Context>,
    /// The marks, each with the lap that ends there. The first mark of a pass ends no lap.
    marks: Vec<(Option<Lap>, Mark)>,
}

impl Laps {
    /// Creates an empty list of marks.
    pub(super) fn new(context: &Context) -> Self {
        Self {
            context: Some(context.clone()),
            marks: Vec::new(),
        }
    }

    /// Creates a list that stays empty, for a step whose layers are not timed.
    pub(super) fn none() -> Self {
        Self {
            context: None,
            marks: Vec::new(),
        }
    }

    /// Marks the start of a pass through the layers.
    pub(super) fn begin(&mut self) -> Result<(), NetError> {
        self.mark(None)
    }

    /// Marks the end of a lap.
    pub(super) fn end(&mut self, lap: Lap) -> Result<(), NetError> {
        self.mark(Some(lap))
    }

    fn mark(&mut self, lap: Option<Lap>) -> Result<(), NetError> {
        if let Some(context) = &self.context {
            self.marks.push((lap, context.mark()?));
        }
        Ok(())
    }

    /// Adds the laps to the times of the layers. Waits for the last mark.
    pub(super) fn add_to(&self, times: &mut [LayerTimes]) -> Result<(), NetError> {
        for pair in self.marks.windows(2) {
            let [(_, before), (lap, after)] = pair else {
                continue;
            };
            match lap {
                Some(Lap::Forward(index)) => times[*index].forward += before.until(after)?,
                Some(Lap::Backward(index)) => times[*index].backward += before.until(after)?,
                None => {}
            }
        }
        Ok(())
    }
}
