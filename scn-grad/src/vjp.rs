//! The adjoint of a batch.

use std::ops::Range;

use faer::{MatMut, MatRef};
use scn_solvers::Scalar;

use crate::adjoint::AdjointOf;
use crate::gradients::AdjointSums;
use crate::signal_gradient::MatrixGradient;
use crate::tasks::task_columns;
use crate::workspaces::AdjointWorkspaces;
use crate::{GradError, Gradients, Linearization, MaskedReport, MaskedSolver, SignalGradient};

/// How the adjoint of a batch is shared out among threads.
#[derive(Debug, Clone, Copy)]
pub struct Tasks<'a, T: Scalar> {
    /// Columns that are not divided any more, from the first of the batch on: whole tiles waste nothing.
    pub columns: usize,
    /// The memory of those who work.
    pub workspaces: &'a AdjointWorkspaces<T>,
    /// Whether the report says where the time went.
    pub timed: bool,
}

impl<T: Scalar> Linearization<'_, T> {
    /// The adjoint: given `dLoss/da` (n × P), adds `dLoss/d(D, λ1, λ2)` to `gradients` and `dLoss/dx`, if it is wanted, to
    /// `signal_gradient` (m × P). Spread over the threads of the current `rayon` pool; the result does not depend on
    /// their number. Memory beyond that is some tiles per thread, and for each thread a few times what `gradients` holds.
    ///
    /// # Errors
    /// Shapes that do not fit the problem.
    pub fn vjp(
        &self,
        solver: &dyn MaskedSolver<T>,
        cotangent: MatRef<'_, T>,
        gradients: &mut Gradients<T>,
        signal_gradient: Option<MatMut<'_, T>>,
    ) -> Result<MaskedReport, GradError> {
        let (rows, columns) = (self.problem().rows(), self.codes().ncols());
        if let Some(signal_gradient) = &signal_gradient {
            GradError::check("dLoss/dx", (rows, columns), signal_gradient.shape())?;
        }
        let tasks = Tasks {
            columns: task_columns::<T>(columns),
            workspaces: &AdjointWorkspaces::new(),
            timed: false,
        };
        let signal_gradient = signal_gradient.map(|matrix| MatrixGradient { matrix, offset: 0 });
        self.vjp_in_tasks(solver, cotangent, gradients, signal_gradient, tasks)
    }

    /// As [`vjp`](Self::vjp), with `dLoss/dx` going wherever `signal_gradient` takes it, tasks of a given size, and memory that is
    /// kept.
    ///
    /// Tasks are halved, whole tasks to the left, until one is left, and their sums added up in that tree. So every bit depends on
    /// the batch and the size of a task alone.
    ///
    /// # Errors
    /// Shapes that do not fit the problem.
    pub fn vjp_in_tasks<S: SignalGradient<T>>(
        &self,
        solver: &dyn MaskedSolver<T>,
        cotangent: MatRef<'_, T>,
        gradients: &mut Gradients<T>,
        signal_gradient: Option<S>,
        tasks: Tasks<'_, T>,
    ) -> Result<MaskedReport, GradError> {
        let (rows, atoms) = (self.problem().rows(), self.problem().atoms());
        let columns = self.codes().ncols();
        GradError::check("dLoss/da", (atoms, columns), cotangent.shape())?;
        GradError::check("dLoss/dD", (rows, atoms), gradients.dictionary.shape())?;
        GradError::check("dLoss/dlambda1", (atoms, 1), (gradients.lambda1.len(), 1))?;
        let tree = Tree {
            batch: AdjointOf {
                point: self,
                solver,
                cotangent,
                timed: tasks.timed,
            },
            tasks,
        };
        let (sums, report) = tree.run(0..columns, signal_gradient);
        sums.finish(self.problem(), gradients);
        Ok(report)
    }
}

struct Tree<'a, T: Scalar> {
    batch: AdjointOf<'a, T>,
    tasks: Tasks<'a, T>,
}

impl<T: Scalar> Tree<'_, T> {
    fn run<S: SignalGradient<T>>(
        &self,
        columns: Range<usize>,
        signal_gradient: Option<S>,
    ) -> (AdjointSums<T>, MaskedReport) {
        let task = self.tasks.columns.max(1);
        if columns.len() <= task {
            return self.task(columns, signal_gradient);
        }
        let middle = columns.start + columns.len().div_ceil(task).div_ceil(2) * task;
        let (left, right) = match signal_gradient {
            Some(whole) => {
                let (left, right) = whole.split_at(middle);
                (Some(left), Some(right))
            }
            None => (None, None),
        };
        let ((mut sums, report), (others, later)) = rayon::join(
            || self.run(columns.start..middle, left),
            || self.run(middle..columns.end, right),
        );
        sums.add(&others);
        (sums, report.merge(later))
    }

    fn task<S: SignalGradient<T>>(
        &self,
        columns: Range<usize>,
        mut signal_gradient: Option<S>,
    ) -> (AdjointSums<T>, MaskedReport) {
        let mut sums = AdjointSums::zeros(self.batch.point.problem());
        let report = self.tasks.workspaces.with(|worker| {
            let sink = signal_gradient.as_mut().map(|gradient| {
                gradient.begin();
                gradient as &mut dyn SignalGradient<T>
            });
            worker.columns(self.batch, columns, &mut sums, sink)
        });
        (sums, report)
    }
}
