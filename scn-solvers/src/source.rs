//! Where the correlations of a tile come from.

use std::ops::Range;

use faer::MatRef;

use crate::columns::load;
use crate::kernel::{
    Compiled, CorrelateColumns, CorrelateTile, IntoTile, LARGEST_TILE, SumOfSquares, tile_columns,
};
use crate::kkt::narrower_than_f64;
use crate::workspace::Wide;
use crate::{ColumnSource, Problem, Scalar, Workspace};

/// Supplies the correlations `c` of any columns: in the type of the tile for the solve, in `f64` where rounding matters.
pub(crate) trait Correlations<T: Scalar>: Sync + std::fmt::Debug {
    /// Fills `workspace.correlations`.
    fn load(&self, columns: Range<usize>, workspace: &mut Workspace<T>);

    /// Fills `workspace.wide.correlations`, too, of which the others are rounded.
    fn load_both(&self, columns: Range<usize>, workspace: &mut Workspace<T>);

    /// Fills `workspace.wide.correlations`. The columns are those last loaded.
    fn load_in_f64(&self, columns: Range<usize>, workspace: &mut Workspace<T>);

    /// The norm of all signals together, or more: with it `workspace.correlations` are off by no more than rounding says. It is next
    /// to no work. The columns are those last loaded.
    fn norm(&self, columns: Range<usize>, workspace: &mut Workspace<T>) -> f64;

    /// Fills `workspace.signal_norms` with the norms of the signals, or more. The columns are those last loaded.
    fn measure_norms(&self, columns: Range<usize>, workspace: &mut Workspace<T>);

    /// Whether there is an x with `c = D'x`, so that the objective has a minimum.
    fn has_signals(&self) -> bool;
}

/// `D'x` of signals.
pub(crate) struct OfSignals<'a, T: Scalar> {
    pub(crate) problem: &'a Problem<T>,
    pub(crate) signals: &'a dyn ColumnSource<T>,
    /// The same `D'x`, where it is there already.
    pub(crate) known: Option<MatRef<'a, T>>,
}

impl<T: Scalar> std::fmt::Debug for OfSignals<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OfSignals")
            .field("columns", &self.signals.columns())
            .finish_non_exhaustive()
    }
}

impl<T: Scalar> OfSignals<'_, T> {
    fn correlate(&self, columns: Range<usize>, workspace: &mut Workspace<T>) {
        let (dictionary, width) = (self.problem.atom_groups(), T::tile());
        let Workspace {
            signals: packed,
            by_column,
            correlations,
            watch,
            times,
            ..
        } = workspace;
        let in_memory = self.signals.in_memory();
        if let Some(matrix) = in_memory.and_then(MatRef::try_as_col_major) {
            let atoms = dictionary.padded_atoms();
            by_column.resize(atoms * width, T::ZERO);
            let found = &mut by_column[..atoms * columns.len()];
            let signals = columns.clone().map(|column| matrix.col(column).as_slice());
            let signals = tile_columns(signals);
            T::dispatch(CorrelateColumns {
                dictionary,
                signals: &signals[..columns.len()],
                out: found,
            });
            if columns.len() < width {
                correlations.fill(T::ZERO);
            }
            let found = tile_columns(found.chunks_exact(atoms));
            T::dispatch(IntoTile {
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
            T::dispatch(CorrelateTile {
                dictionary,
                signals: packed,
                out: correlations,
            });
        }
    }
}

impl<T: Scalar> Correlations<T> for OfSignals<'_, T> {
    fn load(&self, columns: Range<usize>, workspace: &mut Workspace<T>) {
        match self.known {
            Some(known) => load_tile(known, columns, &mut workspace.correlations),
            None => self.correlate(columns, workspace),
        }
    }

    fn load_both(&self, columns: Range<usize>, workspace: &mut Workspace<T>) {
        if self.known.is_some() || !narrower_than_f64::<T>() {
            self.load(columns.clone(), workspace);
            return self.load_in_f64(columns, workspace);
        }
        self.load_in_f64(columns, workspace);
        let Workspace {
            correlations, wide, ..
        } = workspace;
        let firsts = (0..T::tile()).step_by(f64::tile());
        let tile = correlations.len() / parts::<T>();
        for (first, part) in firsts.zip(wide.correlations.chunks_exact(tile)) {
            Wide::round(part, first, correlations);
        }
    }

    fn load_in_f64(&self, columns: Range<usize>, workspace: &mut Workspace<T>) {
        if !narrower_than_f64::<T>() {
            return widen(workspace);
        }
        let exact = T::in_f64(self.problem);
        let (rows, width) = (self.problem.rows(), T::tile());
        let Workspace { signals, wide, .. } = workspace;
        signals.resize(rows * width, T::ZERO);
        signals.fill(T::ZERO);
        self.signals.pack(columns, signals, width);
        let tile = exact.diagonal().len() * f64::tile();
        wide.correlations.resize(tile * parts::<T>(), 0.0);
        wide.signals.resize(rows * f64::tile(), 0.0);
        let firsts = (0..width).step_by(f64::tile());
        for (first, out) in firsts.zip(wide.correlations.chunks_exact_mut(tile)) {
            Wide::take(signals, first, &mut wide.signals);
            f64::dispatch(CorrelateTile {
                dictionary: exact.atom_groups(),
                signals: &wide.signals,
                out,
            });
        }
    }

    fn norm(&self, columns: Range<usize>, workspace: &mut Workspace<T>) -> f64 {
        let rows = self.problem.rows();
        let in_memory = self.signals.in_memory();
        if let Some(matrix) = in_memory.and_then(MatRef::try_as_col_major) {
            let signals = columns.clone().map(|column| matrix.col(column).as_slice());
            return norm(&tile_columns(signals)[..columns.len()]);
        }
        let packed = &mut workspace.signals;
        if self.known.is_some() {
            packed.resize(rows * T::tile(), T::ZERO);
            packed.fill(T::ZERO);
            self.signals.pack(columns, packed, T::tile());
        }
        norm(&[packed])
    }

    fn measure_norms(&self, columns: Range<usize>, workspace: &mut Workspace<T>) {
        let Workspace {
            signals,
            signal_norms,
            ..
        } = workspace;
        signal_norms.clear();
        let in_memory = self.signals.in_memory();
        if let Some(matrix) = in_memory.and_then(MatRef::try_as_col_major) {
            signal_norms.extend(columns.map(|column| norm(&[matrix.col(column).as_slice()])));
        } else {
            let (mut sum, mut largest) = ([T::ZERO; LARGEST_TILE], [T::ZERO; LARGEST_TILE]);
            T::dispatch(Compiled(|| {
                for row in signals.chunks_exact(T::tile()) {
                    let columns = sum.iter_mut().zip(&mut largest);
                    for (value, (sum, largest)) in row.iter().zip(columns) {
                        let size = value.magnitude();
                        *sum += size;
                        *largest = if size > *largest { size } else { *largest };
                    }
                }
            }));
            // By Hölder's inequality.
            let norms = sum.iter().zip(&largest);
            let norms = norms.map(|(sum, largest)| (sum.to_f64() * largest.to_f64()).sqrt());
            signal_norms.extend(norms.take(columns.len()));
        }
        signal_norms.resize(T::tile(), 0.0);
    }

    fn has_signals(&self) -> bool {
        true
    }
}

