//! Signals with their codes, and the sums that are taken of them.

use faer::{Accum, Mat, MatMut, MatRef};
use rayon::prelude::*;

use super::{LearnError, LearnObjective};
use crate::encode::encode_with;
use crate::problem::Problem;
use crate::report::{Report, Status};
use crate::solver::Solver;
use crate::start::Start;
use crate::tile::{ColumnSource, Scalar, multiply};
use crate::workspaces::Workspaces;

/// Columns of a task. Tasks depend on shapes alone, and so do the bits.
const TASK: usize = 64;

/// Some signals and their codes.
#[derive(Debug)]
pub(super) struct Coded<T: Scalar> {
    rows: usize,
    atoms: usize,
    count: usize,
    /// m × count, one signal after the other.
    signals: Vec<T>,
    /// n × count, one atom after the other.
    codes: Vec<T>,
    /// `X - D A`, m × count, one signal after the other.
    residuals: Vec<T>,
    workspaces: Workspaces<T>,
}

/// What some signals add up to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    /// Their objectives.
    pub(super) objective: f64,
    /// Their codes that are not zero.
    pub(super) active: u64,
    /// Those whose codes miss the tolerance.
    pub(super) unconverged: usize,
    /// How many they are.
    pub(super) count: usize,
}

impl Totals {
    pub(super) fn add(&mut self, other: Self) {
        self.objective += other.objective;
        self.active += other.active;
        self.unconverged += other.unconverged;
        self.count += other.count;
    }

    pub(super) fn mean(self) -> LearnObjective {
        let count = self.count.max(1) as f64;
        LearnObjective {
            objective: self.objective / count,
            active: self.active as f64 / count,
            unconverged: self.unconverged,
        }
    }
}

impl<T: Scalar> Coded<T> {
    /// No signals yet, of `rows` entries, for `atoms` atoms.
    pub(super) fn new(rows: usize, atoms: usize) -> Self {
        Self {
            rows,
            atoms,
            count: 0,
            signals: Vec::new(),
            codes: Vec::new(),
            residuals: Vec::new(),
            workspaces: Workspaces::new(),
        }
    }

    /// Takes copies of these columns.
    pub(super) fn load(
        &mut self,
        source: &dyn ColumnSource<T>,
        columns: impl ExactSizeIterator<Item = usize>,
    ) {
        self.count = columns.len();
        self.signals.resize(self.rows * self.count, T::ZERO);
        for (column, signal) in columns.zip(self.signals.chunks_exact_mut(self.rows)) {
            source.pack(column..column + 1, signal, 1);
        }
    }

    /// Codes them, from zero, and measures them.
    ///
    /// # Errors
    /// Codes or objectives that are not finite, at this step.
    pub(super) fn encode(
        &mut self,
        solver: &dyn Solver<T>,
        problem: &Problem<T>,
        step: u64,
    ) -> Result<Totals, LearnError> {
        let (rows, atoms, count) = (self.rows, self.atoms, self.count);
        self.codes.resize(atoms * count, T::ZERO);
        let signals = MatRef::from_column_major_slice(&self.signals, rows, count);
        let codes = MatMut::from_row_major_slice_mut(&mut self.codes, atoms, count);
        let report = encode_with(
            solver,
            problem,
            &signals,
            codes,
            Start::Zero,
            &self.workspaces,
        )?;
        let totals = self.measure(problem, &report);
        if report.status == Status::NonFinite || !totals.objective.is_finite() {
            return Err(LearnError::Overflow { step });
        }
        Ok(totals)
    }

