//! What the adjoint adds to.

use faer::{Accum, Mat};
use scn_solvers::tile::{OuterSums, multiply};
use scn_solvers::{Problem, Scalar};

/// Gradients of a loss by the parameters of a problem, summed over columns. The adjoint adds to what is there.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradients<T: Scalar> {
    /// dLoss/dD, m × n.
    pub dictionary: Mat<T>,
    /// dLoss/dλ1 per atom, length n; see [`shared_lambda1`](Self::shared_lambda1).
    pub lambda1: Vec<T>,
    /// dLoss/dλ2.
    pub lambda2: T,
}

impl<T: Scalar> Gradients<T> {
    /// Zeros that fit a problem.
    pub fn zeros(problem: &Problem<T>) -> Self {
        Self {
            dictionary: Mat::zeros(problem.rows(), problem.atoms()),
            lambda1: vec![T::ZERO; problem.atoms()],
            lambda2: T::ZERO,
        }
    }

    /// dLoss/dλ1 where all atoms share one λ1: the sum over atoms.
    pub fn shared_lambda1(&self) -> T {
        self.lambda1.iter().fold(T::ZERO, |sum, &value| sum + value)
    }
}

/// Sums over columns from which the gradients by the parameters follow. With the formulas of the crate,
///
/// ```text
/// dLoss/dD = sum (x y' - D (a y' + y a')) = X Y' - D (A Y' + (A Y')')
/// ```
/// <!-- math: \frac{\partial\, \mathrm{Loss}}{\partial D} = \sum \bigl( x y^\top - D (a y^\top + y a^\top) \bigr) = X Y^\top - D \bigl( A Y^\top + (A Y^\top)^\top \bigr) -->
///
/// so it is enough to sum `X Y'` (m × n) and `A Y'` (n × n); `D` enters once at the end, not once per column.
#[derive(Debug, Clone)]
pub(crate) struct AdjointSums<T: Scalar> {
    /// `X Y'`, m × n.
    pub(crate) signals: OuterSums<T>,
    /// `A Y'`, n × n.
    pub(crate) codes: OuterSums<T>,
    /// `-sum s_j y_j`, with a sum for every column of a tile: n rows.
    pub(crate) lambda1: Vec<T>,
}

impl<T: Scalar> AdjointSums<T> {
    /// Zeros that fit a problem.
    pub(crate) fn zeros(problem: &Problem<T>) -> Self {
        let (rows, atoms) = (problem.rows(), problem.atoms());
        Self {
            signals: OuterSums::zeros(rows, atoms),
            codes: OuterSums::zeros(atoms, atoms),
            lambda1: vec![T::ZERO; atoms * T::tile()],
        }
    }

    /// Adds the sums over other columns of the same problem.
    ///
    /// # Panics
    /// If the other sums are those of a problem of another shape.
    pub(crate) fn add(&mut self, other: &Self) {
        self.signals.merge(&other.signals);
        self.codes.merge(&other.codes);
        for (sum, &value) in self.lambda1.iter_mut().zip(&other.lambda1) {
            *sum += value;
        }
    }

    /// Adds the gradients that these sums make.
    ///
    /// # Panics
    /// If sums and gradients are those of problems of another shape.
    pub(crate) fn finish(self, problem: &Problem<T>, into: &mut Gradients<T>) {
        into.dictionary += self.signals.matrix();
        let codes = self.codes.matrix();
        let symmetric = codes + codes.transpose();
        multiply(
            into.dictionary.as_mut(),
            Accum::Add,
            problem.dictionary(),
            symmetric.as_ref(),
            -T::ONE,
        );
        let sums = self.lambda1.chunks_exact(T::tile());
        for (gradient, sums) in into.lambda1.iter_mut().zip(sums) {
            *gradient += sums.iter().fold(T::ZERO, |total, &sum| total + sum);
        }
        for j in 0..problem.atoms() {
            into.lambda2 -= codes[(j, j)];
        }
    }
}
