//! Sparse codes as a differentiable operation of [candle](candle_core):
//!
//! ```text
//! a* = argmin over a >= 0   1/2 ||x - D a||² + λ1'a + λ2/2 ||a||²   for each signal x
//! ```
//!
//! [`encode`] solves this with [`scn_solvers`]. Its backward pass solves one linear system per
//! column with [`scn_grad`], without unrolling. Gradients flow to the dictionary, the signals and
//! λ1. Tensors are f32 or f64 and on the CPU. Tensors on other devices are refused.
//!
//! # Example
//!
//! ```
//! use candle_core::{Device, Tensor, Var};
//!
//! let dictionary = Var::from_slice(&[0.6_f32, 0.0, 0.8, 1.0], (2, 2), &Device::Cpu)?;
//! let signals = Tensor::new(&[[1.0_f32, 2.0], [2.0, 0.5]], &Device::Cpu)?;
//! let lambda1 = Tensor::new(0.1_f32, &Device::Cpu)?;
//!
//! let codes = scn_candle::encode(&dictionary, &signals, &lambda1, 0.01)?;
//! let loss = (dictionary.matmul(&codes)? - &signals)?.sqr()?.sum_all()?;
//! let gradients = loss.backward()?;
//! let descent = (gradients.get(&dictionary).expect("the loss depends on the dictionary") * 0.1)?;
//! dictionary.set(&(dictionary.as_tensor() - descent)?)?;
//! # Ok::<(), candle_core::Error>(())
//! ```

mod error;
mod operation;

pub use error::SparseCodingError;
pub use operation::{SparseCoding, encode};
/// The sign of the codes, the stopping criterion of a solver, and its report.
pub use scn_solvers::{Report, Settings, Sign};
