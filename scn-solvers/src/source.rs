//! Sources of the correlations of a tile.

use std::ops::Range;

use faer::MatRef;
use faer::traits::math_utils::sqrt;

use crate::memory::{Norms, TileMemory, Wide};
use crate::problem::Problem;
use crate::tile::columns::{load, tile_columns};
use crate::tile::kernels::{
    AllInRange, ColumnSquares, CorrelateColumns, CorrelateTile, IntoTile, NormBounds, SquareRoots,
};
use crate::tile::{ColumnSource, Kernels, Real, Scalar, narrower_than_f64};

/// Number of signals that share one norm where a bound suffices.
const TOGETHER: usize = 8;

/// A source of the correlations `c` of any columns: in the type of the tile for the solve, in `f64`
/// where rounding matters.
pub(crate) trait Correlations<T: Scalar>: Sync + std::fmt::Debug {
    /// Fills `memory.correlations`.
    fn load(&self, columns: Range<usize>, memory: &mut TileMemory<T>);

    /// Fills both `memory.correlations` and `memory.wide.correlations`, in one computation if
    /// possible.
    fn load_both(&self, columns: Range<usize>, memory: &mut TileMemory<T>) {
        self.load(columns.clone(), memory);
        self.load_in_f64(columns, memory);
    }

    /// Fills `memory.wide.correlations`. The columns must be those last loaded.
    fn load_in_f64(&self, columns: Range<usize>, memory: &mut TileMemory<T>);

    /// Fills `memory.signal_norms` with norms of the signals, or upper bounds, that bound the
    /// rounding error of `memory.correlations`; 0 if the correlations are exact. The columns must
    /// be those last loaded.
    fn measure_norms(&self, columns: Range<usize>, memory: &mut TileMemory<T>, how: Norms);

    /// Fills `memory.squares` with `||x||²` of each signal, or empties it if there are no signals.
    fn measure_squares(&self, columns: Range<usize>, memory: &mut TileMemory<T>);

    /// Whether some x satisfies `c = D'x`, so that the objective has a minimum.
    fn has_signals(&self) -> bool;
}

/// The correlations `D'x` of signals.
pub(crate) struct OfSignals<'a, T: Scalar> {
    pub(crate) problem: &'a Problem<T>,
    pub(crate) signals: &'a dyn ColumnSource<T>,
    /// `D'x`, if it is already known.
    pub(crate) known: Option<MatRef<'a, T>>,
}

impl<'a, T: Scalar> OfSignals<'a, T> {
    /// Creates a source for signals whose `D'x` is still to be computed.
    pub(crate) fn new(problem: &'a Problem<T>, signals: &'a dyn ColumnSource<T>) -> Self {
        Self {
            problem,
            signals,
            known: None,
        }
    }
}

impl<T: Scalar> std::fmt::Debug for OfSignals<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OfSignals")
            .field("columns", &self.signals.columns())
            .finish_non_exhaustive()
    }
}

impl<T: Scalar> OfSignals<'_, T> {
    fn correlate(&self, columns: Range<usize>, memory: &mut TileMemory<T>) {
        let (dictionary, width) = (self.problem.operator().atom_groups(), T::tile());
        let TileMemory {
            signals: packed,
            by_column,
            correlations,
            watch,
            times,
            ..
        } = memory;
        let in_memory = self.signals.in_memory();
        if let Some(matrix) = in_memory.and_then(MatRef::try_as_col_major) {
            let atoms = dictionary.padded_atoms();
            by_column.resize(atoms * width, T::ZERO);
            let found = &mut by_column[..atoms * columns.len()];
            let signals = columns.clone().map(|column| matrix.col(column).as_slice());
            let signals = tile_columns(signals);
            T::correlate_columns(CorrelateColumns {
                dictionary,
                signals: &signals[..columns.len()],
                out: found,
            });
            if columns.len() < width {
                correlations.fill(T::ZERO);
            }
            let found = tile_columns(found.chunks_exact(atoms));
            T::into_tile(IntoTile {
                columns: &found[..columns.len()],
                tile: correlations,
            });
        } else {
            packed.resize(self.problem.rows() * width, T::ZERO);
            if columns.len() < width {
                packed.fill(T::ZERO);
            }
            self.signals.pack(columns, packed, width);
            watch.lap(&mut times.gather);
            T::correlate_tile(CorrelateTile {
                dictionary,
                signals: packed,
                out: correlations,
            });
        }
    }
}

