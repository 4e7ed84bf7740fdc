//! What is derived from a dictionary and a penalty, once per step.

use crate::GpuError;
use crate::buffer::{View, ViewMut, expect_len};
use crate::launch::{Grid, Kernel, kernels};
use crate::windows::size;

/// Threads of a block.
pub(super) const THREADS: u32 = 256;

kernels! {
    /// Rows of the dictionary in the order in which lanes read them, with zeros for atoms that are not there.
    PackDictionary = "pack_dictionary" in Prepare {
        dictionary: View<'a, f32>,
        rows: i32,
        atoms: i32,
        padded: i32,
        panels: ViewMut<'a, f32>,
    }

    /// `H = D'D + λ2 I` with rows in that order, `1 / H_jj`, and λ1 per atom.
    GramMatrix = "gram_matrix" in Prepare {
        dictionary: View<'a, f32>,
        lambda1: View<'a, f32>,
        lambda1_count: i32,
        lambda2: View<'a, f32>,
        rows: i32,
        atoms: i32,
        padded: i32,
        gram: ViewMut<'a, f32>,
        inverse_diagonal: ViewMut<'a, f32>,
        padded_lambda1: ViewMut<'a, f32>,
    }

    /// One over the largest sum of the sizes of a row of `H`.
    FistaStep = "fista_step" in Prepare {
        gram: View<'a, f32>,
        padded: i32,
        step: ViewMut<'a, f32>,
    }
}

impl Kernel for PackDictionary<'_> {
    fn grid(&self) -> Result<Option<Grid>, GpuError> {
        let (rows, atoms, padded) = (size(self.rows), size(self.atoms), size(self.padded));
        expect_len("the dictionary", rows * atoms, self.dictionary.len())?;
        expect_len("the packed dictionary", rows * padded, self.panels.len())?;
        Grid::covering(rows * padded, THREADS as usize, THREADS)
    }
}

impl Kernel for GramMatrix<'_> {
    fn grid(&self) -> Result<Option<Grid>, GpuError> {
        let (rows, atoms, padded) = (size(self.rows), size(self.atoms), size(self.padded));
        expect_len("the dictionary", rows * atoms, self.dictionary.len())?;
        let count = size(self.lambda1_count);
        expect_len("lambda1", count, self.lambda1.len())?;
        if count != 1 {
            expect_len("lambda1", atoms, count)?;
        }
        expect_len("lambda2", 1, self.lambda2.len())?;
        expect_len("the Gram matrix", padded * padded, self.gram.len())?;
        expect_len("its inverse diagonal", padded, self.inverse_diagonal.len())?;
        expect_len("lambda1 per atom", padded, self.padded_lambda1.len())?;
        Grid::covering(padded * padded, THREADS as usize, THREADS)
    }
}

impl Kernel for FistaStep<'_> {
    fn grid(&self) -> Result<Option<Grid>, GpuError> {
        let padded = size(self.padded);
        expect_len("the Gram matrix", padded * padded, self.gram.len())?;
        expect_len("the step", 1, self.step.len())?;
        Grid::new([1, 1, 1], THREADS)
    }
}
