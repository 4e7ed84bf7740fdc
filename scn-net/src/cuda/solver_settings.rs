//! The solver settings of codes and adjoints on a device.

use scn_gpu::{Context, EncodeMethod, SolveSettings};
use scn_solvers::Settings;

use crate::config::{SolverConfig, SolverMethod};
use crate::error::NetError;

/// The solver settings of codes and adjoints.
#[derive(Debug)]
pub(super) struct SolverSettings {
    pub(super) method: EncodeMethod,
    pub(super) codes: SolveSettings,
    pub(super) adjoint: SolveSettings,
}

impl SolverSettings {
    pub(super) fn new(context: &Context, config: &SolverConfig) -> Result<Self, NetError> {
        let configured = Configured::new(config)?;
        Ok(Self {
            method: configured.method,
            codes: SolveSettings::new(context, configured.codes)?,
            adjoint: SolveSettings::new(context, configured.adjoint)?,
        })
    }

    /// Changes the settings. Returns whether recorded steps are outdated: they follow changes of
    /// tolerances, but no others.
    pub(super) fn set(&mut self, config: &SolverConfig) -> Result<bool, NetError> {
        let configured = Configured::new(config)?;
        let outdated = self.method != configured.method
            || self.codes.get().max_passes() != configured.codes.max_passes()
            || self.adjoint.get().max_passes() != configured.adjoint.max_passes();
        self.method = configured.method;
        self.codes.set(configured.codes)?;
        self.adjoint.set(configured.adjoint)?;
        Ok(outdated)
    }
}

/// The settings of a configuration.
struct Configured {
    method: EncodeMethod,
    codes: Settings,
    adjoint: Settings,
}

impl Configured {
    fn new(config: &SolverConfig) -> Result<Self, NetError> {
        let settings = |tolerance: f32| Settings::new(f64::from(tolerance), config.max_passes);
        Ok(Self {
            method: match config.method {
                SolverMethod::Auto | SolverMethod::CoordinateDescent => {
                    EncodeMethod::CoordinateDescent
                }
                SolverMethod::Fista => EncodeMethod::Fista,
                SolverMethod::FistaWithoutRestart => {
                    return Err(NetError::CpuOnly {
                        what: "network.solver.method fista-without-restart".to_string(),
                    });
                }
            },
            codes: settings(config.tolerance)?,
            adjoint: settings(config.adjoint_tolerance)?,
        })
    }
}
