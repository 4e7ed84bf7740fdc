//! What candle's errors wrap.

use scn_grad::{GradError, MaskedReport};
use scn_solvers::{EncodeError, ProblemError, Report};

/// Why there are no codes, or no gradients. candle's own errors report shapes and types of tensors; this one stands in
/// [`candle_core::Error::Wrapped`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SparseCodingError {
    /// The dictionary or the penalty makes no problem.
    #[error("no sparse coding problem: {0}")]
    Problem(#[from] ProblemError),
    /// The signals do not fit the problem.
    #[error("no codes: {0}")]
    Encode(#[from] EncodeError),
    /// The gradient does not fit the codes.
    #[error("no gradients: {0}")]
    Gradient(#[from] GradError),
    /// The codes miss their tolerance. [`SparseCoding::encode`](crate::SparseCoding::encode) returns such codes, with the report.
    #[error("the codes miss their tolerance: {status}, KKT residual {residual:.1e}", status = .0.status, residual = .0.residual)]
    Unconverged(Box<Report>),
    /// The linear systems of the backward pass miss their tolerance: without λ2, active atoms that depend linearly on each other.
    #[error("the gradients miss their tolerance: relative residual {residual:.1e}", residual = .0.residual)]
    Adjoint(Box<MaskedReport>),
}

impl From<SparseCodingError> for candle_core::Error {
    fn from(error: SparseCodingError) -> Self {
        candle_core::Error::wrap(error)
    }
}
