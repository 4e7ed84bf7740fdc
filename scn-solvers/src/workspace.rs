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
    /// One entry per column: the denominator of the residual; 1 where that is 0.
    pub(crate) scale: Vec<T>,
    /// One entry per column.
    pub(crate) residual: Vec<T>,
    /// One entry per column: how far off the residual may be.
    pub(crate) rounding: Vec<T>,
    /// One entry per column: the norm of its signal, or more, as near as said.
    pub(crate) signal_norms: Vec<T>,
    pub(crate) norms_known: Norms,
    /// One entry per column: the sum of the sizes of its codes, each times the norm of its atom, and the largest of these.
    pub(crate) code_sum: Vec<T>,
    pub(crate) largest_code: Vec<T>,
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
    /// Whether certificates of this tile are taken in `f64`.
    pub(crate) in_f64: bool,
    /// Whether the method ends by itself, with what no other would do better.
    pub(crate) has_last_resort: bool,
    /// Whether the codes are those of `pull` after the step in `subspace.system.direction`, and that is near.
    pub(crate) pull_is_near: bool,
    pub(crate) watch: Stopwatch,
    pub(crate) times: EncodeTimes,
    /// The tile in `f64`, for certificates of `f32` codes; empty unless one is asked for.
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
            &mut self.rounding,
            &mut self.signal_norms,
            &mut self.code_sum,
            &mut self.largest_code,
        ] {
            buffer.resize(T::tile(), T::ZERO);
        }
        self.since_restart.resize(T::tile(), 0);
    }
}

/// How much is known of the norms of the signals of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Norms {
    /// Nothing.
    #[default]
    No,
    /// Bounds that cost next to nothing.
    Bounds,
    /// A bound for each signal by itself.
    Each,
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
    /// Sweeps and products with `H`.
    pub(crate) passes: u32,
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
        self.passes = 0;
        self.believed = false;
    }
}

/// A tile in `f64`, in parts of [`f64::tile()`](Scalar::tile) columns.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wide {
    /// `c = D'x` without the rounding of the tile's type, part after part; empty unless it has been asked for, then of this tile.
    pub(crate) correlations: Vec<f64>,
    /// The signals of a part, where they have to be written somewhere.
    pub(crate) signals: Vec<f64>,
    codes: Vec<f64>,
    pull: Vec<f64>,
    residual: Vec<f64>,
    poison: Vec<f64>,
}

/// One part of a tile in `f64`.
pub(crate) struct WidePart<'a> {
    pub(crate) correlations: &'a [f64],
    pub(crate) codes: &'a [f64],
    /// `c - H a`
    pub(crate) pull: &'a mut [f64],
    /// One entry per column.
    pub(crate) residual: &'a mut [f64],
    /// One entry per column.
    pub(crate) poison: &'a mut [f64],
}

impl Wide {
    /// Forgets the last tile.
    pub(crate) fn forget(&mut self) {
        self.correlations.clear();
    }

    /// The correlations of each part, with its first column in a tile of `T`.
    pub(crate) fn parts<T: Scalar>(&self) -> impl Iterator<Item = (usize, &[f64])> {
        let part = self.part_len::<T>();
        (0..)
            .step_by(f64::tile())
            .zip(self.correlations.chunks_exact(part))
    }

    /// The same, to be written to.
    pub(crate) fn parts_mut<T: Scalar>(&mut self) -> impl Iterator<Item = (usize, &mut [f64])> {
        let part = self.part_len::<T>();
        (0..)
            .step_by(f64::tile())
            .zip(self.correlations.chunks_exact_mut(part))
    }

    /// Numbers of a part. Tiles of `T` are as wide as those of `f64`, or some times as wide.
    fn part_len<T: Scalar>(&self) -> usize {
        self.correlations.len() / (T::tile() / f64::tile())
    }

    /// Calls `visit(first, part)` for each part of a tile whose correlations are there, with its codes; `first` is its first
    /// column.
    pub(crate) fn for_each_part<T: Scalar>(
        &mut self,
        padded_atoms: usize,
        codes: &[T],
        mut visit: impl FnMut(usize, WidePart<'_>),
    ) {
        let tile = padded_atoms * f64::tile();
        self.codes.resize(tile, 0.0);
        self.pull.resize(tile, 0.0);
        self.residual.resize(f64::tile(), 0.0);
        self.poison.resize(f64::tile(), 0.0);
        let parts = self.correlations.chunks_exact(tile);
        for (first, correlations) in (0..).step_by(f64::tile()).zip(parts) {
            Self::take(codes, first, &mut self.codes);
            visit(
                first,
                WidePart {
                    correlations,
                    codes: &self.codes,
                    pull: &mut self.pull,
                    residual: &mut self.residual,
                    poison: &mut self.poison,
                },
            );
        }
    }

    /// `c = D'x` of one column, length n; the correlations have to be there.
    pub(crate) fn column_correlations(&self, padded_atoms: usize, column: usize) -> Vec<f64> {
        let width = f64::tile();
        let part = self.correlations.chunks_exact(padded_atoms * width);
        let rows = part.skip(column / width).take(1).flatten();
        rows.skip(column % width).step_by(width).copied().collect()
    }

    /// Columns `first..` of a tile as a tile of its own.
    pub(crate) fn take<T: Scalar>(from: &[T], first: usize, to: &mut [f64]) {
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
