//! Problems: a dictionary, a penalty and the operator derived from them.

mod checks;

use std::any::Any;
use std::sync::OnceLock;

use faer::{Mat, MatRef};

use self::checks::{check_dictionary, check_gram};
use crate::ProblemError;
use crate::penalty::{ElasticNet, Lambda1, Sign};
use crate::tile::{ActiveFactor, Kernels, Operator, Panels, Scalar, padded};

/// Problem (1) without its signals: dictionary, penalty and Gram matrix.
///
/// The Gram matrix `H = D'D + λ2 I` (n × n) is computed once and packed for the kernels.
#[derive(Debug, Clone)]
pub struct Problem<T: Scalar> {
    penalty: ElasticNet<T>,
    /// λ1 per atom, padded with zeros.
    lambda1: Vec<T>,
    /// `ω λ1_j / H_jj`, padded with zeros; 0 for a zero atom.
    thresholds: Vec<T>,
    operator: Operator<T>,
    exact: OnceLock<Box<Problem<f64>>>,
    shifted_inverse: OnceLock<(T, Panels<T>)>,
}

impl<T: Scalar> Problem<T> {
    /// Creates a problem from a dictionary (m × n, one atom per column) and a penalty.
    ///
    /// This costs `m n²` multiply-adds. Atoms may be zero or repeated, and there may be more atoms
    /// than rows.
    ///
    /// # Errors
    /// Returns [`ProblemError`] if the dictionary is empty or not finite, if the Gram matrix
    /// overflows, or if λ1 or λ2 is negative, not finite or of the wrong length.
    ///
    /// # Example
    ///
    /// ```
    /// use faer::mat;
    /// use scn_solvers::{ElasticNet, Problem};
    ///
    /// // Two atoms of length 3, one per column.
    /// let dictionary = mat![[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]];
    /// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.5, 0.25))?;
    /// assert_eq!((problem.rows(), problem.atoms()), (3, 2));
    /// // The Gram matrix is D'D + lambda2 I.
    /// assert_eq!(problem.gram(), mat![[1.25, 0.0], [0.0, 4.25]]);
    /// # Ok::<(), scn_solvers::ProblemError>(())
    /// ```
    pub fn new(dictionary: MatRef<'_, T>, penalty: ElasticNet<T>) -> Result<Self, ProblemError> {
        let (rows, atoms) = dictionary.shape();
        if rows == 0 || atoms == 0 {
            return Err(ProblemError::Empty { rows, atoms });
        }
        let operator = Operator::blank(dictionary.to_owned(), atoms);
        let mut problem = Self::blank(operator, penalty.clone());
        problem.update(dictionary, penalty)?;
        Ok(problem)
    }

    /// Creates a problem posed by its Gram matrix: `min 1/2 a'Ha - c'a + λ1'|a|`.
    ///
    /// `gram` (n × n) replaces `D'D`, and λ2 is added to its diagonal. There are no signals, so
    /// [`rows`](Self::rows) is 0, and correlations `c` are given instead of signals: see
    /// [`encode_correlations`](crate::encode_correlations).
    ///
    /// # Errors
    /// Returns [`ProblemError`] if the matrix is empty, not square, not finite, not symmetric or
    /// not positive semidefinite (the last two up to rounding), or if λ1 or λ2 is negative, not
    /// finite or of the wrong length.
    ///
    /// # Example
    ///
    /// ```
    /// use faer::mat;
    /// use scn_solvers::{ElasticNet, Problem, ProblemError};
    ///
    /// let gram = mat![[2.0, 1.0], [1.0, 2.0]];
    /// let problem = Problem::from_gram(gram.as_ref(), ElasticNet::signed(0.5, 1.0))?;
    /// assert_eq!(problem.gram(), mat![[3.0, 1.0], [1.0, 3.0]]);
    /// assert_eq!((problem.rows(), problem.atoms()), (0, 2));
    ///
    /// // The eigenvalues of this matrix are 1 and -1.
    /// let indefinite = mat![[0.0, 1.0], [1.0, 0.0]];
    /// let rejected = Problem::from_gram(indefinite.as_ref(), ElasticNet::signed(0.5, 1.0));
    /// assert!(matches!(rejected, Err(ProblemError::Indefinite { .. })));
    /// # Ok::<(), ProblemError>(())
    /// ```
    pub fn from_gram(gram: MatRef<'_, T>, penalty: ElasticNet<T>) -> Result<Self, ProblemError> {
        check_gram(gram)?;
        let atoms = gram.ncols();
        let mut lambda1 = vec![T::ZERO; padded(atoms)];
        penalty.resolve(&mut lambda1[..atoms])?;
        let mut operator = Operator::blank(Mat::zeros(0, atoms), atoms);
        operator.update_gram(gram, penalty.lambda2);
        let mut problem = Self::blank(operator, penalty);
        problem.lambda1 = lambda1;
        problem.measure_thresholds();
        Ok(problem)
    }