impl<T: Scalar> Correlations<T> for OfSignals<'_, T> {
    fn load(&self, columns: Range<usize>, memory: &mut TileMemory<T>) {
        match self.known {
            Some(known) => load_tile(known, columns, &mut memory.correlations),
            None => self.correlate(columns, memory),
        }
    }

    fn load_both(&self, columns: Range<usize>, memory: &mut TileMemory<T>) {
        if self.known.is_some() || !narrower_than_f64::<T>() {
            self.load(columns.clone(), memory);
            return self.load_in_f64(columns, memory);
        }
        self.load_in_f64(columns, memory);
        let TileMemory {
            correlations, wide, ..
        } = memory;
        for (first, part) in wide.parts::<T>() {
            Wide::round(part, first, correlations);
        }
    }

    fn load_in_f64(&self, columns: Range<usize>, memory: &mut TileMemory<T>) {
        if !narrower_than_f64::<T>() {
            return widen(memory);
        }
        let exact = self.problem.exact();
        let (rows, width) = (self.problem.rows(), T::tile());
        let TileMemory { signals, wide, .. } = memory;
        signals.resize(rows * width, T::ZERO);
        signals.fill(T::ZERO);
        self.signals.pack(columns, signals, width);
        wide.correlations
            .resize(exact.diagonal().len() * width, 0.0);
        let mut part_of_signals = std::mem::take(&mut wide.signals);
        part_of_signals.resize(rows * f64::tile(), 0.0);
        for (first, out) in wide.parts_mut::<T>() {
            Wide::take(signals, first, &mut part_of_signals);
            f64::correlate_tile(CorrelateTile {
                dictionary: exact.operator().atom_groups(),
                signals: &part_of_signals,
                out,
            });
        }
        wide.signals = part_of_signals;
    }

    fn measure_norms(&self, columns: Range<usize>, memory: &mut TileMemory<T>, how: Norms) {
        let (rows, width) = (self.problem.rows(), T::tile());
        let TileMemory {
            signals: packed,
            signal_norms: norms,
            norms_known,
            ..
        } = memory;
        *norms_known = how;
        let in_memory = self.signals.in_memory();
        if let Some(matrix) = in_memory.and_then(MatRef::try_as_col_major) {
            let signals = tile_columns(columns.clone().map(|k| matrix.col(k).as_slice()));
            let signals = &signals[..columns.len()];
            norms.fill(T::ZERO);
            T::norm_bounds(NormBounds {
                columns: signals,
                together: if how == Norms::Each { 1 } else { TOGETHER },
                squares: norms,
            });
            return roots(norms, TOGETHER * rows, |k| {
                sized(
                    signals
                        .get(k)
                        .into_iter()
                        .flat_map(|signal| signal.iter().copied()),
                )
            });
        }
        if self.known.is_some() {
            packed.resize(rows * width, T::ZERO);
            packed.fill(T::ZERO);
            self.signals.pack(columns, packed, width);
        }
        *norms_known = Norms::Each;
        T::column_squares(ColumnSquares {
            tile: packed,
            squares: norms,
        });
        roots(norms, rows, |column| {
            sized(packed.iter().skip(column).step_by(width).copied())
        });
    }

    fn measure_squares(&self, columns: Range<usize>, memory: &mut TileMemory<T>) {
        let TileMemory {
            signals: packed,
            squares,
            ..
        } = memory;
        squares.clear();
        let in_memory = self.signals.in_memory();
        if let Some(matrix) = in_memory.and_then(MatRef::try_as_col_major) {
            squares.extend(columns.map(|column| square(matrix.col(column).as_slice())));
            return;
        }
        let width = T::tile();
        squares.resize(columns.len(), 0.0);
        packed.resize(self.problem.rows() * width, T::ZERO);
        self.signals.pack(columns, packed, width);
        for row in packed.chunks_exact(width) {
            for (square, value) in squares.iter_mut().zip(row) {
                *square += value.to_f64() * value.to_f64();
            }
        }
    }

    fn has_signals(&self) -> bool {
        true
    }
}

