//! The penalty: λ1, λ2 and the sign of the codes.

use crate::ProblemError;
use crate::tile::Scalar;

/// The sign that codes may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sign {
    /// Nonnegative codes, `a >= 0`, as in the paper.
    NonNegative,
    /// Codes of any sign, as in the usual elastic net.
    Free,
}

/// The weight of the absolute values, λ1 >= 0.
///
/// # Example
///
/// ```
/// use faer::Mat;
/// use scn_solvers::{Auto, ElasticNet, Lambda1, Problem, Sign, encode_signal};
///
/// // Over orthonormal atoms the code is x - lambda1. Here the first atom costs nothing.
/// let penalty = ElasticNet {
///     lambda1: Lambda1::PerAtom(vec![0.0, 1.0]),
///     lambda2: 0.0,
///     sign: Sign::NonNegative,
/// };
/// let problem = Problem::new(Mat::<f64>::identity(2, 2).as_ref(), penalty)?;
/// let (code, _) = encode_signal(&Auto::default(), &problem, &[3.0, 3.0])?;
/// assert_eq!(code, [3.0, 2.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Lambda1<T> {
    /// One value for all atoms.
    Scalar(T),
    /// One value per atom, length n.
    PerAtom(Vec<T>),
}

/// The penalty `λ1' |a| + λ2/2 ||a||²`, together with the sign of the codes.
///
/// # In terms of other programs
///
/// Some programs divide the squared error by the length m of the signal, and weigh both penalties
/// with one number, `alpha`. The same codes come from
///
/// | program | `lambda1` | `lambda2` |
/// |---|---|---|
/// | SPAMS, `lasso(X, D, lambda1, lambda2, mode=2)` | `lambda1` | `lambda2` |
/// | scikit-learn, `Lasso(alpha)` | `m alpha` | 0 |
/// | scikit-learn, `ElasticNet(alpha, l1_ratio)` | `m alpha l1_ratio` | `m alpha (1 - l1_ratio)` |
/// | scikit-learn, `sparse_encode(X, D.T, algorithm="lasso_cd", alpha=alpha)` | `alpha` | 0 |
/// | R, `glmnet(D, x, lambda, alpha)` | `m lambda alpha` | `m lambda (1 - alpha)` |
///
/// where the intercept is left out (`fit_intercept=False`), and `positive=True` asks for
/// nonnegative codes.
///
/// ```
/// use approx::assert_abs_diff_eq;
/// use faer::mat;
/// use scn_solvers::{Auto, ElasticNet, Problem, Settings, encode_signal};
///
/// let dictionary = mat![[1.0, 0.6], [0.0, 0.8], [1.0, 1.0]];
/// let (alpha, l1_ratio, m) = (0.1, 0.75, 3.0);
/// let penalty = ElasticNet::signed(m * alpha * l1_ratio, m * alpha * (1.0 - l1_ratio));
/// let problem = Problem::new(dictionary.as_ref(), penalty)?;
/// let solver = Auto::new(Settings::new(1e-12, 1000)?);
/// let (code, _) = encode_signal(&solver, &problem, &[1.0, 2.0, 1.0])?;
///
/// // ElasticNet(alpha=0.1, l1_ratio=0.75, fit_intercept=False) of scikit-learn 1.9.1
/// let expected = [-0.08199069101, 1.49695667741];
/// assert_abs_diff_eq!(code[..], expected, epsilon = 1e-9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ElasticNet<T> {
    /// λ1 >= 0.
    pub lambda1: Lambda1<T>,
    /// λ2 >= 0. If it is positive, the problem is strictly convex whatever the dictionary.
    pub lambda2: T,
    /// The sign of the codes.
    pub sign: Sign,
}

impl<T: Scalar> ElasticNet<T> {
    /// Creates the penalty of nonnegative codes, with one λ1 for all atoms.
    ///
    /// # Example
    ///
    /// ```
    /// use faer::mat;
    /// use scn_solvers::{Auto, ElasticNet, Problem, encode_signal};
    ///
    /// // One atom of norm 1: the code is max(x - lambda1, 0) / (1 + lambda2).
    /// let problem = Problem::new(mat![[1.0]].as_ref(), ElasticNet::nonnegative(0.5, 1.0))?;
    /// assert_eq!(encode_signal(&Auto::default(), &problem, &[2.5])?.0, [1.0]);
    /// assert_eq!(encode_signal(&Auto::default(), &problem, &[-2.5])?.0, [0.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn nonnegative(lambda1: T, lambda2: T) -> Self {
        Self {
            lambda1: Lambda1::Scalar(lambda1),
            lambda2,
            sign: Sign::NonNegative,
        }
    }

    /// Creates the penalty of signed codes, with one λ1 for all atoms.
    ///
    /// # Example
    ///
    /// ```
    /// use faer::mat;
    /// use scn_solvers::{Auto, ElasticNet, Problem, encode_signal};
    ///
    /// // One atom of norm 1: the code is sign(x) max(|x| - lambda1, 0) / (1 + lambda2).
    /// let problem = Problem::new(mat![[1.0]].as_ref(), ElasticNet::signed(0.5, 1.0))?;
    /// assert_eq!(encode_signal(&Auto::default(), &problem, &[2.5])?.0, [1.0]);
    /// assert_eq!(encode_signal(&Auto::default(), &problem, &[-2.5])?.0, [-1.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn signed(lambda1: T, lambda2: T) -> Self {
        Self {
            lambda1: Lambda1::Scalar(lambda1),
            lambda2,
            sign: Sign::Free,
        }
    }

    pub(crate) fn in_f64(&self) -> ElasticNet<f64> {
        ElasticNet {
            lambda1: match &self.lambda1 {
                Lambda1::Scalar(value) => Lambda1::Scalar(value.to_f64()),
                Lambda1::PerAtom(values) => {
                    Lambda1::PerAtom(values.iter().map(|value| value.to_f64()).collect())
                }
            },
            lambda2: self.lambda2.to_f64(),
            sign: self.sign,
        }
    }

    /// Writes λ1 per atom into `out`, and checks λ1 and λ2.
    pub(crate) fn resolve(&self, out: &mut [T]) -> Result<(), ProblemError> {
        match &self.lambda1 {
            Lambda1::Scalar(value) => out.fill(*value),
            Lambda1::PerAtom(values) if values.len() == out.len() => out.copy_from_slice(values),
            Lambda1::PerAtom(values) => {
                return Err(ProblemError::Lambda1Length {
                    expected: out.len(),
                    found: values.len(),
                });
            }
        }
        for (atom, &value) in out.iter().enumerate() {
            if !value.finite() || value < T::ZERO {
                return Err(ProblemError::Lambda1 {
                    atom,
                    found: value.to_f64(),
                });
            }
        }
        if !self.lambda2.finite() || self.lambda2 < T::ZERO {
            return Err(ProblemError::Lambda2 {
                found: self.lambda2.to_f64(),
            });
        }
        Ok(())
    }
}
