//! Solvers by their names on the command line.

use clap::ValueEnum;
use scn_solvers::{
    ActiveSet, Admm, Auto, CoordinateDescent, Fista, Ista, Lars, Scalar, Settings, Solver,
};

/// The name of a solver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SolverName {
    /// Coordinate descent, with exact steps on the active set where it is slow
    Auto,
    /// Projected Gauss-Seidel in Gram form; fast if atoms are not too similar
    CoordinateDescent,
    /// Accelerated proximal gradient with adaptive restart
    Fista,
    /// FISTA as published in 2009, without restart
    FistaWithoutRestart,
    /// FISTA with restart, and a step size from backtracking instead of an eigenvalue
    FistaWithBacktracking,
    /// Proximal gradient without momentum; for comparison
    Ista,
    /// Alternating direction method of multipliers
    Admm,
    /// Exact, column by column: follows the regularisation path in f8
    Lars,
    /// Exact, column by column: primal active-set method
    ActiveSet,
}

impl SolverName {
    pub(crate) fn build<T: Scalar>(self, settings: Settings) -> Box<dyn Solver<T>> {
        match self {
            Self::Auto => Box::new(Auto::new(settings)),
            Self::CoordinateDescent => Box::new(CoordinateDescent::new(settings)),
            Self::Fista => Box::new(Fista::new(settings)),
            Self::FistaWithoutRestart => Box::new(Fista::without_restart(settings)),
            Self::FistaWithBacktracking => Box::new(Fista::with_backtracking(settings)),
            Self::Ista => Box::new(Ista::new(settings)),
            Self::Admm => Box::new(Admm::new(settings)),
            Self::Lars => Box::new(Lars::new(settings)),
            Self::ActiveSet => Box::new(ActiveSet::new(settings)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The command line and the crate use the same name for each solver.
    #[test]
    fn names_agree() {
        for name in SolverName::value_variants() {
            let solver = name.build::<f64>(Settings::default());
            assert_eq!(name.to_possible_value().unwrap().get_name(), solver.name());
        }
    }
}
