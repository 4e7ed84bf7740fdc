//! Solvers chosen at run time.

use std::any::Any;

use super::run::solve_tile;
use super::{Method, Tile};
use crate::report::Report;
use crate::settings::Settings;
use crate::start::Start;
use crate::tile::Scalar;

/// A solver for problem (1), as accepted by [`encode`](crate::encode()). Implemented by every
/// [`Method`], and by no other type.
pub trait Solver<T: Scalar>: Send + Sync + std::fmt::Debug {
    /// The name of the solver on the command line.
    fn name(&self) -> &'static str;

    /// The tolerance and the limits of the solver.
    fn settings(&self) -> &Settings;

    /// Creates the memory for one thread and problems with this number of atoms.
    #[doc(hidden)]
    fn new_scratch(&self, atoms: usize) -> Box<dyn Any + Send>;

    /// Whether this memory was created by a solver of the same type.
    #[doc(hidden)]
    fn takes_scratch(&self, scratch: &dyn Any) -> bool;

    /// Solves one tile. The codes must be zero if `start` is [`Start::Zero`]. Memory of a solver of
    /// a different type is an internal error, and the codes are left unchanged.
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
