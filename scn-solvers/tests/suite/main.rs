//! `cases`: one table of problems through every solver and both precisions. `properties`: optimality conditions and
//! symmetries, by random problems. `paths`: the regularisation path. `pursuit`: orthogonal matching pursuit. `batches`: tiles, threads, dirty memory, wrong input. `edges`: dependent atoms, zeros,
//! overflow. `instance` and `bounds` are what they share: problems, and how far from the optimum a residual lets codes be.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod batches;
mod bounds;
mod cases;
mod edges;
mod instance;
mod paths;
mod properties;
mod pursuit;
