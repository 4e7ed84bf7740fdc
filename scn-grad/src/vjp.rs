//! VJPs: the adjoint of a batch.

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

/// How the adjoint of a batch is divided among threads.
#[derive(Debug, Clone, Copy)]
pub struct Tasks<'a, T: Scalar> {
    /// Columns per task, counted from the first column of a leaf. Whole tiles are most efficient.
    pub columns: usize,
    /// Columns per leaf of the tree over the batch, counted from its first column. The batch is
    /// divided only between leaves, and each leaf only between tasks.
    pub leaf: usize,
    /// The workspaces of the threads.
    pub workspaces: &'a AdjointWorkspaces<T>,
    /// Whether the report contains times.
    pub timed: bool,
}

impl<T: Scalar> Linearization<'_, T> {
    /// Computes the adjoint: adds all gradients of a loss with given `dLoss/da` (n × P).
    ///
    /// `dLoss/d(D, λ1, λ2)` is added to `gradients`, and `dLoss/dx` to `signal_gradient` (m × P) if
    /// there is one. Columns are spread over the threads of the current `rayon` pool; the result
    /// does not depend on their number. Each thread needs memory for a few tiles and a few copies
    /// of `gradients`.
    ///
    /// # Errors
    /// Returns [`GradError`] if a shape does not fit the problem.
    ///
    /// # Example
    ///
    /// ```
    /// use faer::{Mat, mat};
    /// use scn_grad::{Gradients, Linearization, MaskedCholesky};
    /// use scn_solvers::{ElasticNet, Problem};
    ///
    /// // Over orthonormal atoms an active code is a = x - lambda1.
    /// let dictionary = Mat::<f64>::identity(2, 2);
    /// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.5, 0.0))?;
    /// let (signal, code) = (mat![[2.0], [0.25]], mat![[1.5], [0.0]]);
    /// let point = Linearization::new(&problem, &signal, code.as_ref())?;
    /// let (mut gradients, mut of_signal) = (Gradients::zeros(&problem), Mat::zeros(2, 1));
    /// let (cotangent, out) = (mat![[1.0], [1.0]], Some(of_signal.as_mut()));
    /// let report = point.vjp(&MaskedCholesky, cotangent.as_ref(), &mut gradients, out)?;
    /// assert!(report.converged());
    /// assert_eq!(of_signal, mat![[1.0], [0.0]]);
    /// assert_eq!(gradients.lambda1, [-1.0, 0.0]);
    /// assert_eq!(gradients.dictionary, mat![[-1.0, 0.0], [0.25, 0.0]]); // -D y a' + (x - D a) y'
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

    /// Same as [`vjp`](Self::vjp), but with given tasks, workspaces and destination of `dLoss/dx`.
    ///
    /// The batch is halved at leaves as in a [`SumTree`], and then each leaf at tasks, until one
    /// task is left. Sums are added up in that tree. For the same batch and the same sizes of
    /// leaves and tasks, results are therefore bit-identical.
    ///
    /// # Errors
    /// Returns [`GradError`] if a shape does not fit the problem.
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

    /// Same as [`vjp_in_tasks`](Self::vjp_in_tasks) for a part of a batch, but returns sums over
    /// nodes.
    ///
    /// The result holds one sum for each of the given nodes of the tree over the batch; the caller
    /// adds them up in that tree. Nodes are runs of whole leaves, the last of which may be shorter.
    /// They must be consecutive and contain all columns.
    ///
    /// # Errors
    /// Returns [`GradError`] if a shape does not fit the problem, or if the nodes are not
    /// consecutive or do not contain exactly the columns.
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

/// Splits into the parts before and from a column.
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
