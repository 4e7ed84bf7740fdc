//! Sparse codes of the windows of a map.

use scn_solvers::Settings;

use crate::launch::columns::{Certify, EncodeFista, EncodeGaussSeidel};
use crate::launch::launch;
use crate::launch::prepare::FistaStep;
use crate::report::{PendingSolve, Reports};
use crate::{Buffer, Context, DeviceProblem, GpuError, StagedBuffer, View, Windows};

/// How codes are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum Method {
    /// Cyclic coordinate descent: the fewer passes.
    #[default]
    CoordinateDescent,
    /// FISTA with adaptive restart.
    Fista,
}

impl DeviceProblem<'_> {
    /// Codes of all windows of a map, n × P row by row: `argmin 1/2 ||x - D a||² + λ1'a + λ2/2 ||a||², a >= 0`. All start from zero.
    ///
    /// # Errors
    /// Buffers of other lengths than the sizes say, or no room for the report.
    pub fn encode(
        &self,
        method: Method,
        settings: &SolveSettings,
        windows: Windows,
        map: &Buffer<f32>,
        codes: &mut Buffer<f32>,
        reports: &mut Reports,
    ) -> Result<PendingSolve, GpuError> {
        let (slot, report) = reports.next()?;
        let (tolerance, max_passes) = settings.limits();
        let atoms = self.atoms as i32;
        match method {
            Method::CoordinateDescent => {
                let encode = EncodeGaussSeidel {
                    windows,
                    map: map.view(),
                    panels: self.panels,
                    gram: self.gram,
                    inverse_diagonal: self.inverse_diagonal,
                    lambda1: self.lambda1,
                    atoms,
                    tolerance,
                    max_passes,
                    codes: codes.view_mut(),
                    report,
                    padded: self.padded,
                };
                encode.launch(self.context)
            }
            Method::Fista => {
                // 1 / L for an upper bound L of the eigenvalues of H.
                let mut step = self.context.unspecified(1)?;
                let bound = FistaStep {
                    gram: self.gram,
                    padded: self.padded.atoms() as i32,
                    step: step.view_mut(),
                };
                launch(self.context, &bound)?;
                launch(
                    self.context,
                    &EncodeFista {
                        windows,
                        map: map.view(),
                        panels: self.panels,
                        gram: self.gram,
                        inverse_diagonal: self.inverse_diagonal,
                        lambda1: self.lambda1,
                        step: step.view(),
                        atoms,
                        tolerance,
                        max_passes,
                        codes: codes.view_mut(),
                        report,
                        padded: self.padded,
                    },
                )
            }
        }?;
        let columns = windows.positions();
        Ok(PendingSolve { slot, columns })
    }

    /// The [KKT residual](scn_solvers::kkt) of given codes, one per column.
    ///
    /// # Errors
    /// Buffers of other lengths than the sizes say.
    pub fn certify(
        &self,
        windows: Windows,
        map: &Buffer<f32>,
        codes: &Buffer<f32>,
        residuals: &mut Buffer<f32>,
    ) -> Result<(), GpuError> {
        let certify = Certify {
            windows,
            map: map.view(),
            panels: self.panels,
            gram: self.gram,
            lambda1: self.lambda1,
            atoms: self.atoms as i32,
            codes: codes.view(),
            residuals: residuals.view_mut(),
            padded: self.padded,
        };
        launch(self.context, &certify)
    }
}

/// To what a device solves: as [`Settings`], with the tolerance in device memory, so that recorded work can be run again with another.
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

    /// Takes others from here on. Work that was asked for before still sees those before; work that was recorded before sees the tolerance, but
    /// not the number of passes.
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