/// Correlations that were given, in the type of the tile: exact, whatever they come from.
#[derive(Debug)]
pub(crate) struct Given<'a, T>(pub(crate) MatRef<'a, T>);

impl<T: Scalar> Correlations<T> for Given<'_, T> {
    fn load(&self, columns: Range<usize>, workspace: &mut Workspace<T>) {
        load_tile(self.0, columns, &mut workspace.correlations);
    }

    fn load_in_f64(&self, _: Range<usize>, workspace: &mut Workspace<T>) {
        widen(workspace);
    }

    fn load_both(&self, columns: Range<usize>, workspace: &mut Workspace<T>) {
        self.load(columns, workspace);
        widen(workspace);
    }

    fn norm(&self, _: Range<usize>, _: &mut Workspace<T>) -> f64 {
        0.0
    }

    fn measure_norms(&self, _: Range<usize>, workspace: &mut Workspace<T>) {
        workspace.signal_norms.clear();
        workspace.signal_norms.resize(T::tile(), 0.0);
    }

    fn has_signals(&self) -> bool {
        false
    }
}

/// Parts in `f64` of a tile.
fn parts<T: Scalar>() -> usize {
    T::tile() / f64::tile()
}

fn load_tile<T: Scalar>(correlations: MatRef<'_, T>, columns: Range<usize>, out: &mut [T]) {
    out.fill(T::ZERO);
    let correlations = correlations.subcols(columns.start, columns.len());
    load(correlations, out, T::tile());
}

/// The correlations as they are.
pub(crate) fn widen<T: Scalar>(workspace: &mut Workspace<T>) {
    let Workspace {
        correlations, wide, ..
    } = workspace;
    wide.correlations.resize(correlations.len(), 0.0);
    let tile = correlations.len() / parts::<T>();
    let firsts = (0..T::tile()).step_by(f64::tile());
    for (first, out) in firsts.zip(wide.correlations.chunks_exact_mut(tile)) {
        Wide::take(correlations, first, out);
    }
}

/// A bound of the norm of all these numbers.
fn norm<T: Scalar>(slices: &[&[T]]) -> f64 {
    let count = slices.iter().map(|slice| slice.len()).sum::<usize>() as f64;
    let square = T::dispatch(SumOfSquares(slices)).to_f64();
    // Squares below the range of the type count for nothing in it.
    let lost = count * T::MIN_POSITIVE.to_f64();
    if square.is_finite() && square >= lost / T::EPSILON.to_f64() {
        return square.sqrt();
    }
    let sizes = slices.iter().flat_map(|slice| slice.iter());
    let (sum, largest) = sizes.fold((0.0, 0.0_f64), |(sum, largest), value| {
        let size = value.to_f64().abs();
        (sum + size, largest.max(size))
    });
    // By Hölder's inequality.
    sum.sqrt() * largest.sqrt()
}
