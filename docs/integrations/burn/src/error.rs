//! Errors of the operation.

use burn::tensor::{DType, PrimitiveConversionError};
use scn_grad::GradError;
use scn_solvers::{EncodeError, ProblemError, Report};

/// Why there are no codes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SparseCodingError {
    /// A tensor is on a backend other than `Flex`, or its autodiff context differs from that of the
    /// dictionary.
    #[error(
        "dictionary, signals and lambda1 must be on the same Flex device, all with autodiff or all without: {0:?}"
    )]
    Device(PrimitiveConversionError),
    /// The tensors have different types, or a type that the solvers do not support.
    #[error(
        "dictionary, signals and lambda1 must all be F32 or all F64, but are {0:?}, {1:?} and {2:?}"
    )]
    Type(DType, DType, DType),
    /// The number of λ1 is neither one nor the number of atoms.
    #[error("lambda1 must have one entry or {atoms}, one per atom, but has {found}")]
    Lambda1 {
        /// Columns of the dictionary.
        atoms: usize,
        /// Entries of `lambda1`.
        found: usize,
    },
    /// The dictionary or the penalty is not valid.
    #[error("invalid sparse coding problem: {0}")]
    Problem(#[from] ProblemError),
    /// The signals do not fit the problem.
    #[error("cannot compute codes: {0}")]
    Encode(#[from] EncodeError),
    /// Gradients cannot be computed at these codes.
    #[error("cannot compute gradients: {0}")]
    Gradient(#[from] GradError),
    /// The codes miss their tolerance. [`SparseCoding::encode`](crate::SparseCoding::encode)
    /// returns such codes together with the report.
    #[error("the codes miss their tolerance: {status}, KKT residual {residual:.1e}", status = .0.status, residual = .0.residual)]
    Unconverged(Box<Report>),
}
