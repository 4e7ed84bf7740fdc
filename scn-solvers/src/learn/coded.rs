//! Signals with their codes, and the sums over them.

use std::ops::Range;

use faer::{Accum, ContiguousFwd, Mat, MatMut, MatRef};
use rayon::prelude::*;

use super::entries::Entries;
use super::{LearnError, LearnObjective};
use crate::encode::encode_with;
use crate::problem::Problem;
use crate::processes::{ProcessError, Processes, share_columns};
use crate::report::Status;
use crate::solver::Solver;
use crate::start::Start;
use crate::tile::kernels::AddMultiple;
use crate::tile::{ColumnSource, Scalar, multiply};
use crate::workspaces::Workspaces;

/// Columns per task. Tasks depend only on shapes, so the sums are bit-identical for any number of
/// threads.
const TASK: usize = 64;

/// Atoms whose sums are computed by one task.
const BLOCK: usize = 16;

/// A matrix with contiguous columns.
type Columns<'a, T> = MatMut<'a, T, usize, usize, ContiguousFwd>;

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
    entries: Entries<T>,
    /// `X - D A`, m × count, one signal after the other.
    residuals: Vec<T>,
    workspaces: Workspaces<T>,
}

/// The status of codes, exchanged along with them.
#[derive(Debug, Clone, Copy)]
struct Found {
    /// Number of codes that miss the tolerance.
    unconverged: usize,
    /// Whether all codes are finite.
    finite: bool,
}

