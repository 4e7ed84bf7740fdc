//! Gradients computed from the adjoint.

use crate::error::ArgumentError;
use crate::kernels::elements::BLOCK_THREADS;
use crate::launch::{DeviceKernel, Grid, kernels};
use crate::memory::view::{View, ViewMut};
use crate::sizes::{expect_len, size};
use crate::tables::{LayerCount, Table};
use crate::windows::Windows;

/// Threads per block in kernels that multiply tiles.
pub(super) const TILE_THREADS: u32 = 128;

/// Side of the tiles of a matrix whose rows are entries of windows and whose columns are atoms.
pub(crate) const TILE_SIDE: usize = 64;

/// Rows of a tile of outer sums. It has [`TILE_SIDE`] atoms, like other tiles.
pub(crate) const OUTER_ROWS: usize = 128;

/// Channels, and smallest number of pixels, per block of the signal gradient.
pub(super) const CHANNELS: usize = 64;
pub(super) const PIXELS: usize = 64;

/// Entries that a block sums over all chunks.
pub(crate) const ENTRIES: usize = 32;

/// Integers per row in the tables of these kernels.
pub(crate) const CHUNK_NUMBERS: usize = 5;
pub(crate) const GRADIENT_NUMBERS: usize = 8;

kernels! {
    /// `sum (x, 1, a) y'` over each chunk of columns.
    OuterSums = "outer_sums" in OuterSums {
        windows: Windows,
        map: View<'a, f32>,
        codes: View<'a, f32>,
        adjoint: View<'a, f32>,
        atoms: i32,
        positions_per_chunk: i32,
        partial: ViewMut<'a, f32>,
    }

    /// The sums over chunks, for all layers.
    AddPartials = "add_partials" in OuterSums {
        partial: View<'a, f32>,
        table: Table<'a, CHUNK_NUMBERS, 2>,
        layers: LayerCount,
        sums: ViewMut<'a, f32>,
    }

    /// `S1 - D (S2 + S2')`, `-sum y` and `-trace S2` for all layers, where `S1 = sum x y'` and
    /// `S2 = sum a y'`.
    FinishGradients = "parameter_gradients" in Gradients {
        parameters: View<'a, f32>,
        sums: View<'a, f32>,
        table: Table<'a, GRADIENT_NUMBERS, 3>,
        layers: LayerCount,
        gradients: ViewMut<'a, f32>,
    }

    /// `D y`, summed over the windows that contain a pixel.
    SignalGradient = "signal_gradient" in SignalGradient {
        windows: Windows,
        dictionary: View<'a, f32>,
        adjoint: View<'a, f32>,
        atoms: i32,
        map_gradient: ViewMut<'a, f32>,
    }
}

impl DeviceKernel for OuterSums<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let (rows, positions) = (self.windows.rows(), self.windows.positions());
        let atoms = size(self.atoms);
        let chunks = positions.div_ceil(size(self.positions_per_chunk).max(1));
        let stacked = rows + 1 + atoms;
        expect_len("the map", self.windows.map().len(), self.map.len())?;
        expect_len("the codes", atoms * positions, self.codes.len())?;
        expect_len("the adjoint", atoms * positions, self.adjoint.len())?;
        expect_len(
            "the sums per chunk",
            chunks * stacked * atoms,
            self.partial.len(),
        )?;
        let tiles = [
            stacked.div_ceil(OUTER_ROWS),
            atoms.div_ceil(TILE_SIDE),
            chunks,
        ];
        Grid::new(tiles, TILE_THREADS)
    }
}

impl DeviceKernel for AddPartials<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        self.table.check([self.partial.len(), self.sums.len()])?;
        Grid::new([self.table.blocks(), 1, 1], BLOCK_THREADS)
    }
}

impl DeviceKernel for FinishGradients<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let lengths = [self.parameters.len(), self.sums.len(), self.gradients.len()];
        self.table.check(lengths)?;
        Grid::new([self.table.blocks(), 1, 1], TILE_THREADS)
    }
}

impl DeviceKernel for SignalGradient<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let map = self.windows.map();
        let (rows, positions) = (self.windows.rows(), self.windows.positions());
        let atoms = size(self.atoms);
        expect_len("the dictionary", rows * atoms, self.dictionary.len())?;
        expect_len("the adjoint", atoms * positions, self.adjoint.len())?;
        expect_len("dLoss/dx", map.len(), self.map_gradient.len())?;
        // The pixels of a block have the same row and column modulo the stride.
        let stride = self.windows.stride();
        let phase = map.images * map.height.div_ceil(stride) * map.width.div_ceil(stride);
        let tiles = [
            phase.div_ceil(PIXELS),
            map.channels.div_ceil(CHANNELS),
            stride * stride,
        ];
        Grid::new(tiles, TILE_THREADS)
    }
}
