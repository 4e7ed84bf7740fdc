//! `properties`: optimality conditions and symmetries, by random problems. `cases`: one table of problems through every solver
//! and both precisions. `batches`: tiles, threads, dirty memory, wrong input.
//! `edges`: dependent atoms, zeros, overflow.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod batches;
mod cases;
mod edges;
mod instance;
mod properties;
