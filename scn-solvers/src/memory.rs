//! The memory of a tile that is being solved.

mod wide;

pub(crate) use wide::Wide;

use crate::problem::Problem;
use crate::tile::{Scalar, padded};
use crate::times::{EncodeTimes, Stopwatch};

/// What every method needs for a tile, and what its certificates do. Grows to what a problem needs and may be used for
/// another problem afterwards. Nothing in it outlives a call.
///
/// All tiles have one row per padded atom but `signals` and `by_column`.
#[derive(Debug, Clone, Default)]
pub(crate) struct TileMemory<T> {
    /// Signals, where their source has to write them somewhere.
    pub(crate) signals: Vec<T>,
    /// Correlations, one column after the other.
    pub(crate) by_column: Vec<T>,
    pub(crate) correlations: Vec<T>,
    pub(crate) codes: Vec<T>,
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
    /// One entry per column: scratch of a certificate.
    pub(crate) row: Vec<T>,
    /// Products with `H` beyond one per pass, which count as passes.
    pub(crate) extra_passes: u32,
    /// `c - H a` of the codes last certified in `f64`; empty unless they were.
    pub(crate) descent: Vec<T>,
    /// The step that led from those codes to these, if it is [near](Self::step_is_near).
    pub(crate) step: Vec<T>,
    /// Whether the codes are those of `descent` after `step`, and that is near.
    pub(crate) step_is_near: bool,
    /// Whether certificates of this tile are taken in `f64`.
    pub(crate) in_f64: bool,
    /// `||x||²` of each column; empty unless asked for.
    pub(crate) squares: Vec<f64>,
    /// Rows of sums over atoms, for duality gaps; empty unless one is asked for.
    pub(crate) gap_sums: Vec<T>,
    pub(crate) watch: Stopwatch,
    pub(crate) times: EncodeTimes,
    /// The tile in `f64`, for certificates of `f32` codes; empty unless one is asked for.
    pub(crate) wide: Wide,
}

impl<T: Scalar> TileMemory<T> {
    /// Sizes every buffer for a problem. What they hold afterwards is not defined, but for whole padding rows that no
    /// kernel ever writes: those are zeroed when a tile is loaded.
    pub(crate) fn fit(&mut self, problem: &Problem<T>) {
        let tile = padded(problem.atoms()) * T::tile();
        for buffer in [&mut self.correlations, &mut self.codes] {
            buffer.resize(tile, T::ZERO);
        }
        for buffer in [
            &mut self.scale,
            &mut self.residual,
            &mut self.row,
            &mut self.rounding,
            &mut self.signal_norms,
            &mut self.code_sum,
            &mut self.largest_code,
        ] {
            buffer.resize(T::tile(), T::ZERO);
        }
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
