//! The adjoint of a range of columns, tile by tile, on one thread.

use std::ops::Range;

use faer::MatRef;
use scn_solvers::tile::{
    Grouped, add_combinations, dictionary_product, expect_columns, padded, subtract_signed,
};
use scn_solvers::{Problem, Scalar};

use crate::gradients::TileSums;
use crate::laps::Laps;
use crate::load::load;
use crate::masked::MaskedTile;
use crate::{AdjointTimes, Linearization, MaskedReport, MaskedSolver, SignalGradient};

/// The workspace of one thread: a few tiles. It grows as needed and can serve different problems.
#[derive(Debug, Clone, Default)]
pub(crate) struct Adjoint<T> {
    signals: Vec<T>,
    codes: Vec<T>,
    cotangent: Vec<T>,
    /// `D y`
    product: Vec<T>,
    /// `y`, transposed.
    grouped: Grouped<T>,
    tile: MaskedTile<T>,
    /// `-sum s_j y_j`, with a separate sum for each column of a tile: n rows.
    lambda1: Vec<T>,
    laps: Laps,
    times: AdjointTimes,
}

/// State shared by the threads that work on a batch.
#[derive(Clone, Copy)]
pub(crate) struct AdjointOf<'a, T: Scalar> {
    pub(crate) point: &'a Linearization<'a, T>,
    pub(crate) solver: &'a dyn MaskedSolver<T>,
    /// dLoss/da of the whole batch, n × P.
    pub(crate) cotangent: MatRef<'a, T>,
    /// Whether reports contain times.
    pub(crate) timed: bool,
}

impl<T: Scalar> Adjoint<T> {
    /// Creates an empty workspace.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds the adjoint of some columns to `sums`, and `dLoss/dx = D y` to `signal_gradient` if
    /// there is one.
    ///
    /// # Panics
    /// Panics if the point does not have these columns, or if shapes differ;
    /// [`Linearization::vjp_in_tasks`] checks both.
    pub(crate) fn columns(
        &mut self,
        batch: AdjointOf<'_, T>,
        columns: Range<usize>,
        sums: &mut TileSums<T>,
        mut signal_gradient: Option<&mut dyn SignalGradient<T>>,
    ) -> MaskedReport {
        let AdjointOf {
            point,
            solver,
            cotangent,
            timed,
        } = batch;
        let problem = point.problem();
        let mut report = MaskedReport::empty();
        self.tile.forget();
        self.times = AdjointTimes::default();
        self.laps = Laps::start(timed);
        self.lambda1.clear();
        self.lambda1.resize(problem.atoms() * T::tile(), T::ZERO);
        for first in columns.clone().step_by(T::tile()) {
            let range = first..(first + T::tile()).min(columns.end);
            load(problem, point.codes(), range.clone(), &mut self.codes);
            load(problem, cotangent, range.clone(), &mut self.cotangent);
            self.tile
                .load(problem, &self.codes, &self.cotangent, range.len());
            let next = range.end..(range.end + T::tile()).min(columns.end);
            expect_columns(point.codes(), next.clone());
            expect_columns(cotangent, next);
            self.laps.lap(&mut self.times.gather);
            report = report.merge(solver.solve(problem, &mut self.tile, first));
            self.laps.lap(&mut self.times.solve);
            self.accumulate(point, range.clone(), sums);
            self.laps.lap(&mut self.times.sums);
            if let Some(gradient) = signal_gradient.as_deref_mut() {
                self.pull_back(problem, range, gradient);
            }
        }
        let by_atom = self.lambda1.chunks_exact(T::tile());
        for (sum, by_column) in sums.lambda1.iter_mut().zip(by_atom) {
            *sum = by_column.iter().fold(*sum, |sum, &value| sum + value);
        }
        report.times = self.times;
        report
    }

    /// Adds `dLoss/dx = D y` of the tile just solved to `gradient`.
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
            add_combinations(problem.operator(), &self.grouped, columns);
            self.laps.lap(&mut self.times.product);
            return;
        }
        self.product
            .resize(padded(problem.rows()) * T::tile(), T::ZERO);
        dictionary_product(problem.operator(), &self.tile.solution, &mut self.product);
        self.laps.lap(&mut self.times.product);
        gradient.add(range, &self.product, T::tile());
        self.laps.lap(&mut self.times.scatter);
    }

    /// Adds `X Y'`, `A Y'` and `-sum s y` of the tile just solved to `sums`.
    fn accumulate(
        &mut self,
        point: &Linearization<'_, T>,
        range: Range<usize>,
        sums: &mut TileSums<T>,
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
            self.laps.lap(&mut self.times.sums);
            point.signals().pack(range, &mut self.signals, T::tile());
            self.laps.lap(&mut self.times.gather);
            sums.signals.add(&self.signals, &self.grouped);
        }

        subtract_signed(&self.codes, &self.tile.solution, &mut self.lambda1);
    }
}
