//! What is added to the squared error: λ1, λ2 and the sign of the codes.

use crate::ProblemError;
use crate::tile::Scalar;

/// Which codes are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sign {
    /// a >= 0, the codes of the paper.
    NonNegative,
    /// Any sign, the usual elastic net.
    Free,
}

/// The weight of the absolute values, λ1 >= 0.
#[derive(Debug, Clone, PartialEq)]
pub enum Lambda1<T> {
    /// The same for every atom.
    Scalar(T),
    /// One per atom, length n.
    PerAtom(Vec<T>),
}

/// The penalty `λ1' |a| + λ2/2 ||a||²`, together with the sign of the codes.
#[derive(Debug, Clone, PartialEq)]
pub struct ElasticNet<T> {
    /// λ1 >= 0.
    pub lambda1: Lambda1<T>,
    /// λ2 >= 0. Positive makes the problem strictly convex, whatever the dictionary.
    pub lambda2: T,
    /// The sign of the codes.
    pub sign: Sign,
}

impl<T: Scalar> ElasticNet<T> {
    /// Nonnegative codes with one λ1 for all atoms.
    pub fn nonnegative(lambda1: T, lambda2: T) -> Self {
        Self {
            lambda1: Lambda1::Scalar(lambda1),
            lambda2,
            sign: Sign::NonNegative,
        }
    }

    /// Signed codes with one λ1 for all atoms.
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

    /// Writes λ1 per atom into `out` and checks both weights.
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
