//! `cases`: one table of problems through every solver and both precisions. `properties`: optimality conditions and
//! symmetries, by random problems. `batches`: tiles, threads, dirty memory, wrong input. `edges`: dependent atoms, zeros,
//! overflow. `coherent`: atoms that are much alike. `quadratic`: problems without a dictionary. `paths`: the regularisation
//! path. `pursuit`: orthogonal matching pursuit. `grids`: several λ1. `learning` and `learned_atoms`: how dictionaries are learned, and
//! which. `lista`: learned ISTA. `instance` and `bounds` are what they share: problems, and how far from the
//! optimum a residual lets codes be.
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
mod lista;
mod paths;
mod properties;
mod pursuit;
mod quadratic;
mod rationals;
mod reach;
mod units;
