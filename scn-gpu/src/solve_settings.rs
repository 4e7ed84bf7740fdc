//! Tolerance and number of passes of a solve.

use scn_solvers::Settings;

use crate::context::Context;
use crate::error::GpuError;
use crate::memory::staged::StagedBuffer;
use crate::memory::view::View;

/// The [`Settings`] of solves on a device. The tolerance lies in device memory, so that recorded
/// work can be run again with another one.
#[derive(Debug)]
pub struct SolveSettings {
    tolerance: StagedBuffer<f32>,
    /// The settings that are there.
    settings: Settings,
}

impl SolveSettings {
    /// Puts settings on the device of a context.
    ///
    /// # Errors
    /// [`GpuError::OutOfMemory`].
    pub fn new(context: &Context, settings: Settings) -> Result<Self, GpuError> {
        let mut tolerance = StagedBuffer::new(context, 1)?;
        tolerance.refill(|all| all[0] = settings.tolerance() as f32)?;
        Ok(Self {
            tolerance,
            settings,
        })
    }

    /// Replaces the settings. Work submitted before still sees the old ones; work recorded before
    /// follows the tolerance, but not the number of passes.
    ///
    /// # Errors
    /// [`GpuError::Driver`].
    pub fn set(&mut self, settings: Settings) -> Result<(), GpuError> {
        if settings.tolerance() != self.settings.tolerance() {
            self.tolerance
                .refill(|all| all[0] = settings.tolerance() as f32)?;
        }
        self.settings = settings;
        Ok(())
    }

    /// The settings.
    pub fn get(&self) -> Settings {
        self.settings
    }

    /// The tolerance and the number of passes, as kernels take them.
    pub(crate) fn limits(&self) -> (View<'_, f32>, i32) {
        let max_passes = i32::try_from(self.settings.max_passes()).unwrap_or(i32::MAX);
        (self.tolerance.view(), max_passes)
    }
}
