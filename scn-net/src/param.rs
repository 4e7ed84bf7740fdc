//! A named array of a layer, with its gradient.

/// What training does with a [`Param`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Role {
    /// Moved by the optimiser, at a multiple of the learning rate.
    Learned {
        /// Factor on the learning rate.
        rate: f32,
        /// Set to max(value, 0) after each step.
        nonnegative: bool,
    },
    /// Has a gradient, but keeps its value.
    Fixed,
    /// Follows the data, has no gradient.
    Statistic,
}

impl Role {
    /// Moved at the learning rate itself, with any sign.
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
    /// Extents, as in the model file.
    pub shape: Vec<usize>,
    /// The numbers, row-major.
    pub value: Vec<f32>,
    /// dLoss/dvalue of the last step; empty for a statistic.
    pub grad: Vec<f32>,
    /// What training does with it.
    pub role: Role,
}

impl Param {
    /// An array with a gradient of zero; without one for a [statistic](Role::Statistic).
    ///
    /// # Panics
    /// If `value` has another number of entries than `shape`.
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

    /// Whether the optimiser moves it.
    pub fn learned(&self) -> bool {
        matches!(self.role, Role::Learned { .. })
    }
}
