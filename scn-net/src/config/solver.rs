//! How codes and their adjoint are computed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How codes and their adjoint are computed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct SolverConfig {
    /// Method of the forward solve.
    pub method: SolverMethod,
    /// The KKT residual that codes are solved to, above 0.
    pub tolerance: f32,
    /// The relative residual that adjoint systems are solved to, above 0.
    pub adjoint_tolerance: f32,
    /// Passes before a tile of windows is given up, at least 1; the adjoint then factorises.
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

/// Method of the forward solve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SolverMethod {
    /// Coordinate descent, with exact steps where that is slow ([`scn_solvers::Auto`]).
    Auto,
    /// Coordinate descent.
    CoordinateDescent,
    /// FISTA with adaptive restart.
    Fista,
    /// FISTA without restart, the paper's method; not on a graphics processor.
    FistaWithoutRestart,
}
