//! Sparse codes as a differentiable operation of [burn]:
//!
//! ```text
//! a* = argmin over a >= 0   1/2 ||x - D a||² + λ1'a + λ2/2 ||a||²   for each signal x
//! ```
//!
//! [`encode`] solves this with [`scn_solvers`]. Its backward pass solves one linear system per
//! column with [`scn_grad`], without unrolling. Gradients flow to the dictionary, the signals and
//! λ1. Tensors are f32 or f64 and on burn's CPU backend, `Flex`, with or without autodiff. Tensors
//! on other backends are refused.
//!
//! # Example
//!
//! ```
//! use burn::Tensor;
//! use burn::tensor::Device;
//!
//! let device = Device::flex().autodiff();
//! let dictionary = Tensor::<2>::from_data([[0.6, 0.0], [0.8, 1.0]], &device).require_grad();
//! let signals = Tensor::<2>::from_data([[1.0, 2.0], [2.0, 0.5]], &device);
//! let lambda1 = Tensor::<1>::from_data([0.1], &device);
//!
//! let codes = scn_burn::encode(dictionary.clone(), signals.clone(), lambda1, 0.01)?;
//! let loss = (dictionary.clone().matmul(codes) - signals).square().sum();
//! let gradients = loss.backward();
//! let gradient = dictionary.grad(&gradients).expect("the loss depends on the dictionary");
//! let dictionary = dictionary.inner() - gradient * 0.1;
//! # assert_eq!(dictionary.dims(), [2, 2]);
//! # Ok::<(), scn_burn::SparseCodingError>(())
//! ```

mod error;
mod number;
mod operation;
mod solved;

pub use error::SparseCodingError;
pub use operation::{SparseCoding, encode};
/// The sign of the codes, the stopping criterion of a solver, and its report.
pub use scn_solvers::{Report, Settings, Sign};
