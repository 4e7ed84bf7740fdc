//! Errors that candle's errors wrap.

use scn_grad::{GradError, MaskedReport};
use scn_solvers::{EncodeError, ProblemError, Report};

/// Why there are no codes or no gradients.
///
/// Shapes and types of tensors are reported by candle's own errors. This error is wrapped in
/// [`candle_core::Error::Wrapped`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SparseCodingError {
    /// The dictionary or the penalty is not valid.
    #[error("invalid sparse coding problem: {0}")]
    Problem(#[from] ProblemError),
    /// The signals do not fit the problem.
    #[error("cannot compute codes: {0}")]
    Encode(#[from] EncodeError),
    /// The gradient does not fit the codes.
    #[error("cannot compute gradients: {0}")]
    Gradient(#[from] GradError),
    /// The codes miss their tolerance. [`SparseCoding::encode`](crate::SparseCoding::encode)
    /// returns such codes together with the report.
    #[error("the codes miss their tolerance: {status}, KKT residual {residual:.1e}", status = .0.status, residual = .0.residual)]
    Unconverged(Box<Report>),
    /// The linear systems of the backward pass miss their tolerance. This can happen if λ2 is zero
    /// and active atoms depend linearly on each other.
    #[error("the gradients miss their tolerance: relative residual {residual:.1e}", residual = .0.residual)]
    Adjoint(Box<MaskedReport>),
}

impl From<SparseCodingError> for candle_core::Error {
    fn from(error: SparseCodingError) -> Self {
        candle_core::Error::wrap(error)
    }
}
