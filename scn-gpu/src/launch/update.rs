//! Steps of the optimiser.

use crate::ArgumentError;
use crate::buffer::{View, ViewMut, expect_len};
use crate::launch::{Grid, Kernel, kernels};
use crate::report::SLOT_WORDS;
use crate::update::Owners;
use crate::windows::size;

/// Threads of a block; every parameter begins with one of its own.
pub(crate) const THREADS: u32 = 256;

/// Numbers that say what the optimiser does with a parameter.
pub(crate) const RULE_NUMBERS: usize = 3;

kernels! {
    /// Momentum, weight decay and the bound at zero, for all parameters.
    Descend = "descend" in Update {
        gradients: View<'a, f32>,
        owners: Owners<'a>,
        rules: View<'a, f32>,
        settings: View<'a, f32>,
        values: ViewMut<'a, f32>,
        velocities: ViewMut<'a, f32>,
    }

    /// Sets the report of each parameter whose gradient is not finite to 1.
    FindNonFinite = "find_non_finite" in Update {
        gradients: View<'a, f32>,
        owners: Owners<'a>,
        rules: View<'a, f32>,
        words: i32,
        report: ViewMut<'a, u64>,
    }

    /// The sum of parts that lie one after another.
    AddInOrder = "add_in_order" in Update {
        parts: View<'a, f32>,
        parts_count: i32,
        count: i32,
        sum: ViewMut<'a, f32>,
    }
}

/// One thread per number.
fn per_item(items: usize) -> Result<Option<Grid>, ArgumentError> {
    Grid::covering(items, THREADS as usize, THREADS)
}

impl Kernel for Descend<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let count = self.owners.blocks() * THREADS as usize;
        expect_len("the gradients", count, self.gradients.len())?;
        expect_len("the parameters", count, self.values.len())?;
        expect_len("the momenta", count, self.velocities.len())?;
        let rules = RULE_NUMBERS * self.owners.parameters();
        expect_len("the rules of parameters", rules, self.rules.len())?;
        expect_len("the settings of a step", 3, self.settings.len())?;
        per_item(count)
    }
}

impl Kernel for FindNonFinite<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let count = self.owners.blocks() * THREADS as usize;
        expect_len("the gradients", count, self.gradients.len())?;
        let rules = RULE_NUMBERS * self.owners.parameters();
        expect_len("the rules of parameters", rules, self.rules.len())?;
        expect_len("the words of a report", SLOT_WORDS, size(self.words))?;
        let words = SLOT_WORDS * self.owners.parameters();
        expect_len("the reports", words, self.report.len())?;
        per_item(count)
    }
}

impl Kernel for AddInOrder<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let count = size(self.count);
        let parts = size(self.parts_count).max(1);
        expect_len("the parts", parts * count, self.parts.len())?;
        expect_len("the sum", count, self.sum.len())?;
        per_item(count)
    }
}
