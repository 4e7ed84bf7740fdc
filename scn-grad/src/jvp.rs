//! JVPs: derivatives of codes along a direction.

use std::ops::Range;

use faer::{Accum, MatMut, MatRef};
use rayon::prelude::*;
use scn_solvers::tile::multiply;
use scn_solvers::{ColumnSource, Scalar};

use crate::load::load;
use crate::masked::MaskedTile;
use crate::tasks::task_columns;
use crate::{GradError, Linearization, MaskedReport, MaskedSolver, Tangent};

impl<T: Scalar> Linearization<'_, T> {
    /// Writes the derivative da (n × P) of the codes along a direction to `out`.
    ///
    /// Columns are spread over the threads of the current `rayon` pool.
    ///
    /// # Errors
    /// Returns [`GradError`] if a shape does not fit the problem.
    ///
    /// # Example
    ///
    /// ```
    /// use faer::{Mat, mat};
    /// use scn_grad::{Linearization, MaskedCholesky, Tangent};
    /// use scn_solvers::{ElasticNet, Problem};
    ///
    /// // Over orthonormal atoms an active code is a = x - lambda1, and moves with its signal.
    /// let dictionary = Mat::<f64>::identity(2, 2);
    /// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.5, 0.0))?;
    /// let (signal, code) = (mat![[2.0], [0.25]], mat![[1.5], [0.0]]);
    /// let point = Linearization::new(&problem, &signal, code.as_ref())?;
    /// let (dx, mut da) = (mat![[3.0], [3.0]], Mat::zeros(2, 1));
    /// let tangent = Tangent { signals: Some(dx.as_ref()), ..Tangent::zero() };
    /// assert!(point.jvp(&MaskedCholesky, &tangent, da.as_mut())?.converged());
    /// assert_eq!(da, mat![[3.0], [0.0]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn jvp(
        &self,
        solver: &dyn MaskedSolver<T>,
        tangent: &Tangent<'_, T>,
        out: MatMut<'_, T>,
    ) -> Result<MaskedReport, GradError> {
        let (atoms, columns) = self.codes().shape();
        GradError::check("da", (atoms, columns), out.shape())?;
        tangent.check(self)?;
        if columns == 0 {
            return Ok(MaskedReport::empty());
        }
        let task_columns = task_columns::<T>(columns);
        let reports: Vec<MaskedReport> = out
            .par_col_chunks_mut(task_columns)
            .enumerate()
            .with_max_len(1)
            .map_init(Pushforward::default, |worker, (task, out)| {
                let first = task * task_columns;
                worker.columns(self, solver, tangent, first..first + out.ncols(), out)
            })
            .collect();
        let merge = |report: MaskedReport, next| report.merge(next);
        Ok(reports.into_iter().fold(MaskedReport::empty(), merge))
    }
}

/// The workspace of one thread.
#[derive(Debug, Clone, Default)]
struct Pushforward<T> {
    signals: Vec<T>,
    /// The change of `x - D a` at fixed codes: `dx - dD a`.
    moved: Vec<T>,
    codes: Vec<T>,
    right_side: Vec<T>,
    tile: MaskedTile<T>,
}

impl<T: Scalar> Pushforward<T> {
    /// Writes da of some columns to `out`, whose column 0 is column `columns.start` of the batch:
    ///
    /// ```text
    /// H_LL da_L = ( dD'(x - D a) + D'(dx - dD a) - dλ1 s - dλ2 a )_L,   da = 0 off L
    /// ```
    fn columns(
        &mut self,
        point: &Linearization<'_, T>,
        solver: &dyn MaskedSolver<T>,
        tangent: &Tangent<'_, T>,
        columns: Range<usize>,
        mut out: MatMut<'_, T>,
    ) -> MaskedReport {
        let problem = point.problem();
        let mut report = MaskedReport::empty();
        self.tile.forget();
        for first in columns.clone().step_by(T::tile()) {
            let range = first..(first + T::tile()).min(columns.end);
            load(problem, point.codes(), range.clone(), &mut self.codes);
            self.take_right_side(point, tangent, range.clone());
            self.tile
                .load(problem, &self.codes, &self.right_side, range.len());
            report = report.merge(solver.solve(problem, &mut self.tile, first));
            let mut out = out.as_mut().subcols_mut(first - columns.start, range.len());
            let rows = self.tile.solution.chunks_exact(T::tile());
            for (i, row) in rows.take(problem.atoms()).enumerate() {
                for (entry, &value) in out.as_mut().row_mut(i).iter_mut().zip(row) {
                    *entry = value;
                }
            }
        }
        report
    }

    fn take_right_side(
        &mut self,
        point: &Linearization<'_, T>,
        tangent: &Tangent<'_, T>,
        range: Range<usize>,
    ) {
        let (problem, width) = (point.problem(), T::tile());
        let (rows, atoms) = (problem.rows(), problem.atoms());
        for buffer in [&mut self.signals, &mut self.moved] {
            buffer.clear();
            buffer.resize(rows * width, T::ZERO);
        }
        self.right_side.clear();
        self.right_side.resize(self.codes.len(), T::ZERO);
        if let Some(signals) = tangent.signals {
            signals.pack(range.clone(), &mut self.moved, width);
        }
        let codes = MatRef::from_row_major_slice(&self.codes[..atoms * width], atoms, width);
        let mut right_side =
            MatMut::from_row_major_slice_mut(&mut self.right_side[..atoms * width], atoms, width);
        let mut moved = MatMut::from_row_major_slice_mut(&mut self.moved, rows, width);
        if let Some(direction) = tangent.dictionary {
            point.signals().pack(range, &mut self.signals, width);
            let mut residual = MatMut::from_row_major_slice_mut(&mut self.signals, rows, width);
            let product = |out: MatMut<'_, T>, a: MatRef<'_, T>, b: MatRef<'_, T>, factor: T| {
                multiply(out, Accum::Add, a, b, factor);
            };
            product(residual.as_mut(), problem.dictionary(), codes, -T::ONE);
            product(moved.as_mut(), direction, codes, -T::ONE);
            product(
                right_side.as_mut(),
                direction.transpose(),
                residual.as_ref(),
                T::ONE,
            );
        }
        multiply(
            right_side.as_mut(),
            Accum::Add,
            problem.dictionary().transpose(),
            moved.as_ref(),
            T::ONE,
        );
        let rows = self.right_side.chunks_exact_mut(width);
        for (j, (right_side, codes)) in rows.zip(self.codes.chunks_exact(width)).enumerate() {
            let lambda1 = tangent
                .lambda1
                .and_then(|all| all.get(j))
                .copied()
                .unwrap_or(T::ZERO);
            for (right_side, &code) in right_side.iter_mut().zip(codes) {
                let sign = if code < T::ZERO { -T::ONE } else { T::ONE };
                *right_side -= lambda1 * sign + tangent.lambda2 * code;
            }
        }
    }
}
