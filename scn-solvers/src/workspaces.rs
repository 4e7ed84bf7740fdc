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
///
/// # Example
///
/// ```
/// use faer::{Mat, mat};
/// use scn_solvers::{Auto, ElasticNet, Problem, Start, Workspaces, encode_with};
///
/// static WORKSPACES: Workspaces<f64> = Workspaces::new();
///
/// // One atom: the code is (d'x - lambda1) / d'd.
/// let problem = Problem::new(mat![[2.0]].as_ref(), ElasticNet::nonnegative(1.0, 0.0))?;
/// let (solver, start, mut codes) = (Auto::default(), Start::Zero, Mat::zeros(1, 2));
/// for signals in [mat![[1.0, 2.0]], mat![[3.0, 4.0]]] {
///     let out = codes.as_mut();
///     assert!(encode_with(&solver, &problem, &signals, out, start, &WORKSPACES)?.converged());
///     for k in 0..2 {
///         assert_eq!(codes[(0, k)], (2.0 * signals[(0, k)] - 1.0) / 4.0);
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
