//! The sparse coding layer on a device.

use scn_gpu::{MapShape, PendingSolve, SolveReport, Windows};

use super::contexts::{BackwardContext, ForwardContext};
use super::inventory::Inventory;
use super::map::Map;
use super::weights::Weights;
use crate::error::NetError;
use crate::layer::sparse_coding::SparseCoding;
use crate::pass::Activations;
use crate::report::{Activity, AdjointActivity, SolveCounts};
use crate::shape::Shape;

/// A sparse coding layer.
#[derive(Debug)]
pub(super) struct Coding {
    pub(super) problem: usize,
    pub(super) atoms: usize,
    pub(super) window: usize,
    pub(super) stride: usize,
    /// The indices of dictionary, λ1 and λ2.
    pub(super) parameters: [usize; 3],
}

impl Coding {
    /// Reserves places for the layer in the inventory.
    pub(super) fn new(layer: &SparseCoding, inventory: &mut Inventory) -> Self {
        let parameters = layer.params().map(|param| inventory.parameter(param));
        let atoms = layer.atoms();
        Self {
            problem: inventory.problem(atoms, parameters),
            atoms,
            window: layer.window,
            stride: layer.stride,
            parameters,
        }
    }

    /// Submits the computation of the codes of all windows.
    pub(super) fn forward(
        &self,
        x: &Map,
        codes: &mut Map,
        pass: &mut ForwardContext<'_>,
    ) -> Result<PendingSolve, NetError> {
        let weights = pass.weights;
        let problem = weights.problems.get(self.problem, &weights.parameters)?;
        Ok(problem.encode(
            pass.solver.method,
            &pass.solver.codes,
            self.windows(x.shape)?,
            &x.data,
            &mut codes.data,
            pass.reports,
        )?)
    }

    /// Submits the gradients of the parameters, except for the part that
    /// [`GradientSums::finish`](scn_gpu::GradientSums::finish) adds, and dLoss/dx if `wanted`.
    pub(super) fn backward(
        &self,
        Activations {
            input,
            output: codes,
        }: Activations<'_, Map>,
        dy: &Map,
        wanted: bool,
        pass: &mut BackwardContext<'_>,
    ) -> Result<(Option<Map>, PendingSolve), NetError> {
        let context = input.data.context();
        let weights = &*pass.weights;
        let problem = weights.problems.get(self.problem, &weights.parameters)?;
        let mut adjoint = Map::unspecified(context, codes.shape)?;
        let solve = problem.adjoint(
            &pass.solver.adjoint,
            &codes.data,
            &dy.data,
            &mut adjoint.data,
            pass.reports,
        )?;
        let (x, a, y) = (&input.data, &codes.data, &adjoint.data);
        pass.sums.take(self.problem, &problem, x, a, y)?;
        let dx = if wanted {
            let mut dx = Map::unspecified(context, input.shape)?;
            problem.signal_gradient(self.windows(input.shape)?, y, &mut dx.data)?;
            Some(dx)
        } else {
            None
        };
        Ok((dx, solve))
    }

    pub(super) fn windows(&self, shape: Shape) -> Result<Windows, NetError> {
        let Shape {
            channels,
            images,
            height,
            width,
        } = shape;
        let map = MapShape {
            channels,
            images,
            height,
            width,
        };
        Ok(Windows::new(map, self.window, self.stride)?)
    }

    /// Returns the activity of the layer for a batch, given its report and the λ1 of all problems.
    pub(super) fn activity(
        &self,
        weights: &Weights,
        report: SolveReport,
        lambda1: &[f32],
    ) -> Activity {
        let counts = SolveCounts {
            active: report.active,
            column_passes: report.column_passes,
            residual: f64::from(report.residual),
            unconverged: report.unconverged,
            columns: report.columns,
            times: Default::default(),
        };
        let lambda1 = weights.problems.lambda1_of(self.problem, lambda1);
        Activity::new(self.atoms, lambda1, counts)
    }
}

/// Returns the activity of the adjoint of a sparse coding layer for a batch.
pub(super) fn adjoint_activity(report: SolveReport) -> AdjointActivity {
    AdjointActivity {
        passes: report.mean_passes(),
        residual: f64::from(report.residual),
        factorised: 0,
        unconverged: report.unconverged,
        times: Default::default(),
    }
}
