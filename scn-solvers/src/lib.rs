//! Exact sparse codes for many signals over one dictionary.
//!
//! # The problem
//!
//! Given a dictionary `D` (m × n, one atom per column) and a signal `x` (length m), the code is
//!
//! ```text
//! a* = argmin over a (>= 0)   1/2 ||x - D a||²  +  λ1' |a|  +  λ2/2 ||a||²              (1)
//! ```
//! <!-- math: a^* = \arg\min_{a \;(\ge 0)} \; \tfrac12 \lVert x - D a \rVert^2 + \lambda_1^\top |a| + \tfrac{\lambda_2}2 \lVert a \rVert^2 \tag{1} -->
//!
//! With the Gram matrix `H = D'D + λ2 I` and the correlations `c = D'x` this is
//! `min 1/2 a'Ha - c'a + λ1'|a|`: one matrix `H` shared by many columns `c`. Everything here builds
//! on that: [`Problem`] does the work that depends only on `D` once, and [`encode()`] streams any
//! number of signals past it.
//!
//! # One definition of converged
//!
//! A code is optimal if and only if its [KKT residual](kkt) is zero. Each solver stops at a given
//! residual, measured at the returned codes with an allowance for rounding, and the [`Report`]
//! lists the columns that did not reach it.
//!
//! # Tour
//!
//! | module | subject |
//! |---|---|
//! | [`ColumnSource`] | where signals come from: a matrix, or anything that can write columns into a tile |
//! | [`penalty`], [`problem`] | what is minimised: λ1, λ2 and the sign; `D`, `H` and their packed copies |
//! | [`kkt`], [`certificate`] | the KKT residual, the only definition of convergence; the duality gap |
//! | [`measure`] | residual and gap of many codes, computed in the type of the codes |
//! | [`solver`] | the traits and the main loop; [`Auto`] and its components, first-order, exact and learned solvers |
//! | [`mod@path`], [`grid`] | codes as a function of λ1: one signal for every λ1, all signals for a grid of λ1 |
//! | [`omp`] | orthogonal matching pursuit, up to a number of atoms or down to a residual |
//! | [`mod@encode`] | codes of any number of signals, in tiles × threads |
//! | [`learn`] | dictionaries learned from signals |
//! | [`tile`] | the building blocks for your own solver |
//!
//! # Features
//!
//! No feature is on by default.
//!
//! - `approx`: implements `AbsDiffEq` and `RelativeEq` of the crate
//!   [approx](https://docs.rs/approx) for [`ElasticNet`], [`Lambda1`], [`Certificate`],
//!   [`ColumnCertificate`], [`Report`] (without its times), [`OmpReport`], [`Path`] and
//!   [`path::Breakpoint`]. Floating-point numbers are compared within a tolerance, everything else
//!   exactly.
//! - `synthetic`: random problems, for tests, benches and examples.
//!
//! # Example
//!
//! ```
//! use faer::Mat;
//! use scn_solvers::{Auto, ElasticNet, Problem, Settings, Start, encode};
//!
//! // Two orthonormal atoms: the code is the correlation minus lambda1, clipped at zero.
//! let dictionary = Mat::<f64>::from_fn(3, 2, |i, j| if i == j { 1.0 } else { 0.0 });
//! let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.5, 0.0))?;
//! let signals = Mat::<f64>::from_fn(3, 4, |i, j| (i + j) as f64 - 1.0);
//!
//! let mut codes = Mat::zeros(2, 4);
//! let solver = Auto::new(Settings::new(1e-10, 1000)?);
//! let report = encode(&solver, &problem, &signals.as_ref(), codes.as_mut(), Start::Zero)?;
//!
//! assert!(report.converged());
//! assert_eq!(codes[(0, 3)], 1.5);
//! assert_eq!(codes[(0, 0)], 0.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod adam;
#[cfg(feature = "approx")]
mod approx_eq;
pub mod certificate;
pub mod encode;
mod error;
pub mod grid;
pub mod kkt;
pub mod learn;
pub mod measure;
mod memory;
pub mod omp;
pub mod path;
pub mod penalty;
pub mod problem;
pub mod processes;
mod report;
mod settings;
mod shapes;
pub mod solver;
mod source;
mod start;
#[cfg(feature = "synthetic")]
pub mod synthetic;
pub mod tile;
mod times;
mod workspaces;

/// The library whose matrices this crate's signatures use.
pub use faer;

pub use certificate::{Certificate, ColumnCertificate, certify, certify_columns};
pub use encode::{
    correlate, encode, encode_correlations, encode_correlations_measured, encode_in_parts,
    encode_measured, encode_signal, encode_with,
};
pub use error::{EncodeError, GridError, ListaError, PathError, ProblemError, SettingsError};
pub use grid::{GridPoint, encode_grid, lambda1_grid};
pub use measure::{ColumnMeasure, measure_columns, measure_correlated};
pub use omp::{Omp, OmpReport, OmpStop};
pub use path::{Path, path};
pub use penalty::{ElasticNet, Lambda1, Sign};
pub use problem::Problem;
pub use report::{Report, Status};
pub use settings::Settings;
pub use solver::{
    ActiveSet, Admm, Auto, CoordinateDescent, Fista, Ista, Lars, Lista, ListaEpoch, ListaLayer,
    ListaTraining, Method, Pass, Solver,
};
pub use start::Start;
pub use tile::{ColumnSource, InstructionSet, Scalar};
pub use times::EncodeTimes;
pub use workspaces::Workspaces;

/// The examples in README.md, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
