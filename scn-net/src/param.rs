//! A named array of a layer, with its gradient.

/// How training treats a [`Param`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Role {
    /// Updated by the optimiser, at a multiple of the learning rate.
    Learned {
        /// Factor that multiplies the learning rate.
        rate: f32,
        /// Whether values are set to max(value, 0) after each step.
        nonnegative: bool,
    },
    /// Has a gradient, but is not updated.
    Fixed,
    /// Follows the data and has no gradient.
    Statistic,
}

impl Role {
    /// Returns the role of a parameter of any sign that is updated at the learning rate itself.
    pub fn learned() -> Self {
        Self::Learned {
            rate: 1.0,
            nonnegative: false,
        }
    }
}

/// A named array of a layer, with its gradient.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Param {
    /// The shape, as in the model file.
    pub shape: Vec<usize>,
    /// The numbers, row-major.
    pub value: Vec<f32>,
    /// The gradient dLoss/dvalue of the last step; empty for a statistic.
    pub grad: Vec<f32>,
    /// How training treats the array.
    pub role: Role,
}

impl Param {
    /// Creates an array with a gradient of zero, or without a gradient for a
    /// [statistic](Role::Statistic).
    ///
    /// # Panics
    /// Panics if `value` does not have as many entries as `shape`.
    ///
    /// # Example
    ///
    /// ```
    /// use scn_net::{Param, Role};
    ///
    /// let gain = Param::new(vec![2], vec![1.0, 1.0], Role::learned());
    /// assert!(gain.learned());
    /// assert_eq!(gain.grad, [0.0, 0.0]);
    ///
    /// let mean = Param::new(vec![2], vec![0.0, 0.0], Role::Statistic);
    /// assert!(!mean.learned() && mean.grad.is_empty());
    /// ```
    pub fn new(shape: Vec<usize>, value: Vec<f32>, role: Role) -> Self {
        assert_eq!(
            shape.iter().product::<usize>(),
            value.len(),
            "an array of shape {shape:?}"
        );
        let grad = if role == Role::Statistic {
            Vec::new()
        } else {
            vec![0.0; value.len()]
        };
        Self {
            shape,
            value,
            grad,
            role,
        }
    }

    /// Whether the optimiser updates the array.
    pub fn learned(&self) -> bool {
        matches!(self.role, Role::Learned { .. })
    }
}
