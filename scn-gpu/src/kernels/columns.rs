//! Kernels that solve a problem per column.
//!
//! A lane holds 16 atoms of several columns. Each column is spread over as many lanes as the padded
//! number of atoms requires.

use crate::context::Context;
use crate::error::{ArgumentError, GpuError};
use crate::launch::{DeviceKernel, Grid, KernelDeclaration, kernels, launch};
use crate::memory::view::{View, ViewMut};
use crate::padded::Padded;
use crate::report::SLOT_WORDS;
use crate::sizes::{expect_len, size};
use crate::windows::Windows;

/// Threads per block.
pub(super) const THREADS: u32 = 128;

/// Columns per lane in kernels that hold only codes and gradients.
pub(super) const COLUMNS: usize = 4;

/// Columns per lane if there are few columns in total.
pub(super) const NARROW_COLUMNS: usize = 2;

/// Largest number of blocks at which [`NARROW_COLUMNS`] replace [`COLUMNS`]. It is half the number
/// of multiprocessors of an H100, on which twice as many narrow blocks then run at the same time.
/// It does not depend on the device, so every device runs the same kernels.
const FEW_BLOCKS: usize = 66;

/// Columns per lane in FISTA and in conjugate gradients, which hold more for each column.
pub(super) const FISTA_COLUMNS: usize = 2;
pub(super) const ADJOINT_COLUMNS: usize = 3;

kernels! {
    /// Codes of all windows by cyclic coordinate descent.
    EncodeGaussSeidel = "encode_gauss_seidel" in Encode per padded {
        windows: Windows,
        map: View<'a, f32>,
        panels: View<'a, f32>,
        gram: View<'a, f32>,
        inverse_diagonal: View<'a, f32>,
        lambda1: View<'a, f32>,
        atoms: i32,
        tolerance: View<'a, f32>,
        max_passes: i32,
        codes: ViewMut<'a, f32>,
        report: ViewMut<'a, u64>,
    }

    /// Codes bit-identical to those of [`EncodeGaussSeidel`], with half as many columns per block.
    EncodeGaussSeidelNarrow = "encode_gauss_seidel_narrow" in Encode per padded {
        windows: Windows,
        map: View<'a, f32>,
        panels: View<'a, f32>,
        gram: View<'a, f32>,
        inverse_diagonal: View<'a, f32>,
        lambda1: View<'a, f32>,
        atoms: i32,
        tolerance: View<'a, f32>,
        max_passes: i32,
        codes: ViewMut<'a, f32>,
        report: ViewMut<'a, u64>,
    }

    /// Codes of all windows by FISTA with adaptive restart.
    EncodeFista = "encode_fista" in Fista per padded {
        windows: Windows,
        map: View<'a, f32>,
        panels: View<'a, f32>,
        gram: View<'a, f32>,
        inverse_diagonal: View<'a, f32>,
        lambda1: View<'a, f32>,
        step: View<'a, f32>,
        atoms: i32,
        tolerance: View<'a, f32>,
        max_passes: i32,
        codes: ViewMut<'a, f32>,
        report: ViewMut<'a, u64>,
    }

    /// The KKT residuals of given codes, one per column.
    Certify = "certify" in Certify per padded {
        windows: Windows,
        map: View<'a, f32>,
        panels: View<'a, f32>,
        gram: View<'a, f32>,
        lambda1: View<'a, f32>,
        atoms: i32,
        codes: View<'a, f32>,
        residuals: ViewMut<'a, f32>,
    }

    /// `H_LL y_L = u_L` on the active set of each column, by conjugate gradients.
    Adjoint = "adjoint" in Adjoint per padded {
        codes: View<'a, f32>,
        cotangent: View<'a, f32>,
        gram: View<'a, f32>,
        inverse_diagonal: View<'a, f32>,
        atoms: i32,
        positions: i32,
        tolerance: View<'a, f32>,
        max_passes: i32,
        adjoint: ViewMut<'a, f32>,
        report: ViewMut<'a, u64>,
    }
}

/// Returns the grid that covers the columns.
fn covering(
    positions: usize,
    padded: Padded,
    columns_per_lane: usize,
) -> Result<Option<Grid>, ArgumentError> {
    let per_block = block_columns(padded, columns_per_lane);
    Grid::covering(positions, per_block, THREADS)
}

/// Returns the number of columns per block.
fn block_columns(padded: Padded, columns_per_lane: usize) -> usize {
    THREADS as usize / padded.lanes() * columns_per_lane
}

/// The arguments that describe a problem and the windows that it is solved for.
struct SolveArguments<'a> {
    windows: &'a Windows,
    padded: Padded,
    atoms: i32,
    map: &'a View<'a, f32>,
    panels: &'a View<'a, f32>,
    gram: &'a View<'a, f32>,
    lambda1: &'a View<'a, f32>,
}

