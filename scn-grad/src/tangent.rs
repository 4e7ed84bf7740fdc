//! Directions of derivatives.

use faer::MatRef;
use scn_solvers::Scalar;

use crate::{GradError, Linearization};

/// A direction in which the parameters and the signals of a problem move. `None` means no change.
///
/// # Example
///
/// ```
/// use faer::{Mat, mat};
/// use scn_grad::{Linearization, MaskedCholesky, Tangent};
/// use scn_solvers::{ElasticNet, Problem};
///
/// // One atom of norm 1: a = (x - lambda1) / (1 + lambda2).
/// let problem = Problem::new(mat![[1.0]].as_ref(), ElasticNet::nonnegative(0.5, 0.0))?;
/// let (signal, code) = (mat![[2.0]], mat![[1.5]]);
/// let point = Linearization::new(&problem, &signal, code.as_ref())?;
/// let mut da = Mat::zeros(1, 1);
/// for (lambda1, lambda2, expected) in [([1.0], 0.0, -1.0), ([0.0], 1.0, -1.5)] {
///     let tangent = Tangent { lambda1: Some(&lambda1), lambda2, ..Tangent::zero() };
///     assert!(point.jvp(&MaskedCholesky, &tangent, da.as_mut())?.converged());
///     assert_eq!(da[(0, 0)], expected);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Tangent<'a, T> {
    /// dD, m × n.
    pub dictionary: Option<MatRef<'a, T>>,
    /// dx, m × P.
    pub signals: Option<MatRef<'a, T>>,
    /// dλ1 per atom, length n; n equal numbers if all atoms share one λ1.
    pub lambda1: Option<&'a [T]>,
    /// dλ2; zero means no change.
    pub lambda2: T,
}

impl<T: Scalar> Tangent<'_, T> {
    /// Returns the zero direction, in which nothing moves.
    pub fn zero() -> Self {
        Self {
            dictionary: None,
            signals: None,
            lambda1: None,
            lambda2: T::ZERO,
        }
    }

    /// Checks that the shapes fit a point.
    pub(crate) fn check(&self, point: &Linearization<'_, T>) -> Result<(), GradError> {
        let (rows, atoms) = (point.problem().rows(), point.problem().atoms());
        if let Some(dictionary) = self.dictionary {
            GradError::check("dD", (rows, atoms), dictionary.shape())?;
        }
        if let Some(signals) = self.signals {
            GradError::check("dx", (rows, point.codes().ncols()), signals.shape())?;
        }
        if let Some(lambda1) = self.lambda1 {
            GradError::check("dlambda1", (atoms, 1), (lambda1.len(), 1))?;
        }
        Ok(())
    }
}
