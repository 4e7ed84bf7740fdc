//! Sparse coding networks on GPUs with CUDA.
//!
//! # What it computes
//!
//! The complete training step of `scn-net`, with the formulas of [`scn_solvers`] and `scn-grad`:
//! for the windows x of a map,
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
//! a^* = \arg\min_{a \ge 0} \tfrac12 \lVert x - D a \rVert^2
//! + \lambda_1^\top a + \tfrac{\lambda_2}2 \lVert a \rVert^2 \\
//! H_{LL}\, y_L = u_L, \quad y = 0 \text{ off } L, \qquad H = D^\top D + \lambda_2 I,
//! \quad u = \frac{\partial\, \mathrm{Loss}}{\partial a},
//! \quad L = \{ j : a^*_j > 0 \} \\[1ex]
//! \begin{aligned}
//! \frac{\partial\, \mathrm{Loss}}{\partial D} &= \sum (x - D a)\, y^\top - D y\, a^\top &
//! \frac{\partial\, \mathrm{Loss}}{\partial x} &= D y \\
//! \frac{\partial\, \mathrm{Loss}}{\partial \lambda_{1j}} &= -\sum y_j &
//! \frac{\partial\, \mathrm{Loss}}{\partial \lambda_2} &= -\sum y^\top a
//! \end{aligned}
//! \end{gathered}
//! -->
//!
//! as well as the layers between codes and loss. Dictionaries may have up to [`MAX_ATOMS`] atoms.
//! During a solve, the code and the gradient of a column stay in the registers of a few
//! neighbouring threads and its correlations in shared memory, so each signal and each code passes
//! through device memory only once.
//!
//! A solve has converged if the [KKT residual](scn_solvers::kkt) of the returned codes is within
//! the tolerance. The residual is computed from scratch at the end of the solve, and reported for
//! every batch.
//!
//! # How it works
//!
//! All functions operate on [`Buffer`]s of a [`Context`]. Work is done asynchronously, in the order
//! of submission. Functions that wait for it, such as [`Buffer::download`], say so. The order of
//! additions depends only on sizes, so two runs are bit-identical. The kernels are CUDA C++, which
//! NVIDIA's compiler NVRTC compiles at run time for devices of compute capability 6.1 and later.
//! Building this crate needs neither the compiler nor a device. If one is missing at run time, the
//! result is a [`SetupError`].
//!
//! # Tour
//!
//! [`devices`] lists the devices of this machine, and [`Context::new`] opens one. To compute the
//! codes of a matrix of signals, [`encode`](encode()) is all you need:
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
//! let (codes, report) = encode(
//!     &context,
//!     dictionary.as_ref(),
//!     &penalty,
//!     signals.as_ref(),
//!     Settings::default(),
//! )?;
//! assert!(report.converged());
//! # let _ = codes;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! For training, the parameters of all layers are stored in shared buffers
//! ([`update::Parameters`]), from which [`DeviceProblems::update`] computes Gram matrices and
//! packed dictionaries once per step. [`DeviceProblem::encode`], [`DeviceProblem::adjoint`] and
//! [`DeviceProblem::signal_gradient`] make up the sparse coding layer, [`GradientSums`] computes
//! the gradients of its parameters, and [`layers`] contains the other layers. [`Images`] holds a
//! set of images on the device, which assembles the batches that [`Picks`] specifies. [`Reports`]
//! collects the reports of a step on the device until they are downloaded together at its end.
//!
//! [`Context::capture`] records repeated work as a [`Graph`], which a single call launches.
//! [`PinnedBuffer`] is page-locked host memory: the device copies it to and from buffers while the
//! host continues.

mod adjoint;
mod architecture;
mod codes;
mod communicator;
mod compile;
mod context;
mod device_info;
mod driver;
mod element;
mod encode;
mod error;
mod gradients;
mod graph;
mod images;
pub mod inspect;
mod kernels;
mod labels;
mod launch;
pub mod layers;
mod library;
mod memory;
mod padded;
mod problem;
mod queue;
mod report;
mod single_problem;
mod sizes;
mod solve_settings;
mod switch;
mod tables;
mod targets;
mod timing;
pub mod update;
mod version;
mod windows;

/// The crate of the matrices that [`encode()`] takes and returns.
pub use faer;
/// The crate of the penalties and settings of solves.
pub use scn_solvers;

pub use architecture::{Architecture, ArchitectureError, Code};
pub use codes::encode;
pub use communicator::{Communicator, NcclId};
pub use compile::ahead::{CompiledKernels, compile_ahead};
pub use compile::kernel_file::KernelFile;
pub use compile::supply::KernelOrigin;
pub use context::Context;
pub use device_info::{DeviceInfo, Peak, devices};
pub use element::Element;
pub use encode::EncodeMethod;
pub use error::{ArgumentError, CaptureError, GpuError, SetupError};
pub use gradients::GradientSums;
pub use graph::Graph;
pub use images::{Images, Pick, Picks, mix_images};
pub use labels::{Labels, LabelsView, StagedLabels};
pub use memory::buffer::Buffer;
pub use memory::pinned::PinnedBuffer;
pub use memory::staged::StagedBuffer;
pub use memory::view::{View, ViewMut};
pub use padded::MAX_ATOMS;
pub use problem::{DeviceProblem, DeviceProblems, ProblemParameters};
pub use report::{
    LossReport, PendingFinite, PendingLoss, PendingSolve, ReportValues, Reports, SolveReport,
};
pub use single_problem::SingleProblem;
pub use solve_settings::SolveSettings;
pub use targets::{TargetSettings, Targets};
pub use timing::{KernelTime, Mark};
pub use version::{ComputeCapability, CudaVersion};
pub use windows::{MapShape, Windows};

/// The examples in README.md, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
