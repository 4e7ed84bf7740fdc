//! The adjoint of a range of columns, tile by tile, by one worker.

use std::ops::Range;

use faer::{MatMut, MatRef};
use scn_solvers::tile::{
    Grouped, Kernel, Lanes, add_combinations, dictionary_product, expect_columns, padded,
};
use scn_solvers::{ColumnSource, Problem, Scalar, Stopwatch};

use crate::masked::MaskedTile;
use crate::{AdjointSums, AdjointTimes, Linearization, MaskedReport, MaskedSolver};

/// Where `dLoss/dx` goes: the transpose of [`ColumnSource::pack`]. Overlapping windows add up; a matrix takes each column once.
pub trait SignalGradient<T> {
    /// Adds columns: entry i of column `columns.start + k` is `gradient[i * stride + k]`.
    fn add(&mut self, columns: Range<usize>, gradient: &[T], stride: usize);

    /// These columns, where they lie in memory one after the other, each in one piece (row stride 1): they are then added to where
    /// they are.
    fn in_memory(&mut self, columns: Range<usize>) -> Option<MatMut<'_, T>> {
        let _ = columns;
        None
    }
}

/// Adds to columns of a matrix; column `offset` of the batch is its column 0.
pub(crate) struct MatrixGradient<'a, T> {
    pub(crate) matrix: MatMut<'a, T>,
    pub(crate) offset: usize,
}

impl<T: Scalar> MatrixGradient<'_, T> {
    fn columns(&mut self, columns: Range<usize>) -> MatMut<'_, T> {
        let first = columns.start - self.offset;
        self.matrix.as_mut().subcols_mut(first, columns.len())
    }
}

impl<T: Scalar> SignalGradient<T> for MatrixGradient<'_, T> {
    fn add(&mut self, columns: Range<usize>, gradient: &[T], stride: usize) {
        let mut matrix = self.columns(columns);
        let rows = matrix.nrows();
        for (i, row) in gradient.chunks(stride).take(rows).enumerate() {
            for (entry, &value) in matrix.as_mut().row_mut(i).iter_mut().zip(row) {
                *entry += value;
            }
        }
    }

    fn in_memory(&mut self, columns: Range<usize>) -> Option<MatMut<'_, T>> {
        let matrix = self.columns(columns);
        matrix.as_ref().try_as_col_major()?;
        Some(matrix)
    }
}

/// The scratch memory of one worker: some tiles. Grows to what a problem needs and may be used for another afterwards.
#[derive(Debug, Clone, Default)]
pub struct Adjoint<T> {
    signals: Vec<T>,
    codes: Vec<T>,
    cotangent: Vec<T>,
    /// `D y`
    product: Vec<T>,
    /// `y`, turned.
    grouped: Grouped<T>,
    tile: MaskedTile<T>,
    timed: bool,
    watch: Stopwatch,
    times: AdjointTimes,
}

impl<T: Scalar> Adjoint<T> {
    /// An empty workspace.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, with reports that say where the time went, or without.
    pub fn timed(self, timed: bool) -> Self {
        Self { timed, ..self }
    }

    /// Adds the adjoint of some columns: to `sums` what the gradients by the parameters are made of, to
    /// `signal_gradient`, if any, `dLoss/dx = D y`. `cotangent` is dLoss/da, n × P, of the whole batch.
    ///
    /// # Panics
    /// If the columns are not among those of the point, or shapes differ; [`Linearization::vjp`] checks them.
    pub fn columns(
        &mut self,
        point: &Linearization<'_, T>,
        solver: &dyn MaskedSolver<T>,
        cotangent: MatRef<'_, T>,
        columns: Range<usize>,
        sums: &mut AdjointSums<T>,
        mut signal_gradient: Option<&mut dyn SignalGradient<T>>,
    ) -> MaskedReport {
        let problem = point.problem();
        let mut report = MaskedReport::empty();
        self.tile.forget();
        self.times = AdjointTimes::default();
        self.watch = Stopwatch::start(self.timed);
        for first in columns.clone().step_by(T::tile()) {
            let range = first..(first + T::tile()).min(columns.end);
            load(problem, point.codes(), range.clone(), &mut self.codes);
            load(problem, cotangent, range.clone(), &mut self.cotangent);
            self.tile
                .load(problem, &self.codes, &self.cotangent, range.len());
            let next = range.end..(range.end + T::tile()).min(columns.end);
            expect_columns(point.codes(), next.clone());
            expect_columns(cotangent, next);
            self.watch.lap(&mut self.times.gather);
            report = report.merge(solver.solve(problem, &mut self.tile, first));
            self.watch.lap(&mut self.times.solve);
            self.accumulate(point, range.clone(), sums);
            self.watch.lap(&mut self.times.sums);
            if let Some(gradient) = signal_gradient.as_deref_mut() {
                self.pull_back(problem, range, gradient);
            }
        }
        report.times = self.times;
        report
    }

