//! The adjoint of the codes.

use scn_solvers::Settings;

use crate::buffer::{ViewMut, expect_len};
use crate::encode::limits;
use crate::launch::columns::Adjoint;
use crate::launch::gradients::{
    AddPartials, AddPenaltyGradients, DictionaryGradient, OuterSums, PenaltyGradients,
    SignalGradient,
};
use crate::launch::launch;
use crate::report::{PendingSolve, Reports};
use crate::windows::int;
use crate::{Buffer, GpuError, Problem, Windows};

/// Where the gradients by the parameters of a problem go: they are added to what is there.
#[derive(Debug)]
pub struct ParameterGradients<'a> {
    /// dLoss/dD, m × n, row by row.
    pub dictionary: &'a mut Buffer<f32>,
    /// dLoss/dλ1: one, the sum over atoms, or one per atom.
    pub lambda1: &'a mut Buffer<f32>,
    /// dLoss/dλ2.
    pub lambda2: &'a mut Buffer<f32>,
}

impl Problem {
    /// Solves `H_LL y_L = u_L` for each column, given its code and `u = dLoss/da`, where L is the active set of the code; y is zero off it.
    /// All three are n × P, row by row.
    ///
    /// # Errors
    /// Buffers of other lengths than the codes, or no room for the report.
    pub fn adjoint(
        &self,
        settings: Settings,
        codes: &Buffer<f32>,
        cotangent: &Buffer<f32>,
        adjoint: &mut Buffer<f32>,
        reports: &mut Reports,
    ) -> Result<PendingSolve, GpuError> {
        let (slot, report) = reports.next()?;
        let (tolerance, max_passes) = limits(settings);
        let columns = codes.len() / self.atoms;
        let adjoint = Adjoint {
            codes: codes.view(),
            cotangent: cotangent.view(),
            gram: self.gram.view(),
            inverse_diagonal: self.inverse_diagonal.view(),
            atoms: self.atoms as i32,
            positions: int("the number of columns", columns)?,
            tolerance,
            max_passes,
            adjoint: adjoint.view_mut(),
            report,
            padded: self.padded,
        };
        launch(&self.context, &adjoint)?;
        Ok(PendingSolve { slot, columns })
    }

    /// Adds the gradients by dictionary and penalty, given the codes of the windows of a map and their [`adjoint`](Self::adjoint):
    ///
    /// ```text
    /// dLoss/dD = sum x y' - D (sum a y' + sum y a'),   dLoss/dλ1_j = -sum y_j,   dLoss/dλ2 = -sum y'a
    /// ```
    ///
    /// # Errors
    /// Buffers of other lengths than the sizes say.
    pub fn add_gradients(
        &self,
        windows: Windows,
        map: &Buffer<f32>,
        codes: &Buffer<f32>,
        adjoint: &Buffer<f32>,
        gradients: ParameterGradients<'_>,
    ) -> Result<(), GpuError> {
        let ParameterGradients {
            dictionary,
            lambda1,
            lambda2,
        } = gradients;
        let (rows, atoms, positions) = (self.rows, self.atoms, windows.positions());
        expect_len("the codes", atoms * positions, codes.len())?;

        let mut signal_sums = self.context.unspecified(rows * atoms)?;
        self.outer_sums(windows, map, adjoint, signal_sums.view_mut())?;
        let mut code_sums = self.context.unspecified(atoms * atoms)?;
        let code_columns = Windows::matrix(atoms, positions)?;
        self.outer_sums(code_columns, codes, adjoint, code_sums.view_mut())?;
        let add = DictionaryGradient {
            dictionary: self.dictionary.view(),
            signal_sums: signal_sums.view(),
            code_sums: code_sums.view(),
            rows: int("the number of rows", rows)?,
            atoms: atoms as i32,
            gradient: dictionary.view_mut(),
        };
        launch(&self.context, &add)?;

        let mut per_atom = self.context.unspecified(2 * atoms)?;
        let sums = PenaltyGradients {
            codes: codes.view(),
            adjoint: adjoint.view(),
            atoms: atoms as i32,
            positions: int("the number of columns", positions)?,
            per_atom: per_atom.view_mut(),
        };
        launch(&self.context, &sums)?;
        let add = AddPenaltyGradients {
            per_atom: per_atom.view(),
            atoms: atoms as i32,
            lambda1_count: int("the length of lambda1", lambda1.len())?,
            lambda1_gradient: lambda1.view_mut(),
            lambda2_gradient: lambda2.view_mut(),
        };
        launch(&self.context, &add)
    }

    /// dLoss/dx: `D y` of every window, added up over the windows that hold a pixel. Replaces what is there.
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
            dictionary: self.dictionary.view(),
            adjoint: adjoint.view(),
            atoms: self.atoms as i32,
            map_gradient: map_gradient.view_mut(),
        };
        launch(&self.context, &gradient)
    }

    /// `sum x_p y_p'` over all columns.
    fn outer_sums(
        &self,
        windows: Windows,
        map: &Buffer<f32>,
        codes: &Buffer<f32>,
        sums: ViewMut<'_, f32>,
    ) -> Result<(), GpuError> {
        let (rows, positions) = (windows.rows(), windows.positions());
        let count = rows * self.atoms;
        let per_chunk = positions_per_chunk(rows, self.atoms, positions);
        let chunks = positions.div_ceil(per_chunk);
        let mut partial = self.context.unspecified(chunks * count)?;
        let outer = OuterSums {
            windows,
            map: map.view(),
            codes: codes.view(),
            atoms: self.atoms as i32,
            positions_per_chunk: int("the columns of a chunk", per_chunk)?,
            partial: partial.view_mut(),
        };
        launch(&self.context, &outer)?;
        let add = AddPartials {
            partial: partial.view(),
            chunks: int("the number of chunks", chunks)?,
            count: int("the entries of a dictionary", count)?,
            sums,
        };
        launch(&self.context, &add)
    }
}

/// Columns that a block adds up one after the other. Enough blocks for a large device, and no dependence on the device: the order of
/// additions, and with it every bit of the result, is the same everywhere.
fn positions_per_chunk(rows: usize, atoms: usize, positions: usize) -> usize {
    const BLOCKS: usize = 1024;
    const LEAST: usize = 256;
    const TILE: usize = 64;
    let tiles = rows.div_ceil(TILE) * atoms.div_ceil(TILE);
    let chunks = (BLOCKS / tiles.max(1)).max(1);
    positions.div_ceil(chunks).max(LEAST).next_multiple_of(32)
}
