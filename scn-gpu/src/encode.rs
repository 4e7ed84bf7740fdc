//! Sparse codes of the windows of a map.

use crate::error::GpuError;
use crate::kernels::columns::{Certify, EncodeFista, EncodeGaussSeidel};
use crate::kernels::prepare::FistaStep;
use crate::launch::launch;
use crate::memory::buffer::Buffer;
use crate::problem::DeviceProblem;
use crate::report::{PendingSolve, Reports};
use crate::solve_settings::SolveSettings;
use crate::windows::Windows;

/// The solver that computes codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum EncodeMethod {
    /// Cyclic coordinate descent, which needs fewer passes than FISTA.
    #[default]
    CoordinateDescent,
    /// FISTA with adaptive restart.
    Fista,
}

impl DeviceProblem<'_> {
    /// Computes the codes of all windows of a map, n × P row by row:
    /// `argmin 1/2 ||x - D a||² + λ1'a + λ2/2 ||a||², a >= 0`. All solves start from zero.
    ///
    /// # Errors
    /// Returns an error if a buffer does not have the length implied by the sizes, or if there is
    /// no room for the report.
    pub fn encode(
        &self,
        method: EncodeMethod,
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
            EncodeMethod::CoordinateDescent => {
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
            EncodeMethod::Fista => {
                // 1 / L, where L is an upper bound on the eigenvalues of H.
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

    /// Computes the [KKT residual](scn_solvers::kkt) of given codes, one per column.
    ///
    /// # Errors
    /// Returns an error if a buffer does not have the length implied by the sizes.
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
