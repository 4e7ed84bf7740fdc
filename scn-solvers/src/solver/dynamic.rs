//! A method chosen at run time.

use std::any::Any;

use super::run::solve_tile;
use super::{Method, Tile};
use crate::report::Report;
use crate::settings::Settings;
use crate::start::Start;
use crate::tile::Scalar;

/// A method for problem (1), of whatever kind: what [`encode`](crate::encode()) takes. Every [`Method`] is one, and nothing
/// else can be.
pub trait Solver<T: Scalar>: Send + Sync + std::fmt::Debug {
    /// The name by which the command line knows it.
    fn name(&self) -> &'static str;

    /// When it stops.
    fn settings(&self) -> &Settings;

    /// Memory for one worker and problems of so many atoms.
    #[doc(hidden)]
    fn new_scratch(&self, atoms: usize) -> Box<dyn Any + Send>;

    /// Whether memory is of this method's kind.
    #[doc(hidden)]
    fn takes_scratch(&self, scratch: &dyn Any) -> bool;

    /// Solves one tile. Codes are zero where `start` says so. Scratch of another kind is an internal mistake, and leaves the
    /// codes as they are.
    #[doc(hidden)]
    fn solve(&self, tile: &mut Tile<'_, T>, start: Start, scratch: &mut dyn Any) -> Report;
}

impl<T: Scalar, M: Method<T>> Solver<T> for M {
    fn name(&self) -> &'static str {
        Method::name(self)
    }

    fn settings(&self) -> &Settings {
        Method::settings(self)
    }

    fn new_scratch(&self, atoms: usize) -> Box<dyn Any + Send> {
        Box::new(self.scratch(atoms))
    }

    fn takes_scratch(&self, scratch: &dyn Any) -> bool {
        scratch.is::<M::Scratch>()
    }

    fn solve(&self, tile: &mut Tile<'_, T>, start: Start, scratch: &mut dyn Any) -> Report {
        match scratch.downcast_mut() {
            Some(scratch) => solve_tile(self, tile, start, scratch),
            None => Report::empty(),
        }
    }
}
