//! The lowest layer of the crate: building blocks for writing your own solver.
//!
//! A *tile* is a row-major array of [`Real::tile`] columns: entry (i, k) is at `i * T::tile() + k`.
//! In tiles with one row per atom the number of rows is rounded up to a multiple of [`PANEL`]; the
//! extra rows are zero.
//!
//! From the bottom up: vectors ([`Lanes`], [`InstructionSet`]) and the code that runs on them
//! ([`Kernel`]); number types ([`Real`]); packed matrices ([`Panels`]); the kernels, compiled once
//! ([`Scalar`]); sources of columns ([`ColumnSource`]); `H` and the quantities derived from it
//! ([`Operator`]); linear systems on active sets, sums over columns, and reusable workspaces
//! ([`Pool`]).

pub(crate) mod atom_groups;
pub(crate) mod blocks;
pub(crate) mod columns;
mod conjugate_gradients;
mod dense;
mod factor;
mod instruction_set;
mod kernel;
pub(crate) mod kernels;
mod lanes;
mod masked;
pub(crate) mod operator;
mod outer_sums;
mod pace;
mod panels;
mod pool;
pub(crate) mod prefetch;
mod real;
mod scalar;
mod symmetric_gauss_seidel;

pub use columns::{ColumnSource, expect_columns};
pub use conjugate_gradients::ConjugateGradients;
pub(crate) use factor::ActiveFactor;
pub use instruction_set::InstructionSet;
pub use kernel::Kernel;
pub use kernels::{Kernels, MaskedSystem};
pub use lanes::Lanes;
pub use masked::{
    dictionary_product, masked_residual, masked_sweep, masked_system, multiply, product,
    solve_positive_definite, subtract_signed,
};
pub use operator::Operator;
pub use outer_sums::{Grouped, OuterSums, add_combinations};
pub use pace::{Outlook, Pace};
pub use panels::{PANEL, Panels, padded};
pub use pool::Pool;
pub use real::Real;
pub(crate) use real::narrower_than_f64;
pub use scalar::Scalar;
pub use symmetric_gauss_seidel::SymmetricGaussSeidel;
