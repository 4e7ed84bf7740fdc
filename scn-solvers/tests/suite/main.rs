//! Tests of the solvers and of dictionary learning.
//!
//! - `batches`: tiles, threads, dirty memory, wrong input.
//! - `cases`: one table of problems through every solver in both precisions.
//! - `coherent`: very similar atoms.
//! - `edges`: dependent atoms, zeros, overflow.
//! - `grids`: several λ1.
//! - `learned_atoms`: which dictionaries are learned.
//! - `learning`: how dictionaries are learned.
//! - `learning_errors`: what learning dictionaries refuses.
//! - `lista`: learned ISTA.
//! - `paths`: the regularisation path.
//! - `properties`: optimality conditions and symmetries, on random problems.
//! - `pursuit`: orthogonal matching pursuit.
//! - `quadratic`: problems without a dictionary.
//! - `rationals`: convergence in exact arithmetic.
//! - `reach`: the tolerances that `Auto` reaches.
//! - `units`: invariance under changes of units.
//!
//! They share `instance` (problems) and `bounds` (how far from the optimum a residual lets codes
//! be).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod batches;
mod bounds;
mod cases;
mod coherent;
mod edges;
mod grids;
mod instance;
mod learned_atoms;
mod learning;
mod learning_errors;
mod lista;
mod paths;
mod properties;
mod pursuit;
mod quadratic;
mod rationals;
mod reach;
mod units;
