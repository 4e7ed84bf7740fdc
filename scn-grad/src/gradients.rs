//! Gradients with respect to the parameters, and the sums from which they follow.

use faer::{Accum, Mat, MatRef};
use scn_solvers::tile::{OuterSums, multiply};
use scn_solvers::{Problem, Scalar};

use crate::GradError;

/// Gradients of a loss with respect to the parameters of a problem, summed over columns.
///
/// The adjoint adds to the values that are already there.
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
    /// Creates zero gradients for a problem.
    pub fn zeros(problem: &Problem<T>) -> Self {
        Self {
            dictionary: Mat::zeros(problem.rows(), problem.atoms()),
            lambda1: vec![T::ZERO; problem.atoms()],
            lambda2: T::ZERO,
        }
    }

    /// Checks that the shapes fit a problem.
    pub(crate) fn check(&self, problem: &Problem<T>) -> Result<(), GradError> {
        let (rows, atoms) = (problem.rows(), problem.atoms());
        GradError::check("dLoss/dD", (rows, atoms), self.dictionary.shape())?;
        GradError::check("dLoss/dlambda1", (atoms, 1), (self.lambda1.len(), 1))
    }

    /// Returns dLoss/dλ1 for a λ1 shared by all atoms: the sum over atoms.
    ///
    /// # Example
    ///
    /// ```
    /// use faer::{Mat, mat};
    /// use scn_grad::{Gradients, Linearization, MaskedCholesky};
    /// use scn_solvers::{ElasticNet, Problem};
    ///
    /// // Over orthonormal atoms a larger lambda1 lowers every active code by as much.
    /// let dictionary = Mat::<f64>::identity(3, 3);
    /// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.5, 0.0))?;
    /// let (signal, code) = (mat![[2.0], [0.0], [1.0]], mat![[1.5], [0.0], [0.5]]);
    /// let point = Linearization::new(&problem, &signal, code.as_ref())?;
    /// let (mut gradients, cotangent) = (Gradients::zeros(&problem), mat![[1.0], [1.0], [1.0]]);
    /// let _ = point.vjp(&MaskedCholesky, cotangent.as_ref(), &mut gradients, None)?;
    /// assert_eq!(gradients.lambda1, [-1.0, 0.0, -1.0]);
    /// assert_eq!(gradients.shared_lambda1(), -2.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shared_lambda1(&self) -> T {
        self.lambda1.iter().fold(T::ZERO, |sum, &value| sum + value)
    }
}

/// Sums over columns from which the gradients with respect to the parameters follow.
///
/// With the formulas of the crate,
///
/// ```text
/// dLoss/dD = sum (x y' - D (a y' + y a')) = X Y' - D (A Y' + (A Y')')
/// ```
/// <!-- math: \frac{\partial\, \mathrm{Loss}}{\partial D} = \sum \bigl( x y^\top - D (a y^\top + y a^\top) \bigr) = X Y^\top - D \bigl( A Y^\top + (A Y^\top)^\top \bigr) -->
///
/// so it suffices to sum `X Y'` (m × n) and `A Y'` (n × n), and `D` is applied once at the end
/// instead of once per column.
#[derive(Debug, Clone, PartialEq)]
pub struct AdjointSums<T> {
    /// `X Y'` and `A Y'`, row-major, and `-sum s_j y_j`.
    numbers: Vec<T>,
}

impl<T: Scalar> AdjointSums<T> {
    /// Returns the length of the sums of a problem: m n + n² + n.
    pub fn count(problem: &Problem<T>) -> usize {
        let (rows, atoms) = (problem.rows(), problem.atoms());
        (rows + atoms + 1) * atoms
    }

    /// Returns all sums as one slice, so that the sums of several processes can be added number by
    /// number.
    pub fn numbers(&self) -> &[T] {
        &self.numbers
    }

