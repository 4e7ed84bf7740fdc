//! Workspaces of encoding.

use std::any::Any;

use crate::memory::TileMemory;
use crate::problem::Problem;
use crate::solver::Solver;
use crate::tile::{Pool, Scalar};

/// The memory of [`encode_with`](crate::encode_with): a few tiles for each thread.
///
/// It grows as needed, and can serve different problems and solvers in turn, even from several
/// threads.
#[derive(Debug)]
pub struct Workspaces<T: Scalar>(Pool<Worker<T>>);

impl<T: Scalar> Workspaces<T> {
    /// Creates workspaces without memory.
    pub const fn new() -> Self {
        Self(Pool::new())
    }

    /// Calls `work` with the memory of one thread, sized for `problem`.
    pub(crate) fn with<R>(
        &self,
        problem: &Problem<T>,
        work: impl FnOnce(&mut Worker<T>) -> R,
    ) -> R {
        self.0.with(Worker::default, |worker| {
            worker.memory.fit(problem);
            work(worker)
        })
    }
}

impl<T: Scalar> Default for Workspaces<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// The memory of one thread.
#[derive(Debug, Default)]
pub(crate) struct Worker<T> {
    pub(crate) memory: TileMemory<T>,
    scratch: Option<Scratch>,
}

/// The scratch memory of a solver, for problems with this number of atoms.
#[derive(Debug)]
struct Scratch {
    atoms: usize,
    kept: Box<dyn Any + Send>,
}

impl<T: Scalar> Worker<T> {
    /// Returns the memory of the tile, and scratch memory that fits `solver`.
    pub(crate) fn parts(
        &mut self,
        solver: &dyn Solver<T>,
        atoms: usize,
    ) -> (&mut TileMemory<T>, &mut dyn Any) {
        let fits =
            |scratch: &Scratch| scratch.atoms == atoms && solver.takes_scratch(&*scratch.kept);
        let kept = self.scratch.take().filter(fits);
        let scratch = self.scratch.insert(kept.unwrap_or_else(|| Scratch {
            atoms,
            kept: solver.new_scratch(atoms),
        }));
        (&mut self.memory, &mut *scratch.kept)
    }
}
