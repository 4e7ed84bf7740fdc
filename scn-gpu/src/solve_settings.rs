//! Tolerance and largest number of passes of a solve.

use scn_solvers::Settings;

use crate::context::Context;
use crate::error::GpuError;
use crate::memory::staged::StagedBuffer;
use crate::memory::view::View;

/// The [`Settings`] of solves on a device. The tolerance is in device memory, so that recorded work
/// can be run again with a different one.
#[derive(Debug)]
pub struct SolveSettings {
    tolerance: StagedBuffer<f32>,
    /// The current settings.
    settings: Settings,
}

impl SolveSettings {
    /// Uploads settings to the device of a context.
    ///
    /// # Errors
    /// Returns [`GpuError::OutOfMemory`] if device memory is exhausted.
    pub fn new(context: &Context, settings: Settings) -> Result<Self, GpuError> {
        let mut tolerance = StagedBuffer::new(context, 1)?;
        tolerance.refill(|all| all[0] = settings.tolerance() as f32)?;
        Ok(Self {
            tolerance,
            settings,
        })
    }

    /// Replaces the settings. Work submitted earlier still uses the old ones. Recorded work follows
    /// the tolerance, but not the number of passes.
    ///
    /// # Errors
    /// Returns [`GpuError::Driver`] if the driver fails.
    pub fn set(&mut self, settings: Settings) -> Result<(), GpuError> {
        if settings.tolerance() != self.settings.tolerance() {
            self.tolerance
                .refill(|all| all[0] = settings.tolerance() as f32)?;
        }
        self.settings = settings;
        Ok(())
    }

    /// Returns the current settings.
    pub fn get(&self) -> Settings {
        self.settings
    }

    /// Returns the tolerance and the largest number of passes in the form that kernels take.
    pub(crate) fn limits(&self) -> (View<'_, f32>, i32) {
        let max_passes = i32::try_from(self.settings.max_passes()).unwrap_or(i32::MAX);
        (self.tolerance.view(), max_passes)
    }
}
