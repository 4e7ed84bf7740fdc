//! Gradients of the parameters of several problems, computed from sums over their columns.

use std::ops::Range;

use crate::context::Context;
use crate::error::{ArgumentError, GpuError};
use crate::kernels::gradients::{
    AddPartials, CHUNK_NUMBERS, ENTRIES, FinishGradients, GRADIENT_NUMBERS, OUTER_ROWS, OuterSums,
    TILE_SIDE,
};
use crate::launch::launch;
use crate::memory::buffer::Buffer;
use crate::problem::{DeviceProblem, DeviceProblems};
use crate::sizes::{expect_len, int};
use crate::tables::{LayerRow, LayerTable};
use crate::update::Parameters;
use crate::windows::Windows;

/// The sums from which the gradients of [`DeviceProblems`] are computed, for batches of a fixed
/// size:
///
/// ```text
/// dLoss/dD = sum x y' - D (sum a y' + sum y a'),   dLoss/dλ1_j = -sum y_j,   dLoss/dλ2 = -sum y'a
/// ```
///
/// [`take`](Self::take) sums the columns of one problem in chunks, with one kernel.
/// [`finish`](Self::finish) adds up the chunks of all problems and completes their gradients, with
/// two more kernels.
#[derive(Debug)]
pub struct GradientSums {
    layers: Vec<Layer>,
    /// Sums of the chunks of all layers.
    partial: Buffer<f32>,
    /// `sum x y'`, `sum y'` and `sum a y'` of each layer.
    sums: Buffer<f32>,
    chunk_table: LayerTable<CHUNK_NUMBERS, 2>,
    gradient_table: LayerTable<GRADIENT_NUMBERS, 3>,
    context: Context,
}

#[derive(Debug)]
struct Layer {
    windows: Windows,
    positions_per_chunk: usize,
    partial: Range<usize>,
}

impl GradientSums {
    /// Allocates the sums of problems whose signals are these windows, one [`Windows`] per problem.
    ///
    /// # Errors
    /// Returns [`ArgumentError::Length`] if there is not one [`Windows`] per problem or if windows
    /// and atoms differ in length, and [`GpuError::OutOfMemory`] if device memory is exhausted.
    pub fn new(
        context: &Context,
        problems: &DeviceProblems,
        windows: &[Windows],
    ) -> Result<Self, GpuError> {
        expect_len(
            "the windows of problems",
            problems.layouts.len(),
            windows.len(),
        )?;
        let mut layers: Vec<Layer> = Vec::new();
        let (mut chunk_rows, mut gradient_rows) = (Vec::new(), Vec::new());
        let (mut partial, mut sums) = (0, 0);
        for (layout, &windows) in problems.layouts.iter().zip(windows) {
            expect_len("a signal", layout.rows, windows.rows())?;
            let stacked = layout.rows + 1 + layout.atoms;
            let count = stacked * layout.atoms;
            let positions = windows.positions();
            let per_chunk = positions_per_chunk(stacked, layout.atoms, positions);
            let chunks = positions.div_ceil(per_chunk);
            let (partial_end, sums_end) = (partial + chunks * count, sums + count);
            chunk_rows.push(LayerRow {
                blocks: count.div_ceil(ENTRIES),
                numbers: [0, partial, chunks, count, sums],
                ends: [partial_end, sums_end],
            });
            let parameters_end = layout.parameters_end();
            gradient_rows.push(LayerRow {
                blocks: layout.rows.div_ceil(TILE_SIDE) * layout.atoms.div_ceil(TILE_SIDE),
                numbers: [
                    0,
                    layout.rows,
                    layout.atoms,
                    layout.dictionary.start,
                    layout.lambda1_parameter.start,
                    layout.lambda1_parameter.len(),
                    layout.lambda2.start,
                    sums,
                ],
                ends: [parameters_end, sums_end, parameters_end],
            });
            layers.push(Layer {
                windows,
                positions_per_chunk: per_chunk,
                partial: partial..partial_end,
            });
            (partial, sums) = (partial_end, sums_end);
        }
        Ok(Self {
            layers,
            partial: context.unspecified(partial)?,
            sums: context.unspecified(sums)?,
            chunk_table: LayerTable::new(context, &chunk_rows)?,
            gradient_table: LayerTable::new(context, &gradient_rows)?,
            context: context.clone(),
        })
    }

    /// Sums over the columns of problem `index`, given its map, the codes of the map's windows and
    /// their [adjoint](DeviceProblem::adjoint). Codes and adjoint are n × P, row by row.
    ///
    /// # Errors
    /// Returns an error if a buffer does not have the length implied by the sizes, or if there is
    /// no such problem.
    pub fn take(
        &mut self,
        index: usize,
        problem: &DeviceProblem<'_>,
        map: &Buffer<f32>,
        codes: &Buffer<f32>,
        adjoint: &Buffer<f32>,
    ) -> Result<(), GpuError> {
        let len = self.layers.len();
        let none = || ArgumentError::no_such(index, len);
        let layer = self.layers.get(index).ok_or_else(none)?;
        let outer = OuterSums {
            windows: layer.windows,
            map: map.view(),
            codes: codes.view(),
            adjoint: adjoint.view(),
            atoms: problem.atoms as i32,
            positions_per_chunk: int("the columns of a chunk", layer.positions_per_chunk)?,
            partial: self.partial.range_mut(layer.partial.clone())?,
        };
        launch(&self.context, &outer)
    }

    /// Completes the gradients of all problems, replacing their previous values. Requires a call of
    /// [`take`](Self::take) for every problem.
    ///
    /// # Errors
    /// Returns an error if there are fewer parameters than the problems refer to.
    pub fn finish(&mut self, parameters: &mut Parameters) -> Result<(), GpuError> {
        let (table, layers) = self.chunk_table.arguments()?;
        let add = AddPartials {
            partial: self.partial.view(),
            table,
            layers,
            sums: self.sums.view_mut(),
        };
        launch(&self.context, &add)?;
        let (table, layers) = self.gradient_table.arguments()?;
        let finish = FinishGradients {
            parameters: parameters.values.all(),
            sums: self.sums.view(),
            table,
            layers,
            gradients: parameters.gradients.all_mut(),
        };
        launch(&self.context, &finish)
    }
}

/// Returns the number of columns that a block adds up sequentially. There are enough blocks for a
/// large device. The number does not depend on the device, so the order of additions, and with it
/// every bit of the result, is the same on all devices.
fn positions_per_chunk(rows: usize, atoms: usize, positions: usize) -> usize {
    const BLOCKS: usize = 1024;
    const LEAST: usize = 256;
    let tiles = rows.div_ceil(OUTER_ROWS) * atoms.div_ceil(TILE_SIDE);
    let chunks = (BLOCKS / tiles.max(1)).max(1);
    positions.div_ceil(chunks).max(LEAST).next_multiple_of(32)
}