    /// What the signals cost: every sum in f64, but for the products of `D a`.
    fn measure(&mut self, problem: &Problem<T>, report: &Report) -> Totals {
        let (rows, atoms, count) = (self.rows, self.atoms, self.count);
        self.residuals.clone_from(&self.signals);
        let codes = &self.codes;
        let lambda2 = problem.penalty().lambda2.to_f64();
        let tasks = self.residuals.par_chunks_mut(rows * TASK).enumerate();
        let parts: Vec<(f64, u64)> = tasks
            .map(|(task, residuals)| {
                let (first, width) = (task * TASK, residuals.len() / rows);
                let all = MatRef::from_row_major_slice(codes, atoms, count);
                let fit = MatMut::from_column_major_slice_mut(residuals, rows, width);
                multiply(
                    fit,
                    Accum::Add,
                    problem.dictionary(),
                    all.subcols(first, width),
                    -T::ONE,
                );
                let square = |sum: f64, value: &T| sum + value.to_f64() * value.to_f64();
                let mut objective = 0.5 * residuals.iter().fold(0.0, square);
                let mut active = 0;
                for (codes, lambda1) in codes.chunks_exact(count).zip(problem.lambda1()) {
                    let (mut absolute, mut squares) = (0.0, 0.0);
                    for code in codes[first..first + width].iter().map(|code| code.to_f64()) {
                        absolute += code.abs();
                        squares += code * code;
                        active += u64::from(code != 0.0);
                    }
                    objective += lambda1.to_f64() * absolute + 0.5 * lambda2 * squares;
                }
                (objective, active)
            })
            .collect();
        let mut totals = Totals {
            count,
            unconverged: report.unconverged.len(),
            ..Totals::default()
        };
        for (objective, active) in parts {
            totals.objective += objective;
            totals.active += active;
        }
        totals
    }

    /// `A <- keep A + factor sum a a'`, `B <- keep B + factor sum x a'`.
    pub(super) fn add_to(&self, a: &mut Mat<T>, b: &mut Mat<T>, keep: T, factor: T) {
        let codes = MatRef::from_row_major_slice(&self.codes, self.atoms, self.count);
        let signals = MatRef::from_column_major_slice(&self.signals, self.rows, self.count);
        for (sums, left) in [(a, codes), (b, signals)] {
            let blocks = sums.par_col_chunks_mut(TASK).enumerate();
            blocks.for_each(|(block, mut sums)| {
                let codes = codes.subrows(block * TASK, sums.ncols());
                for entry in sums
                    .as_mut()
                    .col_iter_mut()
                    .flat_map(|column| column.iter_mut())
                {
                    *entry = if keep == T::ZERO {
                        T::ZERO
                    } else {
                        keep * *entry
                    };
                }
                multiply(sums, Accum::Add, left, codes.transpose(), factor);
            });
        }
    }

    /// The signals, m × count.
    pub(super) fn signals(&self) -> impl Iterator<Item = &[T]> {
        self.signals.chunks_exact(self.rows)
    }

    /// Whether some code uses each atom.
    pub(super) fn uses(&self) -> impl Iterator<Item = bool> {
        let codes = self.codes.chunks_exact(self.count.max(1));
        codes.map(|codes| codes.iter().any(|&code| code != T::ZERO))
    }
}

/// That signals have entries, are as long as atoms, and finite with their squares.
pub(super) fn check_signals<T: Scalar>(
    signals: &dyn ColumnSource<T>,
    rows: usize,
) -> Result<(), LearnError> {
    let (found, columns) = (signals.rows(), signals.columns());
    if found == 0 || columns == 0 {
        return Err(LearnError::NoSignals {
            rows: found,
            columns,
        });
    }
    if found != rows {
        return Err(LearnError::SignalLength {
            expected: rows,
            found,
        });
    }
    let wrong = |column: usize, signal: &mut Vec<T>| {
        signal.resize(rows, T::ZERO);
        signals.pack(column..column + 1, signal, 1);
        if let Some(row) = signal.iter().position(|value| !value.finite()) {
            let found = signal[row].to_f64();
            return Some(LearnError::Signal { column, row, found });
        }
        let square = signal.iter().map(|value| value.to_f64() * value.to_f64());
        let square: f64 = square.sum();
        // Twice as much leaves room for the rounding of sums.
        let norm = square.sqrt();
        (!T::from_f64(2.0 * square).finite()).then_some(LearnError::SignalSize { column, norm })
    };
    let columns = (0..columns).into_par_iter().with_min_len(TASK);
    let first = columns.map_init(Vec::new, |signal, column| wrong(column, signal));
    first
        .find_first(Option::is_some)
        .flatten()
        .map_or(Ok(()), Err)
}
