//! Sparse coding networks on graphics processors with CUDA.
//!
//! # What is computed there
//!
//! The whole training step of `scn-net`, with the formulas of [`scn_solvers`] and `scn-grad`: for the windows x of a map,
//!
//! ```text
//! a* = argmin 1/2 ||x - D a||² + λ1'a + λ2/2 ||a||²,  a >= 0
//! H_LL y_L = u_L,  y = 0 off L,   with H = D'D + λ2 I,  u = dLoss/da,  L = { j : a*_j > 0 }
//!
//! dLoss/dD   = sum (x - D a) y' - D y a'
//! dLoss/dx   = D y
//! dLoss/dλ1_j = -sum y_j,   dLoss/dλ2 = -sum y'a
//! ```
//! <!-- math:
//! \begin{gathered}
//! a^* = \arg\min_{a \ge 0} \tfrac12 \lVert x - D a \rVert^2 + \lambda_1^\top a + \tfrac{\lambda_2}2 \lVert a \rVert^2 \\
//! H_{LL}\, y_L = u_L, \quad y = 0 \text{ off } L, \qquad H = D^\top D + \lambda_2 I, \quad u = \frac{\partial\, \mathrm{Loss}}{\partial a}, \quad L = \{ j : a^*_j > 0 \} \\[1ex]
//! \begin{aligned}
//! \frac{\partial\, \mathrm{Loss}}{\partial D} &= \sum (x - D a)\, y^\top - D y\, a^\top & \frac{\partial\, \mathrm{Loss}}{\partial x} &= D y \\
//! \frac{\partial\, \mathrm{Loss}}{\partial \lambda_{1j}} &= -\sum y_j & \frac{\partial\, \mathrm{Loss}}{\partial \lambda_2} &= -\sum y^\top a
//! \end{aligned}
//! \end{gathered}
//! -->
//!
//! and the layers between codes and loss. Dictionaries have up to [`MAX_ATOMS`] atoms. A column's code, gradient and correlations stay in
//! the registers of a few neighbouring threads for all passes of its solve, so that device memory sees each signal and each code once.
//!
//! A solve has converged where the [KKT residual](scn_solvers::kkt) of the codes returned, computed afresh, is below the tolerance; the
//! report of a solve says so for every batch.
//!
//! # How
//!
//! Everything works on [`Buffer`]s of a [`Context`], in the order in which it is asked for; nothing waits but
//! [`Buffer::download`] and what is built on it. Sums are added up in an order that depends on sizes only: two runs give the same bits.
//! The kernels are CUDA C++ that NVIDIA's compiler NVRTC compiles at run time, for devices of compute capability 6.1 and later. Building
//! this crate needs neither; what is missing at run time is a [`GpuError`].
//!
//! # Tour
//!
//! [`devices`] says what is there, and [`Context::new`] opens a device. [`encode`](encode()) is all you need for the codes of a matrix of signals:
//!
//! ```no_run
//! use faer::Mat;
//! use scn_gpu::{Context, encode};
//! use scn_solvers::{ElasticNet, Settings};
//!
//! let context = Context::new(0)?;
//! let dictionary = Mat::from_fn(2, 1, |i, _| [0.6, 0.8][i]);
//! let signals = Mat::from_fn(2, 3, |i, p| (i + p) as f32);
//! let penalty = ElasticNet::nonnegative(0.5, 0.0);
//! let (codes, report) = encode(&context, dictionary.as_ref(), &penalty, signals.as_ref(), Settings::default())?;
//! assert!(report.converged());
//! # let _ = codes;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! For training, a [`Problem`] is refreshed once per step by [`Problem::update`]; [`Problem::encode`], [`Problem::adjoint`],
//! [`Problem::add_gradients`] and [`Problem::signal_gradient`] are the layer, [`layers`] has the others, and [`update`] the optimiser. Reports of a
//! step are kept on the device in [`Reports`], and fetched at once at its end.

mod adjoint;
mod ahead;
mod architecture;
mod buffer;
mod cache;
mod codes;
mod communicator;
mod compiler;
mod context;
mod driver;
mod encode;
mod error;
pub mod inspect;
mod launch;
pub mod layers;
mod module;
mod nvrtc_files;
mod pool;
mod problem;
mod report;
mod source;
mod supply;
pub mod update;
mod windows;

pub use adjoint::ParameterGradients;
pub use ahead::{CompiledAhead, compile_ahead};
pub use architecture::{Architecture, ArchitectureError, Code};
pub use buffer::{Buffer, Element, View, ViewMut};
pub use codes::encode;
pub use communicator::{Communicator, Meeting};
pub use context::Context;
pub use driver::{DeviceInfo, Peak, devices};
pub use encode::Method;
pub use error::{ComputeCapability, CudaVersion, GpuError};
pub use problem::{MAX_ATOMS, Problem};
pub use report::{
    LossReport, PendingFinite, PendingLoss, PendingSolve, ReportValues, Reports, SolveReport,
};
pub use source::Source;
pub use supply::KernelOrigin;
pub use windows::{MapShape, Windows};
