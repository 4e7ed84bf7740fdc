//! When a device went from layer to layer.

use scn_gpu::{Context, Mark};

use crate::error::NetError;
use crate::pass::Lap;
use crate::report::LayerTimes;

/// Marks between the layers of a step. The host does not wait for them before the step is done, so
/// that they do not change what they measure.
pub(super) struct Laps {
    /// None unless the step is timed.
    context: Option<Context>,
    /// The first of a pass has no lap that ends there.
    marks: Vec<(Option<Lap>, Mark)>,
}

impl Laps {
    /// No marks yet.
    pub(super) fn new(context: &Context) -> Self {
        Self {
            context: Some(context.clone()),
            marks: Vec::new(),
        }
    }

    /// For a step whose layers nobody times.
    pub(super) fn none() -> Self {
        Self {
            context: None,
            marks: Vec::new(),
        }
    }

    /// A pass through the layers begins here.
    pub(super) fn begin(&mut self) -> Result<(), NetError> {
        self.mark(None)
    }

    /// A lap ends here.
    pub(super) fn end(&mut self, lap: Lap) -> Result<(), NetError> {
        self.mark(Some(lap))
    }

    fn mark(&mut self, lap: Option<Lap>) -> Result<(), NetError> {
        if let Some(context) = &self.context {
            self.marks.push((lap, context.mark()?));
        }
        Ok(())
    }

    /// Adds the laps to the times of the layers; waits for the last.
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
