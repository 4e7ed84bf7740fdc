//! The scratch memory of one worker.

use crate::tile::padded;
use crate::{Problem, Scalar};

/// The scratch memory of one worker: grows to what a problem needs and may be used for another problem afterwards.
/// Nothing in it outlives a call.
///
/// All tiles have one row per padded atom but `signals` and `columns`.
#[derive(Debug, Clone, Default)]
pub struct Workspace<T> {
    /// Signals, where their source has to write them somewhere.
    pub(crate) signals: Vec<T>,
    /// Correlations, one column after the other.
    pub(crate) columns: Vec<T>,
    pub(crate) correlations: Vec<T>,
    pub(crate) codes: Vec<T>,
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
    /// Passes over the tile, for methods that do something every few of them.
    pub(crate) passes: u32,
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
