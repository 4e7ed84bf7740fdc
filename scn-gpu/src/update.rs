//! Parameters of a network in shared buffers, gradient descent on all of them, and sums of the
//! gradients of several devices.

use std::ops::Range;
use std::sync::Arc;

use crate::context::Context;
use crate::error::{ArgumentError, GpuError};
use crate::kernels::elements::BLOCK_THREADS;
use crate::kernels::update::{
    AddInOrder, ClipGradients, ClipScale, Descend, FindNonFinite, FollowAverage, Owners,
    STEP_NUMBERS,
};
use crate::launch::launch;
use crate::memory::buffer::Buffer;
use crate::memory::staged::StagedBuffer;
use crate::memory::view::{View, ViewMut};
use crate::report::{PendingFinite, Reports, SLOT_WORDS};
use crate::sizes::int;

/// Alignment of parameters, in numbers, so that each block of threads belongs to a single
/// parameter.
const ALIGNMENT: usize = BLOCK_THREADS as usize;

/// The update rule of a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Rule {
    /// Factor on the learning rate.
    pub rate: f32,
    /// Whether values are set to `max(value, 0)` after each step.
    pub nonnegative: bool,
    /// Whether the parameter is learned at all.
    pub learned: bool,
}

impl Rule {
    /// Returns the rule of a parameter that never changes. Its gradient is ignored.
    pub const fn fixed() -> Self {
        Self {
            learned: false,
            ..Self::learned(1.0)
        }
    }

    /// Returns the rule of a parameter that is learned at `rate` times the learning rate of a step.
    pub const fn learned(rate: f32) -> Self {
        Self {
            rate,
            nonnegative: false,
            learned: true,
        }
    }

    /// Returns the same rule, with values set to `max(value, 0)` after each step.
    #[must_use]
    pub const fn nonnegative(self) -> Self {
        Self {
            nonnegative: true,
            ..self
        }
    }
}

/// Arrays in a shared buffer.
#[derive(Debug)]
pub struct Arrays {
    buffer: Buffer<f32>,
    places: Arc<[Range<usize>]>,
}

impl Arrays {
    fn zeros(
        context: &Context,
        places: &Arc<[Range<usize>]>,
        len: usize,
    ) -> Result<Self, GpuError> {
        Ok(Self {
            buffer: context.zeros(len)?,
            places: Arc::clone(places),
        })
    }

    /// Returns array `index`, counted from 0, for reading.
    ///
    /// # Errors
    /// Returns [`ArgumentError::Range`] if there is no such array.
    pub fn get(&self, index: usize) -> Result<View<'_, f32>, GpuError> {
        self.buffer.range(self.place(index)?)
    }

    /// Returns array `index` for writing.
    ///
    /// # Errors
    /// Returns [`ArgumentError::Range`] if there is no such array.
    pub fn get_mut(&mut self, index: usize) -> Result<ViewMut<'_, f32>, GpuError> {
        let place = self.place(index)?;
        self.buffer.range_mut(place)
    }

    /// Returns two arrays for writing. The first must have the lower index.
    ///
    /// # Errors
    /// Returns [`ArgumentError::Range`] if there are no such arrays, or if they are not in this
    /// order.
    pub fn pair_mut(
        &mut self,
        first: usize,
        second: usize,
    ) -> Result<(ViewMut<'_, f32>, ViewMut<'_, f32>), GpuError> {
        let (first, second) = (self.place(first)?, self.place(second)?);
        let cut = second.start;
        let (before, after) = self.buffer.view_mut().split_at(cut)?;
        Ok((before.range(first)?, after.range(0..second.end - cut)?))
    }

    /// Returns all arrays and the zeros between them, for reading.
    pub fn all(&self) -> View<'_, f32> {
        self.buffer.view()
    }

    /// Returns all arrays and the zeros between them, for writing.
    pub fn all_mut(&mut self) -> ViewMut<'_, f32> {
        self.buffer.view_mut()
    }

    /// Returns the range of array `index` in the buffer.
    pub(crate) fn place(&self, index: usize) -> Result<Range<usize>, ArgumentError> {
        let none = || ArgumentError::no_such(index, self.places.len());
        self.places.get(index).cloned().ok_or_else(none)
    }
}