    /// Creates sums from their [`numbers`](Self::numbers).
    ///
    /// # Errors
    /// Returns [`GradError`] if there are not [`count`](Self::count) numbers.
    pub fn from_numbers(problem: &Problem<T>, numbers: Vec<T>) -> Result<Self, GradError> {
        let (expected, found) = (Self::count(problem), numbers.len());
        GradError::check("the sums of an adjoint", (expected, 1), (found, 1))?;
        Ok(Self { numbers })
    }

    /// Adds the gradients that follow from these sums.
    ///
    /// # Errors
    /// Returns [`GradError`] if the sums or the gradients do not fit the problem.
    ///
    /// # Example
    ///
    /// ```
    /// use faer::mat;
    /// use scn_grad::{AdjointSums, Gradients};
    /// use scn_solvers::{ElasticNet, Problem};
    ///
    /// // One atom, and one signal x = (2, 3) with the code a = 1.5. Let y = 1.
    /// let problem = Problem::new(mat![[1.0], [0.0]].as_ref(), ElasticNet::nonnegative(0.5, 0.0))?;
    /// let numbers = vec![2.0, 3.0, 1.5, -1.0]; // x y', a y' and -y
    /// let mut gradients = Gradients::zeros(&problem);
    /// AdjointSums::from_numbers(&problem, numbers)?.finish(&problem, &mut gradients)?;
    /// assert_eq!(gradients.dictionary, mat![[-1.0], [3.0]]); // x y' - 2 D a y'
    /// assert_eq!((gradients.lambda1, gradients.lambda2), (vec![-1.0], -1.5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn finish(&self, problem: &Problem<T>, into: &mut Gradients<T>) -> Result<(), GradError> {
        let (rows, atoms) = (problem.rows(), problem.atoms());
        into.check(problem)?;
        let (expected, found) = (Self::count(problem), self.numbers.len());
        GradError::check("the sums of an adjoint", (expected, 1), (found, 1))?;
        let (signals, rest) = self.numbers.split_at(rows * atoms);
        let (codes, lambda1) = rest.split_at(atoms * atoms);
        into.dictionary += MatRef::from_row_major_slice(signals, rows, atoms);
        let codes = MatRef::from_row_major_slice(codes, atoms, atoms);
        let symmetric = codes + codes.transpose();
        multiply(
            into.dictionary.as_mut(),
            Accum::Add,
            problem.dictionary(),
            symmetric.as_ref(),
            -T::ONE,
        );
        for (gradient, &sum) in into.lambda1.iter_mut().zip(lambda1) {
            *gradient += sum;
        }
        for j in 0..atoms {
            into.lambda2 -= codes[(j, j)];
        }
        Ok(())
    }
}

/// [`AdjointSums`] to which tiles are being added.
#[derive(Debug, Clone)]
pub(crate) struct TileSums<T: Scalar> {
    /// `X Y'`, m × n.
    pub(crate) signals: OuterSums<T>,
    /// `A Y'`, n × n.
    pub(crate) codes: OuterSums<T>,
    /// `-sum s_j y_j`, n numbers.
    pub(crate) lambda1: Vec<T>,
}

impl<T: Scalar> TileSums<T> {
    /// Creates zero sums for a problem.
    pub(crate) fn zeros(problem: &Problem<T>) -> Self {
        let (rows, atoms) = (problem.rows(), problem.atoms());
        Self {
            signals: OuterSums::zeros(rows, atoms),
            codes: OuterSums::zeros(atoms, atoms),
            lambda1: vec![T::ZERO; atoms],
        }
    }

    /// Adds the sums over other columns of the same problem.
    ///
    /// # Panics
    /// Panics if the shapes of the sums differ.
    pub(crate) fn add(&mut self, other: &Self) {
        self.signals.merge(&other.signals);
        self.codes.merge(&other.codes);
        for (sum, &value) in self.lambda1.iter_mut().zip(&other.lambda1) {
            *sum += value;
        }
    }

    /// Collects all numbers.
    pub(crate) fn into_sums(self) -> AdjointSums<T> {
        let mut numbers = Vec::new();
        for row in self.signals.rows().chain(self.codes.rows()) {
            numbers.extend_from_slice(row);
        }
        numbers.extend(self.lambda1);
        AdjointSums { numbers }
    }
}
