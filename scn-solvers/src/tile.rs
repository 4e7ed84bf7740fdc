//! The lowest floor of the crate, and the building blocks for your own method.
//!
//! A *tile* is a row-major block of [`Real::tile`] columns: entry (i, k) is at
//! `i * T::tile() + k`. Tiles with one row per atom have their number of rows rounded up to a
//! multiple of [`PANEL`], the extra rows being zero.
//!
//! From the ground up: vectors ([`Lanes`], [`InstructionSet`]) and what runs on them ([`Kernel`]);
//! numbers ([`Real`]); packed matrices ([`Panels`]); the kernels, compiled once ([`Scalar`]);
//! columns that come and go ([`ColumnSource`]); `H` and what follows from it ([`Operator`]); linear
//! systems on active sets, sums over columns, and memory that is kept ([`Pool`]).

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
