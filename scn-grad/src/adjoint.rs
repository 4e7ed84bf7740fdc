//! The adjoint of a range of columns, by one worker.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use scn_solvers::{Problem, Scalar};

use crate::masked::MaskedTile;
use crate::{AdjointReport, AdjointSums, Linearization, MaskedSolver};

/// Entries of the largest buffer, signals × columns: about what a second-level cache holds in f32.
const BLOCK_ENTRIES: usize = 1 << 17;

/// Where `dLoss/dx` goes: the transpose of [`ColumnSource::pack`](scn_solvers::ColumnSource::pack). Overlapping windows add
/// up; a matrix takes each column once.
pub trait SignalGradient<T> {
    /// Adds columns: entry i of column `columns.start + k` is `gradient[i * stride + k]`.
    fn add(&mut self, columns: Range<usize>, gradient: &[T], stride: usize);
}

/// Adds to columns of a matrix; column `offset` of the batch is its column 0.
pub(crate) struct MatrixGradient<'a, T> {
    pub(crate) matrix: MatMut<'a, T>,
    pub(crate) offset: usize,
}

impl<T: Scalar> SignalGradient<T> for MatrixGradient<'_, T> {
    fn add(&mut self, columns: Range<usize>, gradient: &[T], stride: usize) {
        for (k, j) in columns.enumerate() {
            for i in 0..self.matrix.nrows() {
                self.matrix[(i, j - self.offset)] += gradient[i * stride + k];
            }
        }
    }
}

/// The scratch memory of one worker; grows to what a problem needs and may be used for another afterwards.
#[derive(Debug, Clone, Default)]
pub struct Adjoint<T> {
    signals: Vec<T>,
    codes: Vec<T>,
    cotangent: Vec<T>,
    solution: Vec<T>,
    tile: MaskedTile<T>,
}

impl<T: Scalar> Adjoint<T> {
    /// An empty workspace.
    pub fn new() -> Self {
        Self::default()
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
    ) -> AdjointReport {
        let problem = point.problem();
        let block = block_columns::<T>(problem.rows());
        let mut report = AdjointReport::empty();
        let mut first = columns.start;
        while first < columns.end {
            let range = first..(first + block).min(columns.end);
            report = report.merge(self.solve(point, solver, cotangent, range.clone()));
            self.accumulate(point, range.clone(), sums);
            if let Some(gradient) = signal_gradient.as_deref_mut() {
                self.propagate(problem, range.clone(), gradient);
            }
            first = range.end;
        }
        report
    }

    /// `y` of a block of columns, n × columns.
    fn solve(
        &mut self,
        point: &Linearization<'_, T>,
        solver: &dyn MaskedSolver<T>,
        cotangent: MatRef<'_, T>,
        range: Range<usize>,
    ) -> AdjointReport {
        let problem = point.problem();
        let (atoms, columns) = (problem.atoms(), range.len());
        copy(point.codes().subcols(range.start, columns), &mut self.codes);
        copy(cotangent.subcols(range.start, columns), &mut self.cotangent);
        self.solution.resize(atoms * columns, T::ZERO);
        let mut report = AdjointReport::empty();
        for offset in (0..columns).step_by(T::tile()) {
            let width = T::tile().min(columns - offset);
            self.tile.load(
                problem,
                &self.codes[offset..],
                &self.cotangent[offset..],
                columns,
                width,
            );
            report = report.merge(solver.solve(problem, &mut self.tile, range.start + offset));
            for (row, solution) in self
                .solution
                .chunks_exact_mut(columns)
                .zip(self.tile.solution.chunks_exact(T::tile()))
            {
                row[offset..offset + width].copy_from_slice(&solution[..width]);
            }
        }
        report
    }

    /// `X Y'`, `Y A'` and `-sum s y` of the block just solved.
    fn accumulate(
        &mut self,
        point: &Linearization<'_, T>,
        range: Range<usize>,
        sums: &mut AdjointSums<T>,
    ) {
        let problem = point.problem();
        let (rows, atoms, columns) = (problem.rows(), problem.atoms(), range.len());
        self.signals.resize(rows * columns, T::ZERO);
        point.signals().pack(range, &mut self.signals, columns);
        let signals = MatRef::from_row_major_slice(&self.signals[..rows * columns], rows, columns);
        let codes = MatRef::from_row_major_slice(&self.codes[..atoms * columns], atoms, columns);
        let solution =
            MatRef::from_row_major_slice(&self.solution[..atoms * columns], atoms, columns);
        matmul(
            sums.signals.as_mut(),
            Accum::Add,
            signals,
            solution.transpose(),
            T::ONE,
            Par::Seq,
        );
        matmul(
            sums.codes.as_mut(),
            Accum::Add,
            solution,
            codes.transpose(),
            T::ONE,
            Par::Seq,
        );

        let pairs = self
            .codes
            .chunks_exact(columns)
            .zip(self.solution.chunks_exact(columns));
        for (sum, (codes, solution)) in sums.lambda1.iter_mut().zip(pairs) {
            for (&code, &y) in codes.iter().zip(solution) {
                *sum += if code < T::ZERO { y } else { -y };
            }
        }
    }

    /// `D y` of the block just solved. The signals are no longer needed, so it takes their place.
    fn propagate(
        &mut self,
        problem: &Problem<T>,
        range: Range<usize>,
        gradient: &mut dyn SignalGradient<T>,
    ) {
        let (rows, atoms, columns) = (problem.rows(), problem.atoms(), range.len());
        let solution =
            MatRef::from_row_major_slice(&self.solution[..atoms * columns], atoms, columns);
        let product =
            MatMut::from_row_major_slice_mut(&mut self.signals[..rows * columns], rows, columns);
        matmul(
            product,
            Accum::Replace,
            problem.dictionary(),
            solution,
            T::ONE,
            Par::Seq,
        );
        gradient.add(range, &self.signals, columns);
    }
}

/// Columns handled together: whole tiles, and no more signals than fit a cache.
pub(crate) fn block_columns<T: Scalar>(rows: usize) -> usize {
    (BLOCK_ENTRIES / (rows * T::tile())).clamp(1, 16) * T::tile()
}

/// A matrix as row-major memory.
fn copy<T: Scalar>(matrix: MatRef<'_, T>, out: &mut Vec<T>) {
    let columns = matrix.ncols();
    out.resize(matrix.nrows() * columns, T::ZERO);
    for (row, out) in matrix.row_iter().zip(out.chunks_exact_mut(columns)) {
        if let Some(row) = row.try_as_row_major() {
            out.copy_from_slice(row.as_slice());
        } else {
            for (out, &value) in out.iter_mut().zip(row.iter()) {
                *out = value;
            }
        }
    }
}