    /// Allocates a problem whose values are still to be filled in.
    fn blank(operator: Operator<T>, penalty: ElasticNet<T>) -> Self {
        let padded_atoms = padded(operator.atoms());
        Self {
            penalty,
            lambda1: vec![T::ZERO; padded_atoms],
            thresholds: vec![T::ZERO; padded_atoms],
            operator,
            exact: OnceLock::new(),
            shifted_inverse: OnceLock::new(),
        }
    }

    /// Replaces dictionary and penalty in place, for example after a step of an optimiser.
    ///
    /// # Errors
    /// Same as [`new`](Self::new); also returns [`ProblemError`] if the shape of the dictionary
    /// differs. On error the problem is unchanged.
    ///
    /// # Example
    ///
    /// ```
    /// use faer::mat;
    /// use scn_solvers::{ElasticNet, Problem, ProblemError};
    ///
    /// let penalty = ElasticNet::nonnegative(0.5, 0.0);
    /// let mut problem = Problem::new(mat![[1.0], [0.0]].as_ref(), penalty.clone())?;
    /// problem.update(mat![[0.0], [2.0]].as_ref(), penalty.clone())?;
    /// assert_eq!(problem.gram(), mat![[4.0]]);
    ///
    /// // A dictionary of a different shape is rejected, and the problem is unchanged.
    /// let rejected = problem.update(mat![[1.0]].as_ref(), penalty);
    /// assert_eq!(rejected, Err(ProblemError::Shape { expected: (2, 1), found: (1, 1) }));
    /// assert_eq!(problem.gram(), mat![[4.0]]);
    /// # Ok::<(), ProblemError>(())
    /// ```
    pub fn update(
        &mut self,
        dictionary: MatRef<'_, T>,
        penalty: ElasticNet<T>,
    ) -> Result<(), ProblemError> {
        let (rows, atoms) = self.dictionary().shape();
        if dictionary.shape() != (rows, atoms) {
            return Err(ProblemError::Shape {
                expected: (rows, atoms),
                found: dictionary.shape(),
            });
        }
        let mut lambda1 = vec![T::ZERO; padded(atoms)];
        penalty.resolve(&mut lambda1[..atoms])?;
        check_dictionary(dictionary, penalty.lambda2)?;
        self.operator.update(dictionary, penalty.lambda2);
        self.lambda1 = lambda1;
        self.penalty = penalty;
        self.measure_thresholds();
        self.exact = OnceLock::new();
        self.shifted_inverse = OnceLock::new();
        Ok(())
    }

