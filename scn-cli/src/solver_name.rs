//! The methods for sparse codes, by the names that the command line knows them by.

use clap::ValueEnum;
use scn_solvers::{
    ActiveSet, Admm, Auto, CoordinateDescent, Fista, Ista, Lars, Scalar, Settings, Solver,
};

/// A method for sparse codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SolverName {
    /// Coordinate descent, helped out by exact steps on the active set where it is slow
    Auto,
    /// Projected Gauss-Seidel in Gram form; fast where atoms are not too alike
    CoordinateDescent,
    /// Accelerated proximal gradient with adaptive restart
    Fista,
    /// The same as published in 2009, without restart
    FistaWithoutRestart,
    /// With restart, finding its step size instead of an eigenvalue
    FistaWithBacktracking,
    /// Proximal gradient without momentum; to compare with
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

    /// The command line and the crate call each method by the same name.
    #[test]
    fn names_agree() {
        for name in SolverName::value_variants() {
            let solver = name.build::<f64>(Settings::default());
            assert_eq!(name.to_possible_value().unwrap().get_name(), solver.name());
        }
    }
}
