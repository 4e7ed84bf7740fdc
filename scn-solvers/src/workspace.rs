//! The scratch memory of one worker.

use std::sync::{Mutex, PoisonError};

use crate::kernel::{Compiled, LiveRows};
use crate::tile::{ConjugateGradients, Pace, padded};
use crate::{EncodeTimes, Problem, Scalar, Stopwatch};

/// The scratch memory of one worker: grows to what a problem needs and may be used for another problem afterwards.
/// Nothing in it outlives a call.
///
/// All tiles have one row per padded atom but `signals` and `by_column`.
#[derive(Debug, Clone, Default)]
pub struct Workspace<T> {
    /// Signals, where their source has to write them somewhere.
    pub(crate) signals: Vec<T>,
    /// Correlations, one column after the other.
    pub(crate) by_column: Vec<T>,
    pub(crate) correlations: Vec<T>,
    pub(crate) codes: Vec<T>,
    /// What sweeps take instead of correlations.
    pub(crate) right_side: Vec<T>,
    /// The next `z` of FISTA.
    pub(crate) product: Vec<T>,
    /// `z` of FISTA.
    pub(crate) extrapolated: Vec<T>,
    /// One entry per column: the denominator of the residual.
    pub(crate) scale: Vec<T>,
    /// One entry per column.
    pub(crate) residual: Vec<T>,
    /// One entry per column.
    pub(crate) change: Vec<T>,
    /// One entry per column: the weight of FISTA's extrapolation.
    pub(crate) weight: Vec<T>,
    /// One entry per column: steps of FISTA since its last restart.
    pub(crate) since_restart: Vec<u32>,
    /// `L` of FISTA with backtracking.
    pub(crate) lipschitz: T,
    /// Of sweeps.
    pub(crate) pace: Pace,
    /// Of sweeps.
    pub(crate) live: LiveRows,
    /// Passes over the tile, for methods that do something every few of them.
    pub(crate) passes: u32,
    /// Products with `H` beyond one per pass, which count as passes.
    pub(crate) extra_passes: u32,
    /// What steps on the active set need; empty unless a solver takes them.
    pub(crate) subspace: Subspace<T>,
    /// `c - H a` of the codes last certified in `f64`; empty unless they were.
    pub(crate) pull: Vec<T>,
    /// Whether the codes are those of `pull` after the step in `subspace.system.direction`, and that is near.
    pub(crate) pull_is_near: bool,
    pub(crate) watch: Stopwatch,
    pub(crate) times: EncodeTimes,
    /// A tile in `f64`, for certificates of `f32` codes; empty unless one is asked for.
    pub(crate) wide: Wide,
}

impl<T: Scalar> Workspace<T> {
    /// An empty workspace.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sizes every buffer for a problem. What they hold afterwards is not defined, but for whole padding rows that no
    /// kernel ever writes: those are zeroed when a tile is loaded.
    pub(crate) fn fit(&mut self, problem: &Problem<T>) {
        let tile = padded(problem.atoms()) * T::tile();
        for buffer in [
            &mut self.correlations,
            &mut self.codes,
            &mut self.right_side,
            &mut self.product,
            &mut self.extrapolated,
        ] {
            buffer.resize(tile, T::ZERO);
        }
        for buffer in [
            &mut self.scale,
            &mut self.residual,
            &mut self.change,
            &mut self.weight,
        ] {
            buffer.resize(T::tile(), T::ZERO);
        }
        self.since_restart.resize(T::tile(), 0);
    }
}

/// The workspaces of a problem, one for each thread that has worked on it. They are kept from call to call, so that nothing
/// is allocated after the first.
#[derive(Debug, Default)]
pub(crate) struct WorkspacePool<T>(Mutex<Vec<Workspace<T>>>);

impl<T: Scalar> WorkspacePool<T> {
    /// A workspace that goes back when dropped.
    pub(crate) fn lend(&self, problem: &Problem<T>) -> LentWorkspace<'_, T> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut workspace = kept.unwrap_or_default();
        workspace.fit(problem);
        LentWorkspace {
            workspace,
            home: self,
        }
    }
}

