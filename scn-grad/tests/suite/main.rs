//! `agreement`: the adjoint against differences and against the differentiated iteration.
//! `convention`: kinks, degenerate active sets, invalid input. `units`: changes of units. `point`:
//! the solved points that all of them use.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod agreement;
mod convention;
mod point;
mod units;