impl SolveArguments<'_> {
    fn check(&self) -> Result<(), ArgumentError> {
        let padded = self.padded.atoms();
        expect_len("the map", self.windows.map().len(), self.map.len())?;
        let packed = self.windows.rows() * padded;
        expect_len("the packed dictionary", packed, self.panels.len())?;
        expect_len("the Gram matrix", padded * padded, self.gram.len())?;
        expect_len("lambda1 per atom", padded, self.lambda1.len())?;
        self.padded.check(size(self.atoms))
    }

    /// Also checks the arguments that only solvers have.
    fn check_solve(
        &self,
        inverse_diagonal: &View<'_, f32>,
        tolerance: &View<'_, f32>,
        codes: &ViewMut<'_, f32>,
        report: &ViewMut<'_, u64>,
    ) -> Result<(), ArgumentError> {
        self.check()?;
        let positions = self.windows.positions();
        expect_len(
            "the inverse diagonal",
            self.padded.atoms(),
            inverse_diagonal.len(),
        )?;
        expect_len("the codes", size(self.atoms) * positions, codes.len())?;
        assert_eq!(tolerance.len(), 1, "the tolerance");
        assert_eq!(report.len(), SLOT_WORDS, "the report");
        Ok(())
    }
}

impl EncodeGaussSeidel<'_> {
    /// Whether there are few enough columns for the narrow kernel.
    fn is_small(&self) -> bool {
        let per_block = block_columns(self.padded, COLUMNS);
        self.windows.positions().div_ceil(per_block) <= FEW_BLOCKS
    }

    /// Launches this kernel, or the narrow one if there are few columns.
    pub(crate) fn launch(self, context: &Context) -> Result<(), GpuError> {
        if self.is_small() {
            launch(context, &EncodeGaussSeidelNarrow::from(self))
        } else {
            launch(context, &self)
        }
    }
}

impl<'a> From<EncodeGaussSeidel<'a>> for EncodeGaussSeidelNarrow<'a> {
    fn from(wide: EncodeGaussSeidel<'a>) -> Self {
        Self {
            windows: wide.windows,
            map: wide.map,
            panels: wide.panels,
            gram: wide.gram,
            inverse_diagonal: wide.inverse_diagonal,
            lambda1: wide.lambda1,
            atoms: wide.atoms,
            tolerance: wide.tolerance,
            max_passes: wide.max_passes,
            codes: wide.codes,
            report: wide.report,
            padded: wide.padded,
        }
    }
}

impl DeviceKernel for EncodeGaussSeidel<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let operator = SolveArguments {
            windows: &self.windows,
            padded: self.padded,
            atoms: self.atoms,
            map: &self.map,
            panels: &self.panels,
            gram: &self.gram,
            lambda1: &self.lambda1,
        };
        operator.check_solve(
            &self.inverse_diagonal,
            &self.tolerance,
            &self.codes,
            &self.report,
        )?;
        covering(self.windows.positions(), self.padded, COLUMNS)
    }
}

impl DeviceKernel for EncodeGaussSeidelNarrow<'_> {
    /// Both kernels solve the problems of a step, so they share one entry in lists of times.
    const TIMED_AS: &'static str = EncodeGaussSeidel::SIGNATURE.name;

    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let operator = SolveArguments {
            windows: &self.windows,
            padded: self.padded,
            atoms: self.atoms,
            map: &self.map,
            panels: &self.panels,
            gram: &self.gram,
            lambda1: &self.lambda1,
        };
        operator.check_solve(
            &self.inverse_diagonal,
            &self.tolerance,
            &self.codes,
            &self.report,
        )?;
        covering(self.windows.positions(), self.padded, NARROW_COLUMNS)
    }
}

impl DeviceKernel for EncodeFista<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let operator = SolveArguments {
            windows: &self.windows,
            padded: self.padded,
            atoms: self.atoms,
            map: &self.map,
            panels: &self.panels,
            gram: &self.gram,
            lambda1: &self.lambda1,
        };
        operator.check_solve(
            &self.inverse_diagonal,
            &self.tolerance,
            &self.codes,
            &self.report,
        )?;
        assert_eq!(self.step.len(), 1, "the step");
        covering(self.windows.positions(), self.padded, FISTA_COLUMNS)
    }
}

impl DeviceKernel for Certify<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let operator = SolveArguments {
            windows: &self.windows,
            padded: self.padded,
            atoms: self.atoms,
            map: &self.map,
            panels: &self.panels,
            gram: &self.gram,
            lambda1: &self.lambda1,
        };
        operator.check()?;
        let positions = self.windows.positions();
        expect_len("the codes", size(self.atoms) * positions, self.codes.len())?;
        expect_len("the residuals", positions, self.residuals.len())?;
        covering(positions, self.padded, COLUMNS)
    }
}

impl DeviceKernel for Adjoint<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let (positions, padded) = (size(self.positions), self.padded.atoms());
        self.padded.check(size(self.atoms))?;
        let codes = size(self.atoms) * positions;
        expect_len("the codes", codes, self.codes.len())?;
        expect_len("dLoss/da", codes, self.cotangent.len())?;
        expect_len("the adjoint", codes, self.adjoint.len())?;
        expect_len("the Gram matrix", padded * padded, self.gram.len())?;
        expect_len("the inverse diagonal", padded, self.inverse_diagonal.len())?;
        assert_eq!(self.tolerance.len(), 1, "the tolerance");
        assert_eq!(self.report.len(), SLOT_WORDS, "the report");
        covering(positions, self.padded, ADJOINT_COLUMNS)
    }
}
