//! Tolerance and number of passes of a solve.

use scn_solvers::Settings;

use crate::context::Context;
use crate::error::GpuError;
use crate::memory::staged::StagedBuffer;
use crate::memory::view::View;

/// To what a device solves: as [`Settings`], with the tolerance in device memory, so that recorded
/// work can be run again with another.
#[derive(Debug)]
pub struct SolveSettings {
    tolerance: StagedBuffer<f32>,
    /// What is there.
    settings: Settings,
}

impl SolveSettings {
    /// On the device of a context.
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

    /// Takes others from here on. Work that was asked for before still sees those before; work that
    /// was recorded before sees the tolerance, but not the number of passes.
    ///
    /// # Errors
    /// The driver's.
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

    /// As kernels take them.
    pub(crate) fn limits(&self) -> (View<'_, f32>, i32) {
        let max_passes = i32::try_from(self.settings.max_passes()).unwrap_or(i32::MAX);
        (self.tolerance.view(), max_passes)
    }
}
