//! How codes and their adjoints are computed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How codes and their adjoints are computed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct SolverConfig {
    /// Solver for the codes.
    pub method: SolverMethod,
    /// KKT residual to which codes are solved, above 0.
    pub tolerance: f32,
    /// Relative residual to which adjoint systems are solved, above 0.
    pub adjoint_tolerance: f32,
    /// Largest number of passes over a tile of windows, at least 1. Adjoints that need more are
    /// computed by a factorisation.
    pub max_passes: u32,
}

impl Default for SolverConfig {
    fn default() -> Self {
        Self {
            method: SolverMethod::Auto,
            tolerance: 1e-4,
            adjoint_tolerance: 1e-4,
            max_passes: 200,
        }
    }
}

/// Solver for the codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SolverMethod {
    /// Coordinate descent, with exact steps where it is slow ([`scn_solvers::Auto`]).
    Auto,
    /// Coordinate descent.
    CoordinateDescent,
    /// FISTA with adaptive restart.
    Fista,
    /// FISTA without restart, as in the paper; on the CPU only.
    FistaWithoutRestart,
}
