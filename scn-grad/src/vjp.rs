//! The adjoint of a batch.

use std::ops::Range;

use faer::{MatMut, MatRef};
use scn_solvers::Scalar;
use scn_solvers::processes::SumTree;

use crate::adjoint::AdjointOf;
use crate::gradients::TileSums;
use crate::signal_gradient::MatrixGradient;
use crate::tasks::task_columns;
use crate::workspaces::AdjointWorkspaces;
use crate::{
    AdjointSums, GradError, Gradients, Linearization, MaskedReport, MaskedSolver, SignalGradient,
};

/// How the adjoint of a batch is shared out among threads.
#[derive(Debug, Clone, Copy)]
pub struct Tasks<'a, T: Scalar> {
    /// Columns that are not divided any more, from the first of a leaf on: whole tiles waste nothing.
    pub columns: usize,
    /// Columns of a leaf of the tree over the batch, from its first on; the whole batch is halved at leaves alone, and each leaf at
    /// tasks.
    pub leaf: usize,
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
            leaf: usize::MAX,
            workspaces: &AdjointWorkspaces::new(),
            timed: false,
        };
        let signal_gradient = signal_gradient.map(|matrix| MatrixGradient { matrix, offset: 0 });
        self.vjp_in_tasks(solver, cotangent, gradients, signal_gradient, tasks)
    }

    /// As [`vjp`](Self::vjp), with `dLoss/dx` going wherever `signal_gradient` takes it, tasks of a given size, and memory that is
    /// kept.
    ///
    /// Leaves are halved as in a [`SumTree`], and then tasks, until one is left, and their sums added up in that tree. So every bit depends
    /// on the batch and the size of leaves and tasks alone.
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
        gradients.check(self.problem())?;
        let columns = self.codes().ncols();
        let whole = 0..columns;
        let whole = std::slice::from_ref(&whole);
        let (sums, report) = self.vjp_sums(solver, cotangent, signal_gradient, tasks, whole)?;
        for sums in sums {
            sums.finish(self.problem(), gradients)?;
        }
        Ok(report)
    }

    /// As [`vjp_in_tasks`](Self::vjp_in_tasks) for columns that are a part of a batch: the sums over each of some nodes of the tree over
    /// the batch, which somebody else adds up in that tree. Nodes are runs of whole leaves, the last of which may be shorter; they follow
    /// each other and hold all columns.
    ///
    /// # Errors
    /// Shapes that do not fit the problem; nodes that do not follow each other or hold other columns.
    pub fn vjp_sums<S: SignalGradient<T>>(
        &self,
        solver: &dyn MaskedSolver<T>,
        cotangent: MatRef<'_, T>,
        mut signal_gradient: Option<S>,
        tasks: Tasks<'_, T>,
        nodes: &[Range<usize>],
    ) -> Result<(Vec<AdjointSums<T>>, MaskedReport), GradError> {
        let (atoms, columns) = (self.problem().atoms(), self.codes().ncols());
        GradError::check("dLoss/da", (atoms, columns), cotangent.shape())?;
        let tree = Tree {
            batch: AdjointOf {
                point: self,
                solver,
                cotangent,
                timed: tasks.timed,
            },
            tasks,
        };
        let (mut all, mut report, mut end) = (Vec::new(), MaskedReport::empty(), 0);
        for node in nodes {
            GradError::check("the first column of a node", (end, 1), (node.start, 1))?;
            end = node.end.max(node.start).min(columns);
            let (of_node, rest) = split(signal_gradient, end);
            signal_gradient = rest;
            let (sums, of_sums) = tree.run(node.start..end, of_node);
            all.push(sums.into_sums());
            report = report.merge(of_sums);
        }
        GradError::check("the columns of all nodes", (columns, 1), (end, 1))?;
        Ok((all, report))
    }
}

/// The parts before and from a column on.
fn split<T, S: SignalGradient<T>>(whole: Option<S>, column: usize) -> (Option<S>, Option<S>) {
    whole.map(|whole| whole.split_at(column)).unzip()
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
    ) -> (TileSums<T>, MaskedReport) {
        let (task, leaf) = (self.tasks.columns.max(1), self.tasks.leaf.max(1));
        if columns.len() <= task.min(leaf) {
            return self.task(columns, signal_gradient);
        }
        let unit = if columns.len() > leaf { leaf } else { task };
        let middle = columns.start + SumTree::left(columns.len().div_ceil(unit)) * unit;
        let (left, right) = split(signal_gradient, middle);
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
    ) -> (TileSums<T>, MaskedReport) {
        let mut sums = TileSums::zeros(self.batch.point.problem());
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
