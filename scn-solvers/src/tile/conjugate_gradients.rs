//! Conjugate gradients on `H_LL d_L = r_L` for all columns of a tile at once, each with its own
//! active set L.
//!
//! The preconditioner is the diagonal of `H` (Golub and Van Loan, "Matrix computations", algorithm
//! 11.5.1 of the fourth edition). A column that has reached its goal continues with the others.
//! Once nothing is left to solve, its steps have length zero and leave it unchanged.

use super::kernels::{Advance, Curvature, Turn};
use super::{Operator, Scalar, padded};

/// The workspace of conjugate gradients with a diagonal preconditioner, for one thread.
///
/// It holds tiles with one row per padded atom, and rows with one entry per column.
#[derive(Debug, Clone, Default)]
pub struct ConjugateGradients<T> {
    /// d; zero outside the active sets.
    solution: Vec<T>,
    remainder: Vec<T>,
    direction: Vec<T>,
    product: Vec<T>,
    /// `r' diag(H)^-1 r`
    square: Vec<T>,
    factor: Vec<T>,
    last_square: Vec<T>,
    curvature: Vec<T>,
    /// `max |r|`
    largest: Vec<T>,
    goal: Vec<f64>,
}

impl<T: Scalar> ConjugateGradients<T> {
    /// Creates an empty workspace.
    pub fn new() -> Self {
        Self::default()
    }

    /// Resizes the buffers for an operator.
    fn fit(&mut self, operator: &Operator<T>) {
        let tile = padded(operator.atoms()) * T::tile();
        for buffer in [
            &mut self.solution,
            &mut self.remainder,
            &mut self.direction,
            &mut self.product,
        ] {
            buffer.resize(tile, T::ZERO);
        }
        for buffer in [
            &mut self.square,
            &mut self.factor,
            &mut self.curvature,
            &mut self.largest,
        ] {
            buffer.resize(T::tile(), T::ZERO);
        }
    }

    /// Returns the solution, a tile with one row per padded atom.
    pub fn solution(&self) -> &[T] {
        &self.solution
    }

    /// Solves from zero and returns the number of products with `H`.
    ///
    /// Stops when the largest `|r|` of each of the first `columns` columns is at most
    /// `goal(column, largest |right side|)`, or after `products` products.
    ///
    /// `mask` is 1 on the active sets and 0 elsewhere; `right_side` is zero outside the active
    /// sets. Both are tiles with one row per padded atom.
    ///
    /// # Panics
    /// Panics if `right_side` is not exactly one tile.
    pub fn solve(
        &mut self,
        operator: &Operator<T>,
        mask: &[T],
        right_side: &[T],
        columns: usize,
        goal: impl Fn(usize, f64) -> f64,
        products: u32,
    ) -> u32 {
        self.fit(operator);
        self.remainder.copy_from_slice(right_side);
        self.solution.fill(T::ZERO);
        self.direction.fill(T::ZERO);
        self.factor.fill(T::ZERO);
        self.turn(operator);
        // A step of length zero measures the remainder.
        self.product.fill(T::ZERO);
        self.advance(operator, mask);
        self.goal.clear();
        let starts = self.largest.iter().take(columns).enumerate();
        self.goal
            .extend(starts.map(|(column, start)| goal(column, start.to_f64())));
        for product in 0..products {
            let goals = self.goal.iter().zip(&self.largest);
            // Written so that a NaN counts as reached.
            if !goals.into_iter().any(|(&goal, left)| left.to_f64() > goal) {
                return product;
            }
            T::curvature(Curvature {
                gram: operator.gram_panels(),
                direction: &self.direction,
                product: &mut self.product,
                curvature: &mut self.curvature,
            });
            let curvatures = self.square.iter().zip(&self.curvature);
            for (factor, (&square, &curvature)) in self.factor.iter_mut().zip(curvatures) {
                *factor = quotient(square, curvature);
            }
            self.last_square.clone_from(&self.square);
            self.advance(operator, mask);
            let squares = self.square.iter().zip(&self.last_square);
            for (factor, (&square, &last)) in self.factor.iter_mut().zip(squares) {
                *factor = quotient(square, last);
            }
            self.turn(operator);
        }
        products
    }

    /// Takes a step along the direction.
    fn advance(&mut self, operator: &Operator<T>, mask: &[T]) {
        T::advance(Advance {
            inverse_diagonal: operator.inverse_diagonal(),
            mask,
            step: &self.factor,
            direction: &self.direction,
            product: &self.product,
            solution: &mut self.solution,
            remainder: &mut self.remainder,
            square: &mut self.square,
            largest: &mut self.largest,
        });
    }

    /// Computes the next direction.
    fn turn(&mut self, operator: &Operator<T>) {
        T::turn(Turn {
            inverse_diagonal: operator.inverse_diagonal(),
            weight: &self.factor,
            remainder: &self.remainder,
            direction: &mut self.direction,
        });
    }
}

/// Returns `a / b`, or 0 if a column has nothing left to solve.
pub(super) fn quotient<T: Scalar>(a: T, b: T) -> T {
    let quotient = a / b;
    if b > T::ZERO && quotient.finite() {
        quotient
    } else {
        T::ZERO
    }
}
