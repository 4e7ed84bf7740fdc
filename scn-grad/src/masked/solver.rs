//! The trait of solvers for system (3).

use scn_solvers::{Problem, Scalar};

use super::{MaskedReport, MaskedTile};

/// A solver for system (3).
///
/// It has its own tolerance, since no outer iteration corrects its errors.
pub trait MaskedSolver<T: Scalar>: Send + Sync + std::fmt::Debug {
    /// Returns a short name, as used in settings.
    fn name(&self) -> &'static str;

    /// Solves every column of a tile that [`MaskedTile::load`] has filled. `first_column` is the
    /// column of the batch where the tile begins.
    fn solve(
        &self,
        problem: &Problem<T>,
        tile: &mut MaskedTile<T>,
        first_column: usize,
    ) -> MaskedReport;
}
