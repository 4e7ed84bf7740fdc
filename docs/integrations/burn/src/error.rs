//! What can go wrong.

use burn::tensor::{DType, PrimitiveConversionError};
use scn_grad::GradError;
use scn_solvers::{EncodeError, ProblemError, Report};

/// Why there are no codes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SparseCodingError {
    /// A tensor of another backend than `Flex`, or with another autodiff context than the dictionary.
    #[error(
        "dictionary, signals and lambda1 must be on one Flex device, all with autodiff or all without: {0:?}"
    )]
    Device(PrimitiveConversionError),
    /// Tensors of different types, or of one that the solvers do not compute with.
    #[error(
        "dictionary, signals and lambda1 must all be F32 or all F64, but are {0:?}, {1:?} and {2:?}"
    )]
    Type(DType, DType, DType),
    /// Another number of λ1 than one, or one per atom.
    #[error("lambda1 must have one entry or {atoms}, one per atom, but has {found}")]
    Lambda1 {
        /// Columns of the dictionary.
        atoms: usize,
        /// Entries of `lambda1`.
        found: usize,
    },
    /// The dictionary or the penalty makes no problem.
    #[error("no sparse coding problem: {0}")]
    Problem(#[from] ProblemError),
    /// The signals do not fit the problem.
    #[error("no codes: {0}")]
    Encode(#[from] EncodeError),
    /// The codes are no point to differentiate at.
    #[error("no gradients: {0}")]
    Gradient(#[from] GradError),
    /// The codes miss their tolerance. [`SparseCoding::encode`](crate::SparseCoding::encode) returns such codes, with the report.
    #[error("the codes miss their tolerance: {status}, KKT residual {residual:.1e}", status = .0.status, residual = .0.residual)]
    Unconverged(Box<Report>),
}
