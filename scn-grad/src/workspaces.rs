//! Workspaces of the adjoint.

use scn_solvers::Scalar;
use scn_solvers::tile::Pool;

use crate::adjoint::Adjoint;

/// The memory of [`vjp_in_tasks`](crate::Linearization::vjp_in_tasks): a few tiles for each thread.
///
/// It grows as needed, and can serve different problems in turn, even from several threads.
#[derive(Debug)]
pub struct AdjointWorkspaces<T: Scalar>(Pool<Adjoint<T>>);

impl<T: Scalar> AdjointWorkspaces<T> {
    /// Creates workspaces without memory.
    pub const fn new() -> Self {
        Self(Pool::new())
    }

    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut Adjoint<T>) -> R) -> R {
        self.0.with(Adjoint::new, work)
    }
}

impl<T: Scalar> Default for AdjointWorkspaces<T> {
    fn default() -> Self {
        Self::new()
    }
}
