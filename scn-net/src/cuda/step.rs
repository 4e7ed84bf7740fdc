//! Submission of a training step to a device.

use std::sync::Arc;

use scn_gpu::layers::batch_norm;
use scn_gpu::layers::loss::softmax_cross_entropy;
use scn_gpu::{Buffer, Targets};

use super::asked::Asked;
use super::laps::Laps;
use super::layers::{CudaLayer, Training};
use super::map::Map;
use super::network::CudaNetwork;
use super::plan::StepPlan;
use crate::error::NetError;
use crate::moments::GroupMoments;
use crate::pass;

impl CudaNetwork {
    /// Submits the forward and the backward pass: the gradients of the contribution of these images
    /// to the mean loss of the batch.
    pub(super) fn ask_gradients(
        &mut self,
        images: Map,
        targets: Targets<'_>,
        plan: &mut StepPlan,
        laps: &mut Laps,
    ) -> Result<Asked, NetError> {
        self.update_problems()?;
        plan.reports.reset()?;
        let (batch_images, first) = (plan.share.batch_images, self.first_learned);
        let mut training = self.training(plan, laps);
        let segment = 0..training.layers.len();
        let trained = pass::forward(&mut training, &[segment], Arc::new(images))?;
        let logits = &trained.logits;
        let mut gradient = Map::unspecified(logits.data.context(), logits.shape)?;
        let loss = softmax_cross_entropy(
            &logits.data,
            targets,
            batch_images,
            &mut gradient.data,
            training.reports,
        )?;
        let (codes, adjoint) = pass::backward(&mut training, trained, Arc::new(gradient), first)?;
        plan.sums.finish(&mut self.weights.parameters)?;
        let finite = self.weights.parameters.check_finite(&mut plan.reports)?;
        Ok(Asked {
            loss,
            codes,
            adjoint,
            finite,
        })
    }

    fn training<'a>(&'a mut self, plan: &'a mut StepPlan, laps: &'a mut Laps) -> Training<'a> {
        Training {
            layers: &self.layers,
            shapes: &self.shapes,
            weights: &mut self.weights,
            solver: &self.solver,
            reports: &mut plan.reports,
            moments: &mut plan.moments,
            sums: &mut plan.sums,
            laps,
        }
    }

    /// Returns the moments of each batch normalisation for groups with these numbers of images;
    /// empty for other layers.
    pub(super) fn batch_moments(
        &mut self,
        images: Map,
        plan: &mut StepPlan,
        groups: &[usize],
    ) -> Result<Vec<Vec<GroupMoments>>, NetError> {
        plan.reports.reset()?;
        let mut laps = Laps::none();
        let mut training = self.training(plan, &mut laps);
        let count = training.layers.len();
        pass::infer(&mut training, count, Arc::new(images))?;
        let (rows, stride) = (plan.moments.rows.download()?, plan.moments.stride);
        let of_layer = |layer: &CudaLayer| match layer {
            CudaLayer::BatchNorm(norm) => norm.of_rows(&rows, stride, groups.iter().copied()),
            _ => Vec::new(),
        };
        Ok(self.layers.iter().map(of_layer).collect())
    }

    /// Updates the running moments with those of the groups of all devices.
    pub(super) fn ask_moments(
        &mut self,
        rows: &Buffer<f32>,
        plan: &StepPlan,
    ) -> Result<(), NetError> {
        let (running, weights) = (&mut self.weights.running, plan.weights.view());
        Ok(batch_norm::blend(rows.view(), weights, self.rate, running)?)
    }

    /// Same as [`ask_moments`](Self::ask_moments), but for this device only.
    pub(super) fn ask_own_moments(&mut self, plan: &StepPlan) -> Result<(), NetError> {
        self.ask_moments(&plan.moments.rows, plan)
    }

    /// Updates the parameters, and the averages of all arrays.
    pub(super) fn ask_descent(&mut self) -> Result<(), NetError> {
        let Self {
            weights,
            settings,
            averages,
            ..
        } = self;
        if self.clips {
            weights.parameters.clip(settings)?;
        }
        weights.parameters.descend(settings)?;
        match averages {
            Some(averages) if self.averaging => averages.ask(weights, settings),
            _ => Ok(()),
        }
    }
}