/// Correlations given as a matrix, in the type of the tile. They are considered exact, whatever
/// their origin.
#[derive(Debug)]
pub(crate) struct FromMatrix<'a, T>(pub(crate) MatRef<'a, T>);

impl<T: Scalar> Correlations<T> for FromMatrix<'_, T> {
    fn load(&self, columns: Range<usize>, memory: &mut TileMemory<T>) {
        load_tile(self.0, columns, &mut memory.correlations);
    }

    fn load_in_f64(&self, _: Range<usize>, memory: &mut TileMemory<T>) {
        widen(memory);
    }

    fn measure_norms(&self, _: Range<usize>, memory: &mut TileMemory<T>, _: Norms) {
        memory.signal_norms.fill(T::ZERO);
        memory.norms_known = Norms::Each;
    }

    fn measure_squares(&self, _: Range<usize>, memory: &mut TileMemory<T>) {
        memory.squares.clear();
    }

    fn has_signals(&self) -> bool {
        false
    }
}

fn load_tile<T: Scalar>(correlations: MatRef<'_, T>, columns: Range<usize>, out: &mut [T]) {
    out.fill(T::ZERO);
    let correlations = correlations.subcols(columns.start, columns.len());
    load(correlations, out, T::tile());
}

/// Converts the correlations to `f64` as they are.
pub(crate) fn widen<T: Scalar>(memory: &mut TileMemory<T>) {
    let TileMemory {
        correlations, wide, ..
    } = memory;
    wide.correlations.resize(correlations.len(), 0.0);
    for (first, out) in wide.parts_mut::<T>() {
        Wide::take(correlations, first, out);
    }
}

/// Replaces sums of `count` squares with their square roots. Where overflow or underflow has spoilt
/// a sum, the root is `otherwise(column)`.
fn roots<T: Scalar>(sums: &mut [T], count: usize, otherwise: impl Fn(usize) -> f64) {
    let lost = T::MIN_POSITIVE / T::EPSILON * T::from_f64(count as f64);
    if T::all_in_range(AllInRange {
        values: sums,
        least: lost,
    }) {
        return T::square_roots(SquareRoots(sums));
    }
    for (column, sum) in sums.iter_mut().enumerate() {
        *sum = if sum.finite() && *sum >= lost {
            sqrt(sum)
        } else {
            T::from_f64(otherwise(column))
        };
    }
}

/// Returns the sum of squares in `f64`, from several partial sums so that additions do not wait for
/// each other.
fn square<T: Scalar>(values: &[T]) -> f64 {
    let (groups, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for group in groups {
        for (sum, value) in sums.iter_mut().zip(group) {
            *sum += value.to_f64() * value.to_f64();
        }
    }
    let rest = rest.iter().map(|value| value.to_f64() * value.to_f64());
    sums.into_iter().chain(rest).sum()
}

/// Returns an upper bound on the norm without squaring, by Hölder's inequality.
fn sized<T: Scalar>(values: impl Iterator<Item = T>) -> f64 {
    let (sum, largest) = values.fold((0.0, 0.0_f64), |(sum, largest), value| {
        let size = value.to_f64().abs();
        (sum + size, largest.max(size))
    });
    sum.sqrt() * largest.sqrt()
}