/// Totals over some signals.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    /// The sum of the objectives.
    pub(super) objective: f64,
    /// The number of active entries of the codes.
    pub(super) active: u64,
    /// The number of codes that miss the tolerance.
    pub(super) unconverged: usize,
    /// The number of signals.
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
    /// Creates an empty set of signals of `rows` entries, for `atoms` atoms.
    pub(super) fn new(rows: usize, atoms: usize) -> Self {
        Self {
            rows,
            atoms,
            count: 0,
            signals: Vec::new(),
            codes: Vec::new(),
            entries: Entries::default(),
            residuals: Vec::new(),
            workspaces: Workspaces::new(),
        }
    }

    /// Copies these columns.
    pub(super) fn load(&mut self, source: &dyn ColumnSource<T>, columns: &[usize]) {
        self.count = columns.len();
        self.signals.resize(self.rows * self.count, T::ZERO);
        let signals = self.signals.par_chunks_exact_mut(self.rows);
        let each = signals.with_min_len(TASK).zip(columns);
        each.for_each(|(signal, &column)| source.pack(column..column + 1, signal, 1));
    }

    /// Encodes the signals, from zero, and measures the codes. Processes share the encoding in
    /// whole tiles, and then all of them have all codes.
    ///
    /// # Errors
    /// Returns an error if codes or objectives are not finite at this step, or if a process has
    /// failed.
    pub(super) fn encode(
        &mut self,
        solver: &dyn Solver<T>,
        problem: &Problem<T>,
        step: u64,
        processes: &dyn Processes,
    ) -> Result<Totals, LearnError> {
        let (rows, atoms, count) = (self.rows, self.atoms, self.count);
        self.codes.resize(atoms * count, T::ZERO);
        let own = |rank| share_columns(count, T::tile(), rank, processes.count());
        let Range { start, end } = own(processes.rank());
        let signals = MatRef::from_column_major_slice(&self.signals, rows, count);
        let signals = signals.subcols(start, end - start);
        let codes = MatMut::from_row_major_slice_mut(&mut self.codes, atoms, count);
        let report = encode_with(
            solver,
            problem,
            &signals,
            codes.subcols_mut(start, end - start),
            Start::Zero,
            &self.workspaces,
        )?;
        let mut found = Found {
            unconverged: report.unconverged.len(),
            finite: report.status != Status::NonFinite,
        };
        if processes.count() > 1 {
            found = self.exchange(found, own, processes)?;
        }
        let totals = self.measure(problem, found.unconverged);
        if !found.finite || !totals.objective.is_finite() {
            return Err(LearnError::Overflow { step });
        }
        Ok(totals)
    }

    /// Sends the codes of this process's columns to all processes and receives theirs. Returns the
    /// status of all codes.
    fn exchange(
        &mut self,
        found: Found,
        own: impl Fn(usize) -> Range<usize>,
        processes: &dyn Processes,
    ) -> Result<Found, ProcessError> {
        let (atoms, count) = (self.atoms, self.count);
        let columns = own(processes.rank());
        let words = [found.unconverged as u64, u64::from(found.finite)];
        let mut part: Vec<u8> = bytemuck::cast_slice(&words).to_vec();
        for row in self.codes.chunks_exact(count) {
            part.extend_from_slice(bytemuck::cast_slice(&row[columns.clone()]));
        }
        let head = size_of_val(&words);
        let length = |rank: usize| head + own(rank).len() * atoms * size_of::<T>();
        let lengths: Vec<usize> = (0..processes.count()).map(length).collect();
        let all = processes.gather(part, &lengths)?.wait()?;
        let mut rest = all.as_slice();
        let mut total = Found {
            unconverged: 0,
            finite: true,
        };
        for (rank, length) in lengths.into_iter().enumerate() {
            let (part, others) = rest.split_at(length);
            rest = others;
            let (words, numbers) = part.split_at(head);
            let words: Vec<u64> = bytemuck::pod_collect_to_vec(words);
            total.unconverged += words[0] as usize;
            total.finite &= words[1] == 1;
            let columns = own(rank);
            let numbers: Vec<T> = bytemuck::pod_collect_to_vec(numbers);
            let pieces = numbers.chunks_exact(columns.len().max(1));
            for (row, piece) in self.codes.chunks_exact_mut(count).zip(pieces) {
                row[columns.clone()].copy_from_slice(piece);
            }
        }
        Ok(total)
    }

    /// Computes the totals of the signals. All sums are in f64, except for the products `D a`.
    fn measure(&mut self, problem: &Problem<T>, unconverged: usize) -> Totals {
        let (rows, atoms, count) = (self.rows, self.atoms, self.count);
        self.entries.take(&self.codes, count);
        self.residuals.clone_from(&self.signals);
        let (codes, entries) = (&self.codes, &self.entries);
        let few = entries.are_few(codes.len());
        let dictionary = problem.dictionary();
        let columns = dictionary.try_as_col_major().filter(|_| few);
        let (lambda1, lambda2) = (problem.lambda1(), problem.penalty().lambda2.to_f64());
        let tasks = self.residuals.par_chunks_mut(rows * TASK).enumerate();
        let objectives: Vec<f64> = tasks
            .map(|(task, residuals)| {
                let (first, width) = (task * TASK, residuals.len() / rows);
                if let Some(dictionary) = columns {
                    for (residual, signal) in residuals.chunks_exact_mut(rows).zip(first..) {
                        let (atoms, codes) = entries.of(signal);
                        for (&atom, &code) in atoms.iter().zip(codes) {
                            T::add_multiple(AddMultiple {
                                factor: -code,
                                values: dictionary.col(atom as usize).as_slice(),
                                sums: residual,
                            });
                        }
                    }
                } else {
                    let all = MatRef::from_row_major_slice(codes, atoms, count);
                    let codes = all.subcols(first, width);
                    let fit = MatMut::from_column_major_slice_mut(residuals, rows, width);
                    multiply(fit, Accum::Add, dictionary, codes, -T::ONE);
                }
                let square = |sum: f64, value: &T| sum + value.to_f64() * value.to_f64();
                let mut objective = 0.5 * residuals.iter().fold(0.0, square);
                for signal in first..first + width {
                    let (atoms, codes) = entries.of(signal);
                    for (&atom, code) in atoms.iter().zip(codes) {
                        let (weight, code) = (lambda1[atom as usize].to_f64(), code.to_f64());
                        objective += weight * code.abs() + 0.5 * lambda2 * code * code;
                    }
                }
                objective
            })
            .collect();
        Totals {
            objective: objectives.into_iter().sum(),
            active: entries.len() as u64,
            unconverged,
            count,
        }
    }

    /// Computes `A <- keep A + factor sum a a'` and `B <- keep B + factor sum x a'`.
    pub(super) fn add_to(&self, a: &mut Mat<T>, b: &mut Mat<T>, keep: T, factor: T) {
        let codes = MatRef::from_row_major_slice(&self.codes, self.atoms, self.count);
        let signals = MatRef::from_column_major_slice(&self.signals, self.rows, self.count);
        let few = self.entries.are_few(self.codes.len());
        let blocks = a.par_col_chunks_mut(BLOCK).zip(b.par_col_chunks_mut(BLOCK));
        blocks.enumerate().for_each(|(block, (mut a, mut b))| {
            scale(a.as_mut(), keep);
            scale(b.as_mut(), keep);
            let of_block = codes.subrows(block * BLOCK, a.ncols()).transpose();
            if few
                && let Some(a) = a.as_mut().try_as_col_major_mut()
                && let Some(b) = b.as_mut().try_as_col_major_mut()
            {
                self.add_entries(block * BLOCK, a, b, factor);
            } else {
                multiply(a, Accum::Add, codes, of_block, factor);
                multiply(b, Accum::Add, signals, of_block, factor);
            }
        });
    }

    /// Adds the contributions of the codes to the columns of some atoms, from `first` on.
    fn add_entries(&self, first: usize, a: Columns<'_, T>, b: Columns<'_, T>, factor: T) {
        let columns = a.col_iter_mut().zip(b.col_iter_mut());
        for ((a, b), atom) in columns.zip(first..) {
            let (a, b) = (a.as_slice_mut(), b.as_slice_mut());
            let codes = &self.codes[atom * self.count..(atom + 1) * self.count];
            for (signal, &code) in codes.iter().enumerate() {
                if code == T::ZERO {
                    continue;
                }
                let factor = factor * code;
                let (atoms, codes) = self.entries.of(signal);
                for (&atom, &code) in atoms.iter().zip(codes) {
                    a[atom as usize] += factor * code;
                }
                T::add_multiple(AddMultiple {
                    factor,
                    values: &self.signals[signal * self.rows..(signal + 1) * self.rows],
                    sums: b,
                });
            }
        }
    }

    /// The signals, one after the other.
    pub(super) fn signals(&self) -> impl Iterator<Item = &[T]> {
        self.signals.chunks_exact(self.rows)
    }

    /// The atom of every active entry of the codes.
    pub(super) fn uses(&self) -> impl Iterator<Item = usize> {
        self.entries.atoms()
    }
}

/// Computes `sums <- keep sums`. If `keep` is zero, the result is zero whatever the sums were.
fn scale<T: Scalar>(sums: MatMut<'_, T>, keep: T) {
    for entry in sums.col_iter_mut().flat_map(|column| column.iter_mut()) {
        *entry = if keep == T::ZERO {
            T::ZERO
        } else {
            keep * *entry
        };
    }
}
