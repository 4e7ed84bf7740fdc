//! The solvers of codes and adjoints, the same for all sparse coding layers.

use scn_grad::MaskedAuto;
use scn_solvers::{Auto, CoordinateDescent, Fista, Settings, SettingsError, Solver};

use crate::config::{SolverConfig, SolverMethod};

/// The two solvers, each with its own tolerance.
#[derive(Debug)]
pub(super) struct Solvers {
    pub(super) codes: Box<dyn Solver<f32>>,
    pub(super) adjoint: MaskedAuto,
    /// Whether reports include times.
    pub(super) timed: bool,
    codes_settings: Settings,
    method: SolverMethod,
}

impl Solvers {
    /// Creates the solvers.
    ///
    /// # Errors
    /// Returns an error if a setting is out of range.
    pub(super) fn new(config: &SolverConfig, timed: bool) -> Result<Self, SettingsError> {
        let settings = |tolerance: f32| Settings::new(f64::from(tolerance), config.max_passes);
        let codes_settings = settings(config.tolerance)?;
        Ok(Self {
            codes: solver(config.method, codes_settings.timed(timed)),
            adjoint: MaskedAuto::new(settings(config.adjoint_tolerance)?),
            timed,
            codes_settings,
            method: config.method,
        })
    }

    pub(super) fn set_timed(&mut self, timed: bool) {
        self.codes = solver(self.method, self.codes_settings.timed(timed));
        self.timed = timed;
    }
}

fn solver(method: SolverMethod, settings: Settings) -> Box<dyn Solver<f32>> {
    match method {
        SolverMethod::Auto => Box::new(Auto::new(settings)),
        SolverMethod::CoordinateDescent => Box::new(CoordinateDescent::new(settings)),
        SolverMethod::Fista => Box::new(Fista::new(settings)),
        SolverMethod::FistaWithoutRestart => Box::new(Fista::without_restart(settings)),
    }
}
