//! Gradient descent, and sums of the gradients of several devices.

use crate::launch::launch;
use crate::launch::update::{AddInOrder, FindNonFinite, SgdStep};
use crate::report::{PendingFinite, Reports};
use crate::windows::int;
use crate::{Buffer, GpuError};

/// The numbers of a step of gradient descent with momentum and weight decay:
///
/// ```text
/// v <- momentum v - rate (decay w + dLoss/dw),     w <- w + v,     w <- max(w, 0) where it may not be negative
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Descent {
    /// The learning rate.
    pub rate: f32,
    /// The share of v that is kept.
    pub momentum: f32,
    /// Pulls w towards zero.
    pub weight_decay: f32,
    /// Whether w may not be negative.
    pub nonnegative: bool,
}

impl Descent {
    /// One step of a parameter.
    ///
    /// # Errors
    /// Other lengths of gradient or v than of the parameter.
    pub fn step(
        &self,
        value: &mut Buffer<f32>,
        gradient: &Buffer<f32>,
        velocity: &mut Buffer<f32>,
    ) -> Result<(), GpuError> {
        let step = SgdStep {
            count: int("the length of a parameter", value.len())?,
            value: value.view_mut(),
            gradient: gradient.view(),
            velocity: velocity.view_mut(),
            rate: self.rate,
            momentum: self.momentum,
            weight_decay: self.weight_decay,
            nonnegative: i32::from(self.nonnegative),
        };
        launch(gradient.context(), &step)
    }
}

/// Reports whether all numbers are finite.
///
/// # Errors
/// No room for the report.
pub fn check_finite(
    gradient: &Buffer<f32>,
    reports: &mut Reports,
) -> Result<PendingFinite, GpuError> {
    let (slot, report) = reports.next()?;
    let find = FindNonFinite {
        gradient: gradient.view(),
        count: int("the length of a gradient", gradient.len())?,
        report,
    };
    launch(gradient.context(), &find)?;
    Ok(PendingFinite { slot })
}

/// The sum of parts of the length of `sum`, which lie one after another in `parts`, added up in this order.
///
/// # Errors
/// A length of `parts` that is no multiple of that of `sum`.
pub fn add_in_order(sum: &mut Buffer<f32>, parts: &Buffer<f32>) -> Result<(), GpuError> {
    let count = sum.len();
    let add = AddInOrder {
        sum: sum.view_mut(),
        parts: parts.view(),
        parts_count: int("the number of parts", parts.len() / count.max(1))?,
        count: int("the length of a gradient", count)?,
    };
    launch(parts.context(), &add)
}
