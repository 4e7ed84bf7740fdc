//! The scratch memory of one worker.

use crate::tile::padded;
use crate::{Problem, Scalar};

/// The scratch memory of one worker: grows to what a problem needs and may be used for another problem afterwards.
/// Nothing in it outlives a call.
///
/// All tiles have one row per padded atom, except the signals with one per entry of a signal.
#[derive(Debug, Clone, Default)]
pub struct Workspace<T> {
    pub(crate) signals: Vec<T>,
    pub(crate) correlations: Vec<T>,
    pub(crate) codes: Vec<T>,
    /// `H a` when the residual is measured; free for a solver between passes.
    pub(crate) product: Vec<T>,
    /// `z` of FISTA.
    pub(crate) extrapolated: Vec<T>,
    /// One entry per column: the denominator of the residual.
    pub(crate) scale: Vec<T>,
    /// One entry per column.
    pub(crate) residual: Vec<T>,
    /// One entry per column.
    pub(crate) change: Vec<T>,
    /// One entry per column: `s` of FISTA.
    pub(crate) momentum: Vec<T>,
}

impl<T: Scalar> Workspace<T> {
    /// An empty workspace.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sizes every buffer for a problem. What they hold afterwards is not defined, but for whole padding rows that no
    /// kernel ever writes: those are zeroed when a tile is loaded.
    pub(crate) fn fit(&mut self, problem: &Problem<T>) {
        let tile = padded(problem.atoms()) * T::TILE;
        self.signals.resize(problem.rows() * T::TILE, T::ZERO);
        for buffer in [
            &mut self.correlations,
            &mut self.codes,
            &mut self.product,
            &mut self.extrapolated,
        ] {
            buffer.resize(tile, T::ZERO);
        }
        for buffer in [
            &mut self.scale,
            &mut self.residual,
            &mut self.change,
            &mut self.momentum,
        ] {
            buffer.resize(T::TILE, T::ZERO);
        }
    }
}
