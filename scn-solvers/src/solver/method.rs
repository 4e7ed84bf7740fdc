//! The trait that solvers implement.

use super::Tile;
use crate::settings::Settings;
use crate::tile::Scalar;

/// The outcome of a pass over a tile.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Pass {
    /// An estimate of the largest KKT residual. It only decides when a certificate is worth its
    /// cost.
    Residual(f64),
    /// The residual is unknown.
    Unknown,
    /// Another pass would change nothing, so the tile is certified as it is.
    Exhausted,
}

/// A solver for problem (1), written as passes over a tile of columns.
///
/// Every type that implements this trait is a [`Solver`](super::Solver). Values are immutable and
/// shared by threads; everything that changes during a solve is in the tile and in memory of type
/// [`Scratch`](Self::Scratch). Implementations supply [`begin`](Self::begin) and
/// [`pass`](Self::pass). Stopping, counting and certifying are the same for all.
pub trait Method<T: Scalar>: Send + Sync + std::fmt::Debug + 'static {
    /// The memory that the solver needs besides the tile, for one thread.
    type Scratch: Send + 'static;

    /// The name of the solver on the command line.
    fn name(&self) -> &'static str;

    /// The tolerance and the limits of the solver.
    fn settings(&self) -> &Settings;

    /// Creates the memory for problems with this number of atoms, whose tiles have
    /// [`padded`](crate::tile::padded) rows. It is created once per thread and reused from tile to
    /// tile, possibly by other values of this type.
    fn scratch(&self, atoms: usize) -> Self::Scratch;

    /// Prepares for a tile whose codes hold the start. The memory is as the last tile left it.
    fn begin(&self, tile: &mut Tile<'_, T>, scratch: &mut Self::Scratch);

    /// Makes one pass over all atoms.
    fn pass(&self, tile: &mut Tile<'_, T>, scratch: &mut Self::Scratch) -> Pass;

    /// Whether the solver ends on its own, with codes that no further pass would improve. Other
    /// solvers are stopped when only rounding keeps the residual above the tolerance.
    fn ends_by_itself(&self) -> bool {
        false
    }
}
