//! Conjugate gradients on `H_LL y_L = u_L` for a tile, preconditioned by symmetric Gauss-Seidel.

use super::conjugate_gradients::quotient;
use super::kernels::{AddSolution, Backward, Forward, ScaleRows};
use super::{Operator, Scalar, padded};

/// The workspace of conjugate gradients with a symmetric Gauss-Seidel preconditioner, for one
/// thread.
///
/// A step costs one product with `H`, the same as in plain conjugate gradients, and half as many
/// steps are needed. `kernels::triangular` explains how.
#[derive(Debug, Clone, Default)]
pub struct SymmetricGaussSeidel<T> {
    /// y without the last step, scaled.
    solution: Vec<T>,
    remainder: Vec<T>,
    direction: Vec<T>,
    upper: Vec<T>,
    lower: Vec<T>,
    /// α
    step: Vec<T>,
    /// β
    weight: Vec<T>,
    /// ρ
    square: Vec<T>,
    curvature: Vec<T>,
    /// `q'q`
    length: Vec<T>,
}

impl<T: Scalar> SymmetricGaussSeidel<T> {
    /// Creates an empty workspace.
    pub fn new() -> Self {
        Self::default()
    }

    fn fit(&mut self, operator: &Operator<T>) {
        let tile = padded(operator.atoms()) * T::tile();
        for buffer in [
            &mut self.solution,
            &mut self.remainder,
            &mut self.direction,
            &mut self.upper,
            &mut self.lower,
        ] {
            buffer.resize(tile, T::ZERO);
        }
        for buffer in [
            &mut self.step,
            &mut self.weight,
            &mut self.square,
            &mut self.curvature,
            &mut self.length,
        ] {
            buffer.resize(T::tile(), T::ZERO);
        }
    }

    /// Starts to solve a new system from zero.
    ///
    /// `mask` is 1 on the active sets and 0 elsewhere; `right_side` is zero outside the active
    /// sets. Both are tiles with one row per padded atom.
    ///
    /// # Panics
    /// Panics if a slice is too short.
    pub fn begin(&mut self, operator: &Operator<T>, mask: &[T], right_side: &[T]) {
        self.fit(operator);
        self.upper.fill(T::ZERO);
        let tile = self.direction.len();
        T::scale_rows(ScaleRows {
            scaling: operator.unit_scaling(),
            from: &right_side[..tile],
            to: &mut self.direction,
        });
        // With t = 0, `K s = u` gives s = r, and q'q is its square.
        self.forward(operator, mask);
        std::mem::swap(&mut self.remainder, &mut self.lower);
        self.square.copy_from_slice(&self.length);
        for buffer in [&mut self.lower, &mut self.direction, &mut self.solution] {
            buffer.fill(T::ZERO);
        }
        self.step.fill(T::ZERO);
        self.weight.fill(T::ZERO);
    }

    /// Continues the solve and returns the number of steps made.
    ///
    /// Stops when `√ρ` is at most `goal(column)` in each of the first `columns` columns, or after
    /// `steps` steps. ρ is the square of the preconditioned remainder, about as large as that of
    /// the remainder itself if atoms have norm 1. `operator` and `mask` are those of
    /// [`begin`](Self::begin).
    ///
    /// # Panics
    /// Panics if the operator is larger than that of [`begin`](Self::begin).
    pub fn proceed(
        &mut self,
        operator: &Operator<T>,
        mask: &[T],
        columns: usize,
        goal: impl Fn(usize) -> f64,
        steps: u32,
    ) -> u32 {
        let longest = T::from_f64(1.0 / (8.0 * operator.atoms() as f64 * T::EPSILON.to_f64()));
        let mut made = 0;
        while made < steps && self.is_left(columns, &goal) {
            T::backward(Backward {
                matrix: operator.unit_panels(),
                mask,
                step: &self.step,
                weight: &self.weight,
                lower: &self.lower,
                solution: &mut self.solution,
                remainder: &mut self.remainder,
                direction: &mut self.direction,
                upper: &mut self.upper,
                square: &mut self.square,
            });
            self.forward(operator, mask);
            self.plan(longest);
            made += 1;
        }
        made
    }

    /// Writes the sum of `start` and the current solution to `out`.
    ///
    /// Both are tiles with one row per padded atom.
    ///
    /// # Panics
    /// Panics if a slice is too short.
    pub fn add_solution(&self, operator: &Operator<T>, start: &[T], out: &mut [T]) {
        let tile = self.solution.len();
        T::add_solution(AddSolution {
            scaling: operator.unit_scaling(),
            step: &self.step,
            upper: &self.upper,
            solution: &self.solution,
            start: &start[..tile],
            out: &mut out[..tile],
        });
    }

    /// Computes α, β and the next ρ.
    ///
    /// The formula `α² q'q - ρ` loses digits if a step gains many, but the error is not carried
    /// over: ρ is summed again when the step is made.
    ///
    /// Eigenvalues of the preconditioned matrix are at most 1, and α is at most the inverse of the
    /// smallest. A step longer than rounding permits is in a direction in which atoms are linearly
    /// dependent, and is not made.
    fn plan(&mut self, longest: T) {
        for k in 0..T::tile() {
            let square = self.square[k];
            let step = quotient(square, self.curvature[k]);
            let step = if step <= longest { step } else { T::ZERO };
            let left = step * step * self.length[k] - square;
            let left = if left > T::ZERO { left } else { T::ZERO };
            self.step[k] = step;
            self.weight[k] = quotient(left, square);
            self.square[k] = left;
        }
    }

    /// Returns whether a column has not reached its goal. A NaN counts as reached.
    fn is_left(&self, columns: usize, goal: &impl Fn(usize) -> f64) -> bool {
        let squares = self.square.iter().take(columns).enumerate();
        squares.into_iter().any(|(column, square)| {
            let goal = goal(column);
            square.to_f64() > goal * goal
        })
    }

    fn forward(&mut self, operator: &Operator<T>, mask: &[T]) {
        T::forward(Forward {
            matrix: operator.unit_panels(),
            mask,
            direction: &self.direction,
            upper: &self.upper,
            lower: &mut self.lower,
            curvature: &mut self.curvature,
            length: &mut self.length,
        });
    }
}
