//! Gram matrices and packed dictionaries, computed once per change of the parameters.

use crate::error::ArgumentError;
use crate::kernels::elements::BLOCK_THREADS;
use crate::launch::{DeviceKernel, Grid, kernels};
use crate::memory::view::{View, ViewMut};
use crate::sizes::{expect_len, size};
use crate::tables::{LayerCount, Table};

/// Side of the tile of a Gram matrix that a block computes, and number of dictionary entries that a
/// block packs.
pub(crate) const GRAM_SIDE: usize = 16;
pub(crate) const PACK_ENTRIES: usize = 4 * BLOCK_THREADS as usize;

/// Integers per row in the table.
pub(crate) const PREPARE_NUMBERS: usize = 11;

kernels! {
    /// For all layers: rows of the dictionary in the order in which lanes read them, padded with
    /// zeros; `H = D'D + λ2 I` with rows in the same order; `1 / H_jj`; and λ1 per atom.
    PrepareProblems = "prepare_problems" in Prepare {
        parameters: View<'a, f32>,
        table: Table<'a, PREPARE_NUMBERS, 5>,
        layers: LayerCount,
        panels: ViewMut<'a, f32>,
        gram: ViewMut<'a, f32>,
        inverse_diagonal: ViewMut<'a, f32>,
        padded_lambda1: ViewMut<'a, f32>,
    }

    /// The reciprocal of the largest absolute row sum of `H`.
    FistaStep = "fista_step" in Prepare {
        gram: View<'a, f32>,
        padded: i32,
        step: ViewMut<'a, f32>,
    }
}

impl DeviceKernel for PrepareProblems<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let lengths = [
            self.parameters.len(),
            self.panels.len(),
            self.gram.len(),
            self.inverse_diagonal.len(),
            self.padded_lambda1.len(),
        ];
        self.table.check(lengths)?;
        Grid::new([self.table.blocks(), 1, 1], BLOCK_THREADS)
    }
}

impl DeviceKernel for FistaStep<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let padded = size(self.padded);
        expect_len("the Gram matrix", padded * padded, self.gram.len())?;
        assert_eq!(self.step.len(), 1, "the step");
        Grid::new([1, 1, 1], BLOCK_THREADS)
    }
}
