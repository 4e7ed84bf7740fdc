//! Steps of the optimiser.

use crate::context::Context;
use crate::element::Element;
use crate::error::{ArgumentError, GpuError};
use crate::kernels::elements::{BLOCK_THREADS, thread_per_item};
use crate::launch::argument::{Argument, Value};
use crate::launch::signature::Parameter;
use crate::launch::{DeviceKernel, Grid, kernels};
use crate::memory::view::{View, ViewMut};
use crate::report::SLOT_WORDS;
use crate::sizes::{expect_len, size};

/// Number of values in the rule of a parameter.
pub(crate) const RULE_NUMBERS: usize = 3;

/// Number of hyperparameters of a step: learning rate, momentum, weight decay, largest norm of the
/// gradients, weight in averages.
pub(crate) const STEP_NUMBERS: usize = 5;

/// Threads of the single block that sums the squares of gradients.
pub(crate) const NORM_THREADS: u32 = 1024;

kernels! {
    /// The factor that limits the norm of all learned gradients together to that in the settings.
    ClipScale = "clip_scale" in Update {
        gradients: View<'a, f32>,
        owners: Owners<'a>,
        rules: View<'a, f32>,
        blocks: i32,
        settings: View<'a, f32>,
        scale: ViewMut<'a, f32>,
    }

    /// Scales the gradients of all parameters that are learned.
    ClipGradients = "clip_gradients" in Update {
        owners: Owners<'a>,
        rules: View<'a, f32>,
        scale: View<'a, f32>,
        gradients: ViewMut<'a, f32>,
    }

    /// Moves an average towards new values.
    FollowAverage = "follow_average" in Update {
        values: View<'a, f32>,
        settings: View<'a, f32>,
        count: i32,
        average: ViewMut<'a, f32>,
    }

    /// Momentum, weight decay and the bound at zero, for all parameters that are learned.
    Descend = "descend" in Update {
        gradients: View<'a, f32>,
        owners: Owners<'a>,
        rules: View<'a, f32>,
        settings: View<'a, f32>,
        values: ViewMut<'a, f32>,
        velocities: ViewMut<'a, f32>,
    }

    /// Sets the report to 1 for each learned parameter whose gradient is not finite.
    FindNonFinite = "find_non_finite" in Update {
        gradients: View<'a, f32>,
        owners: Owners<'a>,
        rules: View<'a, f32>,
        words: i32,
        report: ViewMut<'a, u64>,
    }

    /// The sum of parts that are stored one after another.
    AddInOrder = "add_in_order" in Update {
        parts: View<'a, f32>,
        parts_count: i32,
        count: i32,
        sum: ViewMut<'a, f32>,
    }
}

/// Index of the parameter that each block of threads belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Owners<'a> {
    owners: View<'a, i32>,
    parameters: usize,
}

impl<'a> Owners<'a> {
    pub(crate) fn new(owners: View<'a, i32>, parameters: usize) -> Self {
        Self { owners, parameters }
    }

    fn blocks(&self) -> usize {
        self.owners.len()
    }

    fn parameters(&self) -> usize {
        self.parameters
    }
}

impl Argument for Owners<'_> {
    const PARAMETER: Parameter = Parameter::Input(i32::TYPE);

    fn value(&self, name: &'static str, context: &Context) -> Result<Value<'_>, GpuError> {
        self.owners.value(name, context)
    }
}

impl DeviceKernel for Descend<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let count = self.owners.blocks() * BLOCK_THREADS as usize;
        expect_len("the gradients", count, self.gradients.len())?;
        expect_len("the parameters", count, self.values.len())?;
        expect_len("the momenta", count, self.velocities.len())?;
        let rules = RULE_NUMBERS * self.owners.parameters();
        assert_eq!(self.rules.len(), rules, "the rules of parameters");
        assert_eq!(self.settings.len(), STEP_NUMBERS, "the settings of a step");
        thread_per_item(count)
    }
}

impl DeviceKernel for ClipScale<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let blocks = self.owners.blocks();
        assert_eq!(size(self.blocks), blocks, "the blocks of all parameters");
        let count = blocks * BLOCK_THREADS as usize;
        expect_len("the gradients", count, self.gradients.len())?;
        let rules = RULE_NUMBERS * self.owners.parameters();
        assert_eq!(self.rules.len(), rules, "the rules of parameters");
        assert_eq!(self.settings.len(), STEP_NUMBERS, "the settings of a step");
        assert_eq!(self.scale.len(), 1, "the factor");
        Grid::new([1, 1, 1], NORM_THREADS)
    }
}

impl DeviceKernel for ClipGradients<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let count = self.owners.blocks() * BLOCK_THREADS as usize;
        expect_len("the gradients", count, self.gradients.len())?;
        let rules = RULE_NUMBERS * self.owners.parameters();
        assert_eq!(self.rules.len(), rules, "the rules of parameters");
        assert_eq!(self.scale.len(), 1, "the factor");
        thread_per_item(count)
    }
}

impl DeviceKernel for FollowAverage<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let count = size(self.count);
        expect_len("the values", count, self.values.len())?;
        expect_len("the average", count, self.average.len())?;
        assert_eq!(self.settings.len(), STEP_NUMBERS, "the settings of a step");
        thread_per_item(count)
    }
}

impl DeviceKernel for FindNonFinite<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let count = self.owners.blocks() * BLOCK_THREADS as usize;
        expect_len("the gradients", count, self.gradients.len())?;
        let rules = RULE_NUMBERS * self.owners.parameters();
        assert_eq!(self.rules.len(), rules, "the rules of parameters");
        assert_eq!(size(self.words), SLOT_WORDS, "the words of a report");
        let words = SLOT_WORDS * self.owners.parameters();
        assert_eq!(self.report.len(), words, "the reports");
        thread_per_item(count)
    }
}

impl DeviceKernel for AddInOrder<'_> {
    fn grid(&self) -> Result<Option<Grid>, ArgumentError> {
        let count = size(self.count);
        let parts = size(self.parts_count).max(1);
        expect_len("the parts", parts * count, self.parts.len())?;
        expect_len("the sum", count, self.sum.len())?;
        thread_per_item(count)
    }
}