    /// `dLoss/dx = D y` of the tile just solved.
    fn pull_back(
        &mut self,
        problem: &Problem<T>,
        range: Range<usize>,
        gradient: &mut dyn SignalGradient<T>,
    ) {
        if let Some(columns) = gradient.in_memory(range.clone())
            && let Some(columns) = columns.try_as_col_major_mut()
        {
            let columns = columns.col_iter_mut().map(|column| column.as_slice_mut());
            add_combinations(problem, &self.grouped, columns);
            self.watch.lap(&mut self.times.product);
            return;
        }
        self.product
            .resize(padded(problem.rows()) * T::tile(), T::ZERO);
        dictionary_product(problem, &self.tile.solution, &mut self.product);
        self.watch.lap(&mut self.times.product);
        gradient.add(range, &self.product, T::tile());
        self.watch.lap(&mut self.times.scatter);
    }

    /// `X Y'`, `A Y'` and `-sum s y` of the tile just solved.
    fn accumulate(
        &mut self,
        point: &Linearization<'_, T>,
        range: Range<usize>,
        sums: &mut AdjointSums<T>,
    ) {
        let (rows, atoms) = (point.problem().rows(), point.problem().atoms());
        self.grouped.load(&self.tile.solution, atoms);
        sums.codes.add(&self.codes, &self.grouped);
        if let Some(signals) = point.signals().in_memory()
            && let Some(signals) = signals.try_as_col_major()
        {
            let signals = range.map(|column| signals.col(column).as_slice());
            sums.signals.add_columns(signals, &self.grouped);
        } else {
            self.signals.resize(rows * T::tile(), T::ZERO);
            if range.len() < T::tile() {
                self.signals.fill(T::ZERO);
            }
            self.watch.lap(&mut self.times.sums);
            point.signals().pack(range, &mut self.signals, T::tile());
            self.watch.lap(&mut self.times.gather);
            sums.signals.add(&self.signals, &self.grouped);
        }

        T::dispatch(AddLambda1 {
            codes: &self.codes,
            solution: &self.tile.solution,
            sums: &mut sums.lambda1,
        });
    }
}

/// `sum -= s y`, entry by entry; compiled for the widest vectors that the processor has.
struct AddLambda1<'a, T> {
    codes: &'a [T],
    solution: &'a [T],
    sums: &'a mut [T],
}

impl<T: Scalar> Kernel<T> for AddLambda1<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, _: L) {
        let entries = self.sums.iter_mut().zip(self.codes).zip(self.solution);
        for ((sum, &code), &y) in entries {
            *sum += if code < T::ZERO { y } else { -y };
        }
    }
}

/// Columns of a matrix with one row per atom, as a tile.
pub(crate) fn load<T: Scalar>(
    problem: &Problem<T>,
    matrix: MatRef<'_, T>,
    columns: Range<usize>,
    tile: &mut Vec<T>,
) {
    tile.resize(padded(problem.atoms()) * T::tile(), T::ZERO);
    // Rows of padding and columns that are not there are zero, whatever the tile held.
    tile[matrix.nrows() * T::tile()..].fill(T::ZERO);
    if columns.len() < T::tile() {
        tile.fill(T::ZERO);
    }
    matrix.pack(columns, tile, T::tile());
}
