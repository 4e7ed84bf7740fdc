//! A training step on a device, in two halves: until all gradients are asked for, and until they are known.

use scn_gpu::layers::loss::{Labels, softmax_cross_entropy};
use scn_gpu::update::check_finite;
use scn_gpu::{Buffer, PendingLoss, PendingSolve, Reports};

use super::laps::Laps;
use super::{CudaReplica, Forward, Map};
use crate::NetError;
use crate::layer::AdjointActivity;
use crate::network::StepReport;
use crate::tensor::Tensor;

/// A step whose work has been asked for.
pub(super) struct Step {
    reports: Reports,
    loss: PendingLoss,
    solves: Vec<PendingSolve>,
    adjoint: Vec<PendingSolve>,
    laps: Laps,
}

impl CudaReplica {
    /// There and back: the gradients of what these images have in the mean loss of a batch of `batch_images`.
    pub(super) fn begin_step(
        &mut self,
        images: &Tensor,
        labels: &[u16],
        batch_images: usize,
    ) -> Result<Step, NetError> {
        let mut reports = self.reports()?;
        let mut laps = self.laps();
        let Forward {
            logits,
            saved,
            solves,
        } = self.forward(images, true, &mut reports, &mut laps)?;
        let labels = Labels::upload(&self.context, labels, logits.shape.channels)?;
        let mut gradient = Map::unspecified(&self.context, logits.shape)?;
        let loss = softmax_cross_entropy(
            &logits.data,
            &labels,
            batch_images,
            &mut gradient.data,
            &mut reports,
        )?;
        for ((_, layer), saved) in self.layers.iter_mut().zip(&saved) {
            layer.record(saved)?;
        }
        let adjoint = self.backward(saved, gradient, &mut reports, &mut laps)?;
        Ok(Step {
            reports,
            loss,
            solves,
            adjoint,
            laps,
        })
    }

    /// Waits for the step, and brings what it reports.
    pub(super) fn finish_step(&mut self, step: Step) -> Result<StepReport, NetError> {
        let Step {
            mut reports,
            loss,
            solves,
            adjoint,
            laps,
        } = step;
        let mut finite = Vec::new();
        for (layer, on_device) in &self.layers {
            for (name, param) in on_device.learned() {
                let check = check_finite(&param.gradient, &mut reports)?;
                finite.push((format!("{layer}.{name}"), check));
            }
        }
        let values = reports.download()?;
        let broken = finite.into_iter().find(|(_, check)| !check.read(&values));
        self.non_finite = broken.map(|(name, _)| name);
        let loss = loss.read(&values);
        let adjoint = adjoint.into_iter().map(|solve| {
            let report = solve.read(&values);
            AdjointActivity {
                passes: report.mean_passes(),
                residual: f64::from(report.residual),
                factorised: 0,
                unsolved: report.unconverged,
                times: Default::default(),
            }
        });
        Ok(StepReport {
            loss: loss.loss,
            errors: loss.errors,
            activity: self.activity(&solves, &values)?,
            adjoint: adjoint.collect(),
            times: self.times(&laps)?,
        })
    }

    /// Of all parameters, in order of flow.
    pub(super) fn gradients(&self) -> impl Iterator<Item = &Buffer<f32>> {
        let places = self.layers.iter().flat_map(|(_, layer)| layer.places());
        places.filter_map(|place| place.gradient)
    }

    /// The same, to be changed.
    pub(super) fn gradients_mut(&mut self) -> impl Iterator<Item = &mut Buffer<f32>> {
        let layers = self.layers.iter_mut();
        layers.flat_map(|(_, layer)| layer.gradients_mut())
    }
}
