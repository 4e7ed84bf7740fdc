//! `agreement`: the adjoint against differences and against the differentiated iteration. `convention`: kinks, degenerate
//! active sets, wrong input. `point`: the solved points that both use.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod agreement;
mod convention;
mod point;
mod units;
