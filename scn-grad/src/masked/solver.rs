//! What a method for the system (3) is.

use scn_solvers::{Problem, Scalar};

use super::{MaskedReport, MaskedTile};

/// A method for the system (3). Its tolerance is its own: no outer iteration mends an error made here.
pub trait MaskedSolver<T: Scalar>: Send + Sync + std::fmt::Debug {
    /// A short name, as in settings.
    fn name(&self) -> &'static str;

    /// Solves every column of a tile that [`MaskedTile::load`] has filled. `first_column` is where the tile stands in
    /// the batch.
    fn solve(
        &self,
        problem: &Problem<T>,
        tile: &mut MaskedTile<T>,
        first_column: usize,
    ) -> MaskedReport;
}