impl<T: Scalar> Clone for WorkspacePool<T> {
    /// Without the workspaces.
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// A workspace that belongs to a pool.
pub(crate) struct LentWorkspace<'a, T: Scalar> {
    pub(crate) workspace: Workspace<T>,
    home: &'a WorkspacePool<T>,
}

impl<T: Scalar> Drop for LentWorkspace<'_, T> {
    fn drop(&mut self) {
        let mut home = self.home.0.lock().unwrap_or_else(PoisonError::into_inner);
        home.push(std::mem::take(&mut self.workspace));
    }
}

/// What steps on the active set need; see [`auto`](crate::solver::Auto).
#[derive(Debug, Clone, Default)]
pub(crate) struct Subspace<T> {
    /// 1 on the active set, 0 elsewhere.
    pub(crate) mask: Vec<T>,
    pub(crate) right_side: Vec<T>,
    /// The step is its direction in the end.
    pub(crate) system: ConjugateGradients<T>,
    /// Passes of the solver since the last step.
    pub(crate) sweeps: u32,
    /// Steps taken.
    pub(crate) steps: u32,
    /// Whether the last sweep believed to have arrived.
    pub(crate) believed: bool,
}

impl<T: Scalar> Subspace<T> {
    pub(crate) fn fit(&mut self, problem: &Problem<T>) {
        let tile = padded(problem.atoms()) * T::tile();
        for buffer in [&mut self.mask, &mut self.right_side] {
            buffer.resize(tile, T::ZERO);
        }
        self.system.fit(problem);
        self.sweeps = 0;
        self.steps = 0;
        self.believed = false;
    }
}

/// A tile in `f64`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wide {
    pub(crate) correlations: Vec<f64>,
    pub(crate) codes: Vec<f64>,
    /// `c - H a`
    pub(crate) pull: Vec<f64>,
    /// One entry per column.
    pub(crate) residual: Vec<f64>,
    /// One entry per column.
    pub(crate) poison: Vec<f64>,
}

impl Wide {
    fn fit(&mut self, padded_atoms: usize) {
        let tile = padded_atoms * f64::tile();
        for buffer in [&mut self.correlations, &mut self.codes, &mut self.pull] {
            buffer.resize(tile, 0.0);
        }
        for buffer in [&mut self.residual, &mut self.poison] {
            buffer.resize(f64::tile(), 0.0);
        }
    }

    /// Calls `part(first, wide)` for each part of a tile that fits a tile in `f64`, its codes and correlations taken
    /// over; `first` is its first column.
    pub(crate) fn for_each_part<T: Scalar>(
        &mut self,
        padded_atoms: usize,
        codes: &[T],
        correlations: &[T],
        mut part: impl FnMut(usize, &mut Self),
    ) {
        self.fit(padded_atoms);
        for first in (0..T::tile()).step_by(f64::tile()) {
            Self::take(codes, first, &mut self.codes);
            Self::take(correlations, first, &mut self.correlations);
            part(first, self);
        }
    }

    /// Columns `first..` of a tile as a tile of its own.
    fn take<T: Scalar>(from: &[T], first: usize, to: &mut [f64]) {
        let width = f64::tile();
        let rows = from.chunks_exact(T::tile()).zip(to.chunks_exact_mut(width));
        T::dispatch(Compiled(|| {
            for (from, to) in rows {
                for (from, to) in from[first..].iter().zip(to) {
                    *to = from.to_f64();
                }
            }
        }));
    }
    /// Rounds a tile to columns `first..` of another.
    pub(crate) fn round<T: Scalar>(from: &[f64], first: usize, to: &mut [T]) {
        let width = f64::tile();
        let rows = from.chunks_exact(width).zip(to.chunks_exact_mut(T::tile()));
        T::dispatch(Compiled(|| {
            for (from, to) in rows {
                for (&from, to) in from.iter().zip(&mut to[first..]) {
                    *to = T::from_f64(from);
                }
            }
        }));
    }
}
