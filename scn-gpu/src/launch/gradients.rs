//! What the adjoint of the codes makes of its solutions.

use crate::GpuError;
use crate::buffer::{View, ViewMut, expect_len};
use crate::launch::{Grid, Kernel, kernels};
use crate::windows::{Windows, size};

/// Threads of a block that multiplies tiles.
pub(super) const TILE_THREADS: u32 = 128;

/// Sides of the tiles of a matrix with entries of windows as rows and atoms as columns.
pub(super) const TILE_SIDE: usize = 64;

/// Channels, and least number of pixels, that a block of the signals' gradient takes.
pub(super) const CHANNELS: usize = 64;
pub(super) const PIXELS: usize = 64;

/// Threads of other blocks.
pub(super) const THREADS: u32 = 256;

/// Entries that a block adds up over all chunks.
pub(super) const ENTRIES: usize = 32;

kernels! {
    /// `sum x_p y_p'` over each chunk of columns.
    OuterSums = "outer_sums" in OuterSums {
        windows: Windows,
        map: View<'a, f32>,
        codes: View<'a, f32>,
        atoms: i32,
        positions_per_chunk: i32,
        partial: ViewMut<'a, f32>,
    }

    /// The sum over chunks.
    AddPartials = "add_partials" in OuterSums {
        partial: View<'a, f32>,
        chunks: i32,
        count: i32,
        sums: ViewMut<'a, f32>,
    }

    /// Adds `S1 - D (S2 + S2')`.
    DictionaryGradient = "dictionary_gradient" in Gradients {
        dictionary: View<'a, f32>,
        signal_sums: View<'a, f32>,
        code_sums: View<'a, f32>,
        rows: i32,
        atoms: i32,
        gradient: ViewMut<'a, f32>,
    }

    /// `-sum_p y_jp` and `-sum_p y_jp a_jp` per atom.
    PenaltyGradients = "penalty_gradients" in Gradients {
        codes: View<'a, f32>,
        adjoint: View<'a, f32>,
        atoms: i32,
        positions: i32,
        per_atom: ViewMut<'a, f32>,
    }

    /// Adds these to the gradients of λ1 and λ2.
    AddPenaltyGradients = "add_penalty_gradients" in Gradients {
        per_atom: View<'a, f32>,
        atoms: i32,
        lambda1_count: i32,
        lambda1_gradient: ViewMut<'a, f32>,
        lambda2_gradient: ViewMut<'a, f32>,
    }

    /// `D y` added up over the windows that hold a pixel.
    SignalGradient = "signal_gradient" in SignalGradient {
        windows: Windows,
        dictionary: View<'a, f32>,
        adjoint: View<'a, f32>,
        atoms: i32,
        map_gradient: ViewMut<'a, f32>,
    }
}

impl Kernel for OuterSums<'_> {
    fn grid(&self) -> Result<Option<Grid>, GpuError> {
        let (rows, positions) = (self.windows.rows(), self.windows.positions());
        let atoms = size(self.atoms);
        let chunks = positions.div_ceil(size(self.positions_per_chunk).max(1));
        expect_len("the map", self.windows.map().len(), self.map.len())?;
        expect_len("the codes", atoms * positions, self.codes.len())?;
        expect_len(
            "the sums per chunk",
            chunks * rows * atoms,
            self.partial.len(),
        )?;
        let tiles = [rows.div_ceil(TILE_SIDE), atoms.div_ceil(TILE_SIDE), chunks];
        Grid::new(tiles, TILE_THREADS)
    }
}

impl Kernel for AddPartials<'_> {
    fn grid(&self) -> Result<Option<Grid>, GpuError> {
        let (chunks, count) = (size(self.chunks), size(self.count));
        expect_len("the sums per chunk", chunks * count, self.partial.len())?;
        expect_len("the sums", count, self.sums.len())?;
        Grid::covering(count, ENTRIES, THREADS)
    }
}

impl Kernel for DictionaryGradient<'_> {
    fn grid(&self) -> Result<Option<Grid>, GpuError> {
        let (rows, atoms) = (size(self.rows), size(self.atoms));
        expect_len("the dictionary", rows * atoms, self.dictionary.len())?;
        expect_len("the sums of signals", rows * atoms, self.signal_sums.len())?;
        expect_len("the sums of codes", atoms * atoms, self.code_sums.len())?;
        expect_len("dLoss/dD", rows * atoms, self.gradient.len())?;
        let tiles = [rows.div_ceil(TILE_SIDE), atoms.div_ceil(TILE_SIDE), 1];
        Grid::new(tiles, TILE_THREADS)
    }
}

impl Kernel for PenaltyGradients<'_> {
    fn grid(&self) -> Result<Option<Grid>, GpuError> {
        let (atoms, positions) = (size(self.atoms), size(self.positions));
        expect_len("the codes", atoms * positions, self.codes.len())?;
        expect_len("the adjoint", atoms * positions, self.adjoint.len())?;
        expect_len("the sums per atom", 2 * atoms, self.per_atom.len())?;
        Grid::new([atoms, 1, 1], THREADS)
    }
}

impl Kernel for AddPenaltyGradients<'_> {
    fn grid(&self) -> Result<Option<Grid>, GpuError> {
        let count = size(self.lambda1_count);
        expect_len(
            "the sums per atom",
            2 * size(self.atoms),
            self.per_atom.len(),
        )?;
        expect_len("dLoss/dlambda1", count, self.lambda1_gradient.len())?;
        expect_len("dLoss/dlambda2", 1, self.lambda2_gradient.len())?;
        if count != 1 {
            expect_len("dLoss/dlambda1", size(self.atoms), count)?;
        }
        Grid::new([1, 1, 1], THREADS)
    }
}

impl Kernel for SignalGradient<'_> {
    fn grid(&self) -> Result<Option<Grid>, GpuError> {
        let map = self.windows.map();
        let (rows, positions) = (self.windows.rows(), self.windows.positions());
        let atoms = size(self.atoms);
        expect_len("the dictionary", rows * atoms, self.dictionary.len())?;
        expect_len("the adjoint", atoms * positions, self.adjoint.len())?;
        expect_len("dLoss/dx", map.len(), self.map_gradient.len())?;
        // Pixels of a block share their place between two windows.
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
