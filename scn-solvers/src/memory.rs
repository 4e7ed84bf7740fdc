//! Memory for solving a tile.

mod wide;

pub(crate) use wide::Wide;

use crate::problem::Problem;
use crate::tile::{Scalar, padded};
use crate::times::{EncodeTimes, Stopwatch};

/// The buffers that solvers and certificates need for one tile.
///
/// They grow to the size of the problem and can be reused for a different problem. No value is
/// carried over from one call to the next.
///
/// All tiles except `signals` and `by_column` have one row per padded atom.
#[derive(Debug, Clone, Default)]
pub(crate) struct TileMemory<T> {
    /// Packed signals, if their source is not read in place.
    pub(crate) signals: Vec<T>,
    /// Correlations, stored column by column.
    pub(crate) by_column: Vec<T>,
    pub(crate) correlations: Vec<T>,
    pub(crate) codes: Vec<T>,
    /// The denominator of the residual of each column, or 1 if that is 0.
    pub(crate) scale: Vec<T>,
    /// The KKT residual of each column.
    pub(crate) residual: Vec<T>,
    /// A bound on the rounding error of the residual of each column.
    pub(crate) rounding: Vec<T>,
    /// An upper bound on the norm of each signal, as tight as `norms_known` states.
    pub(crate) signal_norms: Vec<T>,
    pub(crate) norms_known: Norms,
    /// `sum_j √H_jj |a_j|` of each column.
    pub(crate) code_sum: Vec<T>,
    /// `max_j √H_jj |a_j|` of each column.
    pub(crate) largest_code: Vec<T>,
    /// Scratch of certificates, one entry per column.
    pub(crate) row: Vec<T>,
    /// Products with `H` beyond the one of each pass. Each counts as a pass.
    pub(crate) extra_passes: u32,
    /// `c - H a` at the codes where it was last evaluated; empty until it is needed.
    pub(crate) descent: Vec<T>,
    /// The step from the codes of `descent` to the current codes, if
    /// [`step_is_near`](Self::step_is_near).
    pub(crate) step: Vec<T>,
    /// Whether the codes are those of `descent` plus `step`, and the step is small enough for `H d`
    /// to be computed in `T`.
    pub(crate) step_is_near: bool,
    /// Whether certificates of this tile are computed in `f64`.
    pub(crate) in_f64: bool,
    /// `||x||²` of each signal; empty unless requested.
    pub(crate) squares: Vec<f64>,
    /// Rows of sums over atoms, for duality gaps; empty unless one is requested.
    pub(crate) gap_sums: Vec<T>,
    pub(crate) watch: Stopwatch,
    pub(crate) times: EncodeTimes,
    /// The tile in `f64`, for certificates of `f32` codes; empty unless requested.
    pub(crate) wide: Wide,
}

impl<T: Scalar> TileMemory<T> {
    /// Resizes the buffers that every solve needs.
    ///
    /// Their contents are unspecified afterwards. Padding rows, which no kernel writes, are zeroed
    /// when a tile is loaded.
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

/// How tightly the norms of the signals of a tile are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Norms {
    /// Not at all.
    #[default]
    No,
    /// Cheap bounds, each shared by several signals.
    Bounds,
    /// An individual bound for each signal.
    Each,
}
