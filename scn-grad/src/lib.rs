//! Derivatives of sparse codes through their optimality conditions, without unrolling.
//!
//! # Formulas
//!
//! [`scn_solvers`] computes `a* = argmin 1/2 ||x - D a||² + λ1'|a| + λ2/2 ||a||²`, with `a >= 0` or
//! of any sign. Let `L = { j : a*_j != 0 }` be its active set, `s` the signs of `a*`, and
//! `H = D'D + λ2 I`. Near a solved point the active set does not change, and on it
//! `H_LL a_L = D_L'x - λ1_L s_L`. Differentiating this equation gives, for `u = dLoss/da` (paper,
//! section 3.2, with the misprints in its eqs. (12) and (13) corrected),
//!
//! ```text
//! H_LL y_L = u_L,   y = 0 off L                                                               (3)
//!
//! dLoss/dD   = -D y a' + (x - D a) y'
//! dLoss/dx   =  D y
//! dLoss/dλ1_j = -s_j y_j              (summed over j for a λ1 shared by all atoms)
//! dLoss/dλ2  = -y'a
//! ```
//! <!-- math:
//! \begin{align}
//! H_{LL}\, y_L &= u_L, \qquad y = 0 \text{ off } L \tag{3} \\[1ex]
//! \frac{\partial\, \mathrm{Loss}}{\partial D} &= -D y\, a^\top + (x - D a)\, y^\top \notag \\
//! \frac{\partial\, \mathrm{Loss}}{\partial x} &= D y \notag \\
//! \frac{\partial\, \mathrm{Loss}}{\partial \lambda_{1j}} &= -s_j y_j \qquad
//!     \Bigl( -\textstyle\sum_j s_j y_j
//!     \text{ for a } \lambda_1 \text{ shared by all atoms} \Bigr) \notag \\
//! \frac{\partial\, \mathrm{Loss}}{\partial \lambda_2} &= -y^\top a \notag
//! \end{align}
//! -->
//!
//! The cost is one linear solve per column, restricted to its active set. No pass of the forward
//! solve is stored or revisited.
//!
//! # Where the map has no derivative
//!
//! An entry that is zero with its optimality condition just met (`a_j = 0` and `g_j + λ1_j = 0`) is
//! about to become active: the map has a kink there. The convention is the strict active set: such
//! an entry is held at zero, which gives one of the one-sided derivatives.
//! [`Linearization::margins`] measures how far a batch is from its kinks, and counts the columns
//! that are closer to a kink than the tolerance of the solve.
//!
//! # Errors of inexact codes
//!
//! The derivative is evaluated at the given codes, on their active sets. If the solve has found the
//! true active set, errors of the codes enter only through the residual `x - D a` and `a` itself,
//! linearly. An entry whose activity is still undecided at the tolerance changes the gradient by
//! its whole contribution, and such entries cause most of the error: about 1e-2 at a KKT residual
//! of 1e-4, where linear systems solved to 1e-2 add 1e-3. `docs/gradients.md` has the tables, and
//! [`MaskedAuto::tolerance_for`] the rule that follows from them. Where exact gradients matter,
//! solve to a tolerance well below the margin.
//!
//! # Tour
//!
//! A [`Linearization`] is a solved point. Its [`vjp`](Linearization::vjp) adds to [`Gradients`];
//! its [`jvp`](Linearization::jvp) is the derivative along a [`Tangent`]. System (3) is solved by a
//! [`MaskedSolver`] with its own tolerance: [`MaskedAuto`] by default, [`MaskedCholesky`] as the
//! exact reference, [`MaskedGaussSeidel`] and [`MaskedConjugateGradient`] for many columns with
//! different active sets at once.
//!
//! ```text
//! H_LL da_L = ( dD'(x - D a) + D'(dx - dD a) - dλ1 s - dλ2 a )_L,   da = 0 off L             (JVP)
//! ```
//! <!-- math: H_{LL}\, da_L = \bigl( dD^\top (x - D a) + D^\top (dx - dD\, a) - d\lambda_1\, s - d\lambda_2\, a \bigr)_L, \qquad da = 0 \text{ off } L -->
//!
//! # Features
//!
//! `approx`, off by default, implements `AbsDiffEq` and `RelativeEq` of the crate
//! [approx](https://docs.rs/approx) for [`Gradients`], [`MaskedReport`] (without its times) and
//! [`Margins`]. Floating-point numbers are compared within a tolerance, everything else exactly.
//!
//! # Example
//!
//! ```
//! use approx::assert_abs_diff_eq;
//! use faer::Mat;
//! use scn_grad::{Gradients, Linearization, MaskedCholesky};
//! use scn_solvers::{CoordinateDescent, ElasticNet, Problem, Settings, Start, encode};
//!
//! let dictionary = Mat::<f64>::from_fn(2, 1, |i, _| [0.6, 0.8][i]);
//! let signal = Mat::<f64>::from_fn(2, 1, |i, _| [1.0, 2.0][i]);
//! let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.5, 0.0))?;
//! let mut code = Mat::zeros(1, 1);
//! let solver = CoordinateDescent::new(Settings::new(1e-12, 100)?);
//! assert!(encode(&solver, &problem, &signal.as_ref(), code.as_mut(), Start::Zero)?.converged());
//!
//! // a = d'x - lambda1 for a single unit-norm atom, so da/dx = d and da/dlambda1 = -1.
//! let point = Linearization::new(&problem, &signal, code.as_ref())?;
//! let mut gradients = Gradients::zeros(&problem);
//! let mut signal_gradient = Mat::zeros(2, 1);
//! let cotangent = Mat::full(1, 1, 1.0);
//! let out = Some(signal_gradient.as_mut());
//! let report = point.vjp(&MaskedCholesky, cotangent.as_ref(), &mut gradients, out)?;
//!
//! assert!(report.converged());
//! assert_abs_diff_eq!(signal_gradient[(0, 0)], 0.6, epsilon = 1e-12);
//! assert_eq!(gradients.lambda1, [-1.0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod adjoint;
#[cfg(feature = "approx")]
mod approx_eq;
mod error;
mod gradients;
mod jvp;
mod laps;
mod linearization;
mod load;
mod margins;
pub mod masked;
mod signal_gradient;
mod tangent;
mod tasks;
mod vjp;
mod workspaces;

/// The library whose matrices this crate's signatures use.
pub use faer;
/// The crate whose codes this crate differentiates.
pub use scn_solvers;

pub use error::GradError;
pub use gradients::{AdjointSums, Gradients};
pub use linearization::Linearization;
pub use margins::Margins;
pub use masked::{
    AdjointTimes, MaskedAuto, MaskedCholesky, MaskedConjugateGradient, MaskedGaussSeidel,
    MaskedReport, MaskedSolver,
};
pub use signal_gradient::SignalGradient;
pub use tangent::Tangent;
pub use vjp::Tasks;
pub use workspaces::AdjointWorkspaces;

/// The examples in README.md, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