/// Parameters with their gradients and momenta.
///
/// A step of gradient descent with momentum and weight decay changes all parameters that are
/// learned:
///
/// ```text
/// v <- momentum v - rate (decay w + dLoss/dw),     w <- w + v,     w <- max(w, 0) if nonnegative
/// ```
#[derive(Debug)]
pub struct Parameters {
    /// Values w.
    pub values: Arrays,
    /// Gradients dLoss/dw.
    pub gradients: Arrays,
    /// Momenta v.
    pub velocities: Arrays,
    /// Index of the parameter that each block of threads belongs to.
    owners: Buffer<i32>,
    rules: Buffer<f32>,
    /// Factor by which gradients are scaled when they are clipped.
    scale: Buffer<f32>,
    context: Context,
}

/// The hyperparameters of a step. All are zero by default.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DescentNumbers {
    /// Learning rate.
    pub rate: f32,
    /// Momentum.
    pub momentum: f32,
    /// Weight decay.
    pub weight_decay: f32,
    /// Largest norm of all gradients together. [`Parameters::clip`] scales the gradients down to
    /// it.
    pub clip_norm: f32,
    /// Weight of new values in [averages](follow_average).
    pub average: f32,
}

/// The hyperparameters of a step in device memory, so that a recorded step can be run again with
/// different ones.
#[derive(Debug)]
pub struct DescentSettings {
    staged: StagedBuffer<f32>,
    /// The current hyperparameters.
    numbers: DescentNumbers,
}

impl DescentSettings {
    /// Creates settings that are all zero.
    ///
    /// # Errors
    /// Returns [`GpuError::OutOfMemory`] if device memory is exhausted.
    pub fn new(context: &Context) -> Result<Self, GpuError> {
        Ok(Self {
            staged: StagedBuffer::new(context, STEP_NUMBERS)?,
            numbers: DescentNumbers::default(),
        })
    }

    /// Replaces the settings. Work submitted earlier still uses the old ones.
    ///
    /// # Errors
    /// Returns [`GpuError::Driver`] if the driver fails.
    pub fn set(&mut self, numbers: DescentNumbers) -> Result<(), GpuError> {
        if self.numbers != numbers {
            let DescentNumbers {
                rate,
                momentum,
                weight_decay,
                clip_norm,
                average,
            } = numbers;
            let all = [rate, momentum, weight_decay, clip_norm, average];
            self.staged.refill(|places| places.copy_from_slice(&all))?;
            self.numbers = numbers;
        }
        Ok(())
    }
}

impl Parameters {
    /// Creates parameters of these lengths, all zero.
    ///
    /// # Errors
    /// Returns [`GpuError::OutOfMemory`] if device memory is exhausted, and
    /// [`ArgumentError::TooLarge`] if the device code cannot count the numbers.
    pub fn new(context: &Context, parameters: &[(usize, Rule)]) -> Result<Self, GpuError> {
        let (mut places, mut owners, mut rules) = (Vec::new(), Vec::new(), Vec::new());
        let mut end = 0;
        for (index, &(len, rule)) in parameters.iter().enumerate() {
            places.push(end..end + len);
            let blocks = len.div_ceil(ALIGNMENT);
            end += blocks * ALIGNMENT;
            int("the length of all parameters", end)?;
            let owner = int("the number of parameters", index)?;
            owners.extend(std::iter::repeat_n(owner, blocks));
            let flag = |flag| if flag { 1.0 } else { 0.0 };
            rules.extend([rule.rate, flag(rule.nonnegative), flag(rule.learned)]);
        }
        let places = places.into();
        let zeros = || Arrays::zeros(context, &places, end);
        Ok(Self {
            values: zeros()?,
            gradients: zeros()?,
            velocities: zeros()?,
            owners: context.upload(&owners)?,
            rules: context.upload(&rules)?,
            scale: context.zeros(1)?,
            context: context.clone(),
        })
    }

    /// Number of parameters.
    pub fn len(&self) -> usize {
        self.values.places.len()
    }

