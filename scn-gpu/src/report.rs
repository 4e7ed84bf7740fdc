//! Reports of kernels, kept on the device until they are downloaded.

use crate::context::Context;
use crate::error::{ArgumentError, GpuError};
use crate::memory::buffer::Buffer;
use crate::memory::view::{View, ViewMut};

/// Number of words in a report.
pub(crate) const SLOT_WORDS: usize = 4;

/// The reports of a step. [`download`](Self::download) copies all of them to the host at once.
///
/// Each solve and each loss takes the next slot and returns a token that reads its report from the
/// downloaded values.
#[derive(Debug)]
pub struct Reports {
    words: Buffer<u64>,
    used: usize,
}

/// The position of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(usize);

impl Reports {
    /// Allocates `slots` reports.
    ///
    /// # Errors
    /// Returns [`GpuError::OutOfMemory`] if device memory is exhausted.
    pub fn new(context: &Context, slots: usize) -> Result<Self, GpuError> {
        Ok(Self {
            words: context.zeros(slots * SLOT_WORDS)?,
            used: 0,
        })
    }

    /// Clears all reports before the next step.
    ///
    /// # Errors
    /// Returns [`GpuError::Driver`] if the driver fails.
    pub fn reset(&mut self) -> Result<(), GpuError> {
        self.used = 0;
        self.words.fill_zero()
    }

    /// Waits for all work, and copies the reports to the host.
    ///
    /// # Errors
    /// Returns [`GpuError::Driver`] if a kernel failed.
    pub fn download(&self) -> Result<ReportValues, GpuError> {
        Ok(ReportValues::new(self.words.download()?))
    }

    /// Returns all reports as stored on the device. [`ReportValues::new`] takes a copy of them.
    pub fn words(&self) -> View<'_, u64> {
        self.words.view()
    }

    /// Takes the next slot, and returns it with its words on the device.
    pub(crate) fn next(&mut self) -> Result<(Slot, ViewMut<'_, u64>), GpuError> {
        self.take(1)
    }

    /// Takes the next `count` slots, and returns the first with the words of all.
    pub(crate) fn take(&mut self, count: usize) -> Result<(Slot, ViewMut<'_, u64>), GpuError> {
        let slots = self.words.len() / SLOT_WORDS;
        if slots - self.used < count {
            return Err(ArgumentError::Reports { slots }.into());
        }
        let first = Slot(self.used);
        self.used += count;
        let words = SLOT_WORDS * first.0..SLOT_WORDS * self.used;
        Ok((first, self.words.range_mut(words)?))
    }
}

/// The downloaded reports of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportValues {
    words: Vec<u64>,
}

impl ReportValues {
    /// Creates the reports from a copy of [`Reports::words`].
    pub fn new(words: Vec<u64>) -> Self {
        Self { words }
    }

    /// Returns the words of a slot, or zeros for a slot of a larger set of reports.
    fn slot(&self, slot: Slot) -> [u64; SLOT_WORDS] {
        let words = self.words.as_chunks::<SLOT_WORDS>().0;
        words.get(slot.0).copied().unwrap_or_default()
    }
}

/// The result of solving a batch of columns, or the linear systems of their adjoint.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct SolveReport {
    /// Number of columns.
    pub columns: usize,
    /// The largest residual of any column, at the returned solution. For codes it is the [KKT
    /// residual](scn_solvers::kkt); for the adjoint it is the residual of the linear system,
    /// relative to its right-hand side. NaN if a column is not finite.
    pub residual: f32,
    /// Passes summed over columns.
    pub column_passes: u64,
    /// Number of columns that miss the tolerance.
    pub unconverged: usize,
    /// Number of active entries of all codes; 0 for an adjoint.
    pub active: u64,
}

impl SolveReport {
    /// Whether every column met the tolerance.
    pub fn converged(&self) -> bool {
        self.unconverged == 0
    }

    /// Average number of passes per column.
    pub fn mean_passes(&self) -> f64 {
        if self.columns == 0 {
            0.0
        } else {
            self.column_passes as f64 / self.columns as f64
        }
    }
}

/// A token for the report of a solve, which is still on the device.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingSolve {
    pub(crate) slot: Slot,
    pub(crate) columns: usize,
}

impl PendingSolve {
    /// Reads the report from the downloaded values.
    pub fn read(self, values: &ReportValues) -> SolveReport {
        let [residual, column_passes, unconverged, active] = values.slot(self.slot);
        SolveReport {
            columns: self.columns,
            residual: f32::from_bits(residual as u32),
            column_passes,
            unconverged: unconverged as usize,
            active,
        }
    }
}

/// Loss and errors of a batch of logits.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct LossReport {
    /// Mean loss over the images.
    pub loss: f64,
    /// Number of images whose largest logit is not that of their label. A NaN logit counts as an
    /// error.
    pub errors: usize,
}

/// A token for the report of a loss, which is still on the device.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingLoss {
    pub(crate) slot: Slot,
}

impl PendingLoss {
    /// Reads the report from the downloaded values.
    pub fn read(self, values: &ReportValues) -> LossReport {
        let [loss, errors, ..] = values.slot(self.slot);
        LossReport {
            loss: f64::from_bits(loss),
            errors: errors as usize,
        }
    }
}

/// A token for the report on gradients that are not finite, which is still on the device.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingFinite {
    pub(crate) first: Slot,
    pub(crate) parameters: usize,
}

impl PendingFinite {
    /// Returns the index of the first parameter whose gradient is not finite.
    pub fn first_broken(self, values: &ReportValues) -> Option<usize> {
        (0..self.parameters).find(|index| values.slot(Slot(self.first.0 + index))[0] != 0)
    }
}
