//! What makes a method.

use super::Tile;
use crate::settings::Settings;
use crate::tile::Scalar;

/// What a pass says of the tile that it leaves.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Pass {
    /// The largest KKT residual is about so much. An estimate decides when a certificate is worth its cost, and nothing
    /// else.
    Residual(f64),
    /// Nothing is known of the residual.
    Unknown,
    /// Another pass would change nothing: the tile is certified as it is.
    Exhausted,
}

/// A method for problem (1), written for a tile of columns. Whatever implements this is a [`Solver`](super::Solver).
///
/// A method is immutable and shared by threads; whatever changes during a solve is in the tile and in scratch of the
/// method's own kind. It supplies [`begin`](Self::begin) and [`pass`](Self::pass); stopping, counting and certifying
/// are the same for all.
pub trait Method<T: Scalar>: Send + Sync + std::fmt::Debug + 'static {
    /// The memory that the method needs beside the tile, for one worker.
    type Scratch: Send + 'static;

    /// The name by which the command line knows it.
    fn name(&self) -> &'static str;

    /// When it stops.
    fn settings(&self) -> &Settings;

    /// Memory for problems of so many atoms, of which tiles have [`padded`](crate::tile::padded) rows. It is made once for a
    /// worker and used for one tile after the other, also by other values of this type.
    fn scratch(&self, atoms: usize) -> Self::Scratch;

    /// Prepares for a tile whose codes hold the start. Scratch holds whatever the last tile has left there.
    fn begin(&self, tile: &mut Tile<'_, T>, scratch: &mut Self::Scratch);

    /// One pass over all atoms.
    fn pass(&self, tile: &mut Tile<'_, T>, scratch: &mut Self::Scratch) -> Pass;

    /// Whether the method comes to an end by itself, with codes that no further pass would better. One that does not is
    /// stopped when rounding alone keeps the residual above the tolerance.
    fn ends_by_itself(&self) -> bool {
        false
    }
}
