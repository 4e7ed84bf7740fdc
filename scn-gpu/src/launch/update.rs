//! Steps of the optimiser.

use crate::GpuError;
use crate::buffer::{View, ViewMut, expect_len};
use crate::launch::{Grid, Kernel, kernels};
use crate::report::SLOT_WORDS;
use crate::windows::size;

/// Threads of a block.
pub(super) const THREADS: u32 = 256;

kernels! {
    /// Momentum, weight decay and the bound at zero.
    SgdStep = "sgd_step" in Update {
        value: ViewMut<'a, f32>,
        gradient: View<'a, f32>,
        velocity: ViewMut<'a, f32>,
        count: i32,
        rate: f32,
        momentum: f32,
        weight_decay: f32,
        nonnegative: i32,
    }

    /// Sets the report to 1 where a number is not finite.
    FindNonFinite = "find_non_finite" in Update {
        gradient: View<'a, f32>,
        count: i32,
        report: ViewMut<'a, u64>,
    }

    /// The sum of parts that lie one after another.
    AddInOrder = "add_in_order" in Update {
        sum: ViewMut<'a, f32>,
        parts: View<'a, f32>,
        parts_count: i32,
        count: i32,
    }
}

/// One thread per number.
fn per_item(items: usize) -> Result<Option<Grid>, GpuError> {
    Grid::covering(items, THREADS as usize, THREADS)
}

impl Kernel for SgdStep<'_> {
    fn grid(&self) -> Result<Option<Grid>, GpuError> {
        let count = size(self.count);
        expect_len("the parameter", count, self.value.len())?;
        expect_len("its gradient", count, self.gradient.len())?;
        expect_len("its momentum", count, self.velocity.len())?;
        per_item(count)
    }
}

impl Kernel for FindNonFinite<'_> {
    fn grid(&self) -> Result<Option<Grid>, GpuError> {
        let count = size(self.count);
        expect_len("the gradient", count, self.gradient.len())?;
        expect_len("the report", SLOT_WORDS, self.report.len())?;
        per_item(count)
    }
}

impl Kernel for AddInOrder<'_> {
    fn grid(&self) -> Result<Option<Grid>, GpuError> {
        let count = size(self.count);
        let parts = size(self.parts_count).max(1);
        expect_len("the parts", parts * count, self.parts.len())?;
        expect_len("the sum", count, self.sum.len())?;
        per_item(count)
    }
}
