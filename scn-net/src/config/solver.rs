//! How codes and their adjoint are computed.

use serde::{Deserialize, Serialize};

/// How codes and their adjoint are computed.
///
/// | key | default | range |
/// |---|---|---|
/// | `method` | `auto` | or `coordinate-descent`, `fista`, `fista-without-restart` (the paper's; not on a graphics processor) |
/// | `tolerance` | 1e-4 | KKT residual of the codes, > 0 |
/// | `adjoint_tolerance` | 1e-4 | relative residual of the adjoint system, > 0 |
/// | `max_passes` | 200 | >= 1 |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct SolverConfig {
    /// Method of the forward solve.
    pub method: SolverMethod,
    /// KKT residual of the codes.
    pub tolerance: f32,
    /// Relative residual of the adjoint system.
    pub adjoint_tolerance: f32,
    /// Passes before a tile of windows is given up; the adjoint then factorises.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SolverMethod {
    /// [`scn_solvers::Auto`]
    Auto,
    /// [`scn_solvers::CoordinateDescent`]
    CoordinateDescent,
    /// [`scn_solvers::Fista`] with adaptive restart
    Fista,
    /// [`scn_solvers::Fista::without_restart`]
    FistaWithoutRestart,
}
