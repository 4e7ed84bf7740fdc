//! The adjoint of the codes, and dLoss/dx.

use crate::error::GpuError;
use crate::kernels::columns::Adjoint;
use crate::kernels::gradients::SignalGradient;
use crate::launch::launch;
use crate::memory::buffer::Buffer;
use crate::problem::DeviceProblem;
use crate::report::{PendingSolve, Reports};
use crate::sizes::int;
use crate::solve_settings::SolveSettings;
use crate::windows::Windows;

impl DeviceProblem<'_> {
    /// Solves `H_LL y_L = u_L` for each column, where L is the active set of its code and
    /// `u = dLoss/da`. Entries of y outside L are zero. Codes, u and y are n × P, row by row.
    ///
    /// # Errors
    /// Returns an error if the buffers differ in length, or if there is no room for the report.
    pub fn adjoint(
        &self,
        settings: &SolveSettings,
        codes: &Buffer<f32>,
        cotangent: &Buffer<f32>,
        adjoint: &mut Buffer<f32>,
        reports: &mut Reports,
    ) -> Result<PendingSolve, GpuError> {
        let (slot, report) = reports.next()?;
        let (tolerance, max_passes) = settings.limits();
        let columns = codes.len() / self.atoms;
        let adjoint = Adjoint {
            codes: codes.view(),
            cotangent: cotangent.view(),
            gram: self.gram,
            inverse_diagonal: self.inverse_diagonal,
            atoms: self.atoms as i32,
            positions: int("the number of columns", columns)?,
            tolerance,
            max_passes,
            adjoint: adjoint.view_mut(),
            report,
            padded: self.padded,
        };
        launch(self.context, &adjoint)?;
        Ok(PendingSolve { slot, columns })
    }

    /// Computes dLoss/dx: `D y` of every window, summed over the windows that contain a pixel.
    /// Replaces the contents of `map_gradient`.
    ///
    /// # Errors
    /// Returns an error if a buffer does not have the length implied by the sizes.
    pub fn signal_gradient(
        &self,
        windows: Windows,
        adjoint: &Buffer<f32>,
        map_gradient: &mut Buffer<f32>,
    ) -> Result<(), GpuError> {
        let gradient = SignalGradient {
            windows,
            dictionary: self.dictionary,
            adjoint: adjoint.view(),
            atoms: self.atoms as i32,
            map_gradient: map_gradient.view_mut(),
        };
        launch(self.context, &gradient)
    }
}
