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
    /// Solves `H_LL y_L = u_L` for each column, given its code and `u = dLoss/da`, where L is the
    /// active set of the code; y is zero off it. All three are n × P, row by row.
    ///
    /// # Errors
    /// Buffers of other lengths than the codes, or no room for the report.
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

    /// dLoss/dx: `D y` of every window, added up over the windows that hold a pixel. Replaces what
    /// is there.
    ///
    /// # Errors
    /// Buffers of other lengths than the sizes say.
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