    /// Replaces λ1, at almost no cost: the Gram matrix and everything derived from it are kept.
    ///
    /// # Errors
    /// Returns [`ProblemError`] if a λ1 is negative or not finite, or if there is not one per atom.
    /// On error the problem is unchanged.
    ///
    /// # Example
    ///
    /// ```
    /// use faer::Mat;
    /// use scn_solvers::{Auto, ElasticNet, Lambda1, Problem, encode_signal};
    ///
    /// // Over orthonormal atoms the code is x - lambda1, or 0 where that is negative.
    /// let dictionary = Mat::<f64>::identity(2, 2);
    /// let mut problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.5, 0.0))?;
    /// let (code, _) = encode_signal(&Auto::default(), &problem, &[2.0, 1.0])?;
    /// assert_eq!(code, [1.5, 0.5]);
    ///
    /// problem.set_lambda1(Lambda1::Scalar(1.0))?;
    /// let (code, _) = encode_signal(&Auto::default(), &problem, &[2.0, 1.0])?;
    /// assert_eq!(code, [1.0, 0.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_lambda1(&mut self, lambda1: Lambda1<T>) -> Result<(), ProblemError> {
        let penalty = ElasticNet {
            lambda1,
            ..self.penalty.clone()
        };
        let atoms = self.atoms();
        let mut resolved = vec![T::ZERO; padded(atoms)];
        penalty.resolve(&mut resolved[..atoms])?;
        if let Some(exact) = self.exact.get_mut() {
            exact.set_lambda1(penalty.in_f64().lambda1)?;
        }
        self.penalty = penalty;
        self.lambda1 = resolved;
        self.measure_thresholds();
        Ok(())
    }

    fn measure_thresholds(&mut self) {
        for ((threshold, &lambda1), &step) in self
            .thresholds
            .iter_mut()
            .zip(&self.lambda1)
            .zip(self.operator.steps())
        {
            *threshold = lambda1 * step;
        }
    }

    /// Returns `H` and the values derived from it, for the [building blocks](crate::tile).
    pub fn operator(&self) -> &Operator<T> {
        &self.operator
    }

    /// Returns the length of a signal, m; 0 if the problem has no dictionary.
    pub fn rows(&self) -> usize {
        self.operator.rows()
    }

    /// Returns the number of atoms, n.
    pub fn atoms(&self) -> usize {
        self.operator.atoms()
    }

    /// Returns `D`, m × n; 0 × n if the problem has no dictionary.
    pub fn dictionary(&self) -> MatRef<'_, T> {
        self.operator.dictionary()
    }

    /// Returns λ1, λ2 and the sign of the codes.
    pub fn penalty(&self) -> &ElasticNet<T> {
        &self.penalty
    }

    /// Whether codes may be negative.
    pub fn signed(&self) -> bool {
        self.penalty.sign == Sign::Free
    }

    /// Returns λ1 per atom, length n.
    pub fn lambda1(&self) -> &[T] {
        &self.lambda1[..self.atoms()]
    }

    /// Returns λ1 per atom, padded with zeros.
    pub(crate) fn padded_lambda1(&self) -> &[T] {
        &self.lambda1
    }

    /// Returns `max_j λ1_j`.
    pub(crate) fn largest_lambda1(&self) -> f64 {
        let weights = self.lambda1.iter().map(|weight| weight.to_f64());
        weights.fold(0.0, f64::max)
    }

    /// Returns `ω λ1_j / H_jj`, padded with zeros; 0 for a zero atom. These are the thresholds of
    /// [coordinate descent](crate::CoordinateDescent).
    pub fn thresholds(&self) -> &[T] {
        &self.thresholds
    }

    /// Returns `H = D'D + λ2 I`, n × n.
    pub fn gram(&self) -> MatRef<'_, T> {
        self.operator.gram()
    }

    /// Returns `H_jj`, padded with zeros.
    pub fn diagonal(&self) -> &[T] {
        self.operator.diagonal()
    }

    /// Returns `1 / H_jj`, padded with zeros; 0 for a zero atom.
    pub fn inverse_diagonal(&self) -> &[T] {
        self.operator.inverse_diagonal()
    }

    /// Returns an upper bound on the largest eigenvalue of `H`; see [`Operator::lipschitz`].
    pub fn lipschitz(&self) -> T {
        self.operator.lipschitz()
    }

    /// Returns the same problem in `f64`, with the Gram matrix recomputed from the dictionary;
    /// `self` if it is already in `f64`.
    pub(crate) fn exact(&self) -> &Problem<f64> {
        if let Some(same) = (self as &dyn Any).downcast_ref() {
            return same;
        }
        self.exact.get_or_init(|| {
            let operator = self.operator.widened(self.penalty.lambda2);
            let mut exact = Problem::blank(operator, self.penalty.in_f64());
            exact.lambda1 = self.lambda1.iter().map(|value| value.to_f64()).collect();
            exact.measure_thresholds();
            Box::new(exact)
        })
    }

    /// Returns ρ and `(H + ρI)⁻¹`, for [`Admm`](crate::solver::Admm). Computed in `f64` at the
    /// first call, in `O(n³)`, on the calling thread only.
    pub(crate) fn shifted_inverse(&self) -> &(T, Panels<T>) {
        self.shifted_inverse.get_or_init(|| {
            let exact = self.exact();
            let n = self.atoms();
            let trace: f64 = exact.diagonal().iter().sum();
            let (smallest, largest) =
                f64::extreme_eigenvalues(exact.gram()).unwrap_or((0.0, trace));
            let largest = if largest > 0.0 { largest } else { 1.0 };
            // The product of the two might leave the range of `f64`.
            let rho = smallest.max(1e-3 * largest).sqrt() * largest.sqrt();
            let mut shifted = exact.gram().to_owned();
            for j in 0..n {
                shifted[(j, j)] += rho;
            }
            let mut factor = ActiveFactor::new();
            // Every pivot is at least ρ, far above rounding, so every atom joins unless numbers
            // have left the range.
            for j in 0..n {
                factor.push(shifted.as_ref(), j);
            }
            let mut inverse = Mat::<T>::zeros(n, n);
            let joined = factor.atoms();
            for (place, &j) in joined.iter().enumerate() {
                let unit = (0..joined.len()).map(|i| f64::from(u8::from(i == place)));
                for (&i, value) in joined.iter().zip(factor.solve(unit.collect())) {
                    inverse[(i, j)] = T::from_f64(value);
                }
            }
            (T::from_f64(rho), Panels::pack(inverse.as_ref(), padded(n)))
        })
    }
}
