//! Conjugate gradients on `H_LL y_L = u_L` for all columns of a tile at once, preconditioned by symmetric Gauss-Seidel.

use super::conjugate_gradients::quotient;
use super::kernels::{AddSolution, Backward, Forward, ScaleRows};
use super::{Operator, Scalar, padded};

/// The method's memory, for one worker. A step costs one product with `H`, as in plain conjugate gradients, and there are half as many;
/// see the kernels for how.
#[derive(Debug, Clone, Default)]
pub struct SymmetricGaussSeidel<T> {
    /// y but for the last step, scaled.
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
    /// No memory yet.
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

    /// Begins at zero with another system: `mask` has 1 on the active sets and 0 elsewhere; `right_side` is zero there. Both are tiles with
    /// one row per padded atom.
    ///
    /// # Panics
    /// If a slice is shorter than that.
    pub fn begin(&mut self, operator: &Operator<T>, mask: &[T], right_side: &[T]) {
        self.fit(operator);
        self.upper.fill(T::ZERO);
        let tile = self.direction.len();
        T::scale_rows(ScaleRows {
            scaling: operator.unit_scaling(),
            from: &right_side[..tile],
            to: &mut self.direction,
        });
        // `K s = u` with t = 0: s is r, and q'q its square.
        self.forward(operator, mask);
        std::mem::swap(&mut self.remainder, &mut self.lower);
        self.square.copy_from_slice(&self.length);
        for buffer in [&mut self.lower, &mut self.direction, &mut self.solution] {
            buffer.fill(T::ZERO);
        }
        self.step.fill(T::ZERO);
        self.weight.fill(T::ZERO);
    }

    /// Goes on until the root of `ρ` is at most `goal(column)` in each of the first `columns` columns, or so many more steps have been made.
    /// Returns their number. ρ is the square of the preconditioned remainder: about as large as that of the remainder itself,
    /// where atoms have norm 1. `operator` and `mask` are those of [`begin`](Self::begin).
    ///
    /// # Panics
    /// If they are larger.
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

    /// Writes `start` and the solution so far: tiles with one row per padded atom.
    ///
    /// # Panics
    /// If a tile is smaller than that.
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

    /// α, β and the next ρ. That it is `α² q'q - ρ` costs digits where a step gains many, but what is lost is not handed on: ρ is
    /// summed anew as the step is made.
    ///
    /// Eigenvalues of the preconditioned matrix are at most 1, and α is at most one over the smallest: what is longer than rounding allows
    /// for is a direction in which atoms depend on each other, and no step is made.
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

    /// Whether a column has not reached its goal. Written so that a NaN counts as reached.
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