    /// Whether there are no parameters.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Allocates further arrays of the same lengths, all zero.
    ///
    /// # Errors
    /// Returns [`GpuError::OutOfMemory`] if device memory is exhausted.
    pub fn more_arrays(&self) -> Result<Arrays, GpuError> {
        let places = &self.values.places;
        Arrays::zeros(&self.context, places, self.values.buffer.len())
    }

    /// Scales the gradients of all parameters that are learned,
    ///
    /// ```text
    /// dLoss/dw <- dLoss/dw min(1, clip_norm / |dLoss/dw|),
    /// ```
    ///
    /// where the norm is that of all these gradients together. Its squares are summed in f64, in a
    /// fixed order.
    ///
    /// # Errors
    /// Returns an error if the settings belong to a different context.
    pub fn clip(&mut self, settings: &DescentSettings) -> Result<(), GpuError> {
        let parameters = self.len();
        let measure = ClipScale {
            gradients: self.gradients.all(),
            owners: Owners::new(self.owners.view(), parameters),
            rules: self.rules.view(),
            blocks: int("the blocks of all parameters", self.owners.len())?,
            settings: settings.staged.view(),
            scale: self.scale.view_mut(),
        };
        launch(&self.context, &measure)?;
        let clip = ClipGradients {
            owners: Owners::new(self.owners.view(), parameters),
            rules: self.rules.view(),
            scale: self.scale.view(),
            gradients: self.gradients.buffer.view_mut(),
        };
        launch(&self.context, &clip)
    }

    /// Performs a step of gradient descent for all parameters that are learned.
    ///
    /// # Errors
    /// Returns an error if the settings belong to a different context.
    pub fn descend(&mut self, settings: &DescentSettings) -> Result<(), GpuError> {
        let step = Descend {
            gradients: self.gradients.all(),
            owners: Owners::new(self.owners.view(), self.len()),
            rules: self.rules.view(),
            settings: settings.staged.view(),
            values: self.values.buffer.view_mut(),
            velocities: self.velocities.buffer.view_mut(),
        };
        launch(&self.context, &step)
    }

    /// Reports for each parameter whether its gradient is finite. Parameters that are not learned
    /// count as finite.
    ///
    /// # Errors
    /// Returns an error if there is no room for one report per parameter.
    pub fn check_finite(&self, reports: &mut Reports) -> Result<PendingFinite, GpuError> {
        let parameters = self.len();
        let (first, report) = reports.take(parameters)?;
        let find = FindNonFinite {
            gradients: self.gradients.all(),
            owners: Owners::new(self.owners.view(), parameters),
            rules: self.rules.view(),
            words: SLOT_WORDS as i32,
            report,
        };
        launch(&self.context, &find)?;
        Ok(PendingFinite { first, parameters })
    }
}

/// Moves an average towards new values, entry by entry,
///
/// ```text
/// average <- average + weight (value - average),
/// ```
///
/// with the weight in the settings.
///
/// # Errors
/// Returns [`ArgumentError::Length`] if the two differ in length, and
/// [`ArgumentError::OtherContext`] if the contexts differ.
pub fn follow_average(
    settings: &DescentSettings,
    values: View<'_, f32>,
    average: ViewMut<'_, f32>,
) -> Result<(), GpuError> {
    let context = values.context;
    let follow = FollowAverage {
        values,
        settings: settings.staged.view(),
        count: int("the length of an average", values.len())?,
        average,
    };
    launch(context, &follow)
}

/// Adds up the parts in `parts`, which are each as long as `sum`, in the order in which they are
/// stored.
///
/// # Errors
/// Returns an error if the length of `parts` is not a multiple of that of `sum`.
pub fn add_in_order(parts: View<'_, f32>, sum: ViewMut<'_, f32>) -> Result<(), GpuError> {
    let (context, count) = (parts.context, sum.len());
    let add = AddInOrder {
        parts,
        parts_count: int("the number of parts", parts.len() / count.max(1))?,
        count: int("the length of a gradient", count)?,
        sum,
    };
    launch(context, &add)
}
