//! A training step on a device, in two halves: what is asked for, and what is known once it is done.

use std::ops::Range;
use std::sync::Arc;

use scn_gpu::layers::batch_norm;
use scn_gpu::layers::loss::softmax_cross_entropy;
use scn_gpu::{
    Buffer, GradientSums, LabelsView, PendingFinite, PendingLoss, PendingSolve, ReportValues,
    Reports, SolveReport,
};

use super::laps::{Lap, Laps};
use super::layer::{Back, BatchMoments, CudaLayer, Saved, There};
use super::pipeline::{Recorded, Sent};
use super::{CudaReplica, Map};
use crate::NetError;
use crate::layer::{Activity, AdjointActivity};
use crate::network::{LayerTimes, StepReport};
use crate::replica::{Done, broken_gradient};
use crate::tensor::Shape;

/// Which images of a batch a device takes, and how their moments count.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Share {
    /// Images of this device.
    pub(super) images: usize,
    /// Images of the whole batch.
    pub(super) batch_images: usize,
    /// Into how many groups these images are divided.
    pub(super) groups: usize,
    /// Of the moments of all groups of all devices, a row each and as many of each device: the part that their images are of the batch, or 0 for a row
    /// that is not used.
    pub(super) weights: Vec<f32>,
    /// Rows of each device.
    pub(super) rows: usize,
}

impl Share {
    /// All of a batch.
    pub(super) fn whole(images: usize, groups: usize) -> Self {
        Self::of_devices(images, groups, 1).remove(0).1
    }

    /// The images of each of so many devices, and how they count. Devices share groups as equally as can be; where there are fewer groups than
    /// devices, the share of each is one.
    pub(super) fn of_devices(
        images: usize,
        groups: usize,
        devices: usize,
    ) -> Vec<(Range<usize>, Self)> {
        let all: Vec<_> = scn_data::groups(images, groups.max(devices)).collect();
        // A device may be left without any.
        let of_device = |device: usize| {
            let edge = |device: usize| device * all.len() / devices;
            &all[edge(device)..edge(device + 1)]
        };
        let shares: Vec<_> = (0..devices).map(of_device).collect();
        let rows = shares.iter().map(|share| share.len()).max().unwrap_or(0);
        let weights = shares.iter().flat_map(|share| {
            let weights = share.iter().map(|group| group.len() as f32 / images as f32);
            weights.chain(std::iter::repeat(0.0)).take(rows)
        });
        let weights: Vec<f32> = weights.collect();
        let shares = shares.iter().map(|share| {
            let first = share.first().map_or(0, |group| group.start);
            let range = first..share.last().map_or(first, |group| group.end);
            let share = Self {
                images: range.len(),
                batch_images: images,
                groups: share.len(),
                weights: weights.clone(),
                rows,
            };
            (range, share)
        });
        shares.collect()
    }
}

/// Memory for steps with batches of one size.
#[derive(Debug)]
pub(super) struct StepPlan {
    pub(super) share: Share,
    pub(super) reports: Reports,
    pub(super) moments: BatchMoments,
    weights: Buffer<f32>,
    sums: GradientSums,
    /// What is sent for each step, unless the images are on the device.
    pub(super) sent: Option<Sent>,
    pub(super) recorded: Recorded,
}

/// The reports of a step that has been asked for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    loss: PendingLoss,
    solves: Vec<PendingSolve>,
    adjoint: Vec<PendingSolve>,
    finite: PendingFinite,
}

/// A forward pass.
pub(super) struct Forward {
    pub(super) logits: Arc<Map>,
    /// Of each layer; empty in inference.
    saved: Vec<Saved>,
    /// Of each sparse coding layer.
    pub(super) solves: Vec<PendingSolve>,
}

impl CudaReplica {
    /// The plan for a share of a batch: the one that is there, or a new one.
    pub(super) fn take_plan(&mut self, share: Share) -> Result<StepPlan, NetError> {
        /// The batches of an epoch, its last one, and those of several devices.
        const MOST: usize = 4;
        if let Some(index) = self.plans.iter().position(|plan| plan.share == share) {
            return Ok(self.plans.remove(index));
        }
        self.plans.truncate(MOST - 1);
        let windows = self.windows(share.images)?;
        let stride = self.weights.running.len();
        Ok(StepPlan {
            reports: self.reports()?,
            moments: BatchMoments {
                rows: self.context.zeros(share.rows * stride)?,
                stride,
                groups: share.groups,
            },
            weights: self.context.upload(&share.weights)?,
            sums: GradientSums::new(&self.context, &self.weights.problems, &windows)?,
            share,
            sent: None,
            recorded: Recorded::default(),
        })
    }

    /// Keeps a plan for the next step.
    pub(super) fn keep_plan(&mut self, plan: StepPlan) {
        self.plans.insert(0, plan);
    }

    /// The windows of each sparse coding layer for so many images.
    fn windows(&self, images: usize) -> Result<Vec<scn_gpu::Windows>, NetError> {
        let [channels, height, width] = self.input;
        let mut shape = Shape {
            channels,
            images,
            height,
            width,
        };
        let mut windows = Vec::new();
        for (_, layer) in &self.layers {
            if let CudaLayer::SparseCoding(coding) = layer {
                windows.push(coding.windows(shape)?);
            }
            shape = layer.output_shape(shape)?;
        }
        Ok(windows)
    }

    /// Room for what each sparse coding layer reports there and back, the loss, and whether gradients are finite.
    pub(super) fn reports(&self) -> Result<Reports, NetError> {
        let slots = 2 * self.layers.len() + 1 + self.weights.parameters.len();
        Ok(Reports::new(&self.context, slots)?)
    }

    /// Through all layers, in training with the moments of the batch.
    pub(super) fn forward(
        &self,
        images: Arc<Map>,
        reports: &mut Reports,
        moments: Option<&mut BatchMoments>,
        laps: &mut Laps,
    ) -> Result<Forward, NetError> {
        let training = moments.is_some();
        let mut there = There {
            weights: &self.weights,
            solver: &self.solver,
            reports,
            moments,
        };
        let (mut x, mut saved, mut solves) = (images, Vec::new(), Vec::new());
        laps.begin()?;
        for (index, (_, layer)) in self.layers.iter().enumerate() {
            let passed = layer.forward(x, &mut there)?;
            x = passed.output;
            saved.extend(training.then_some(passed.saved));
            solves.extend(passed.solve);
            laps.end(Lap::Forward(index))?;
        }
        Ok(Forward {
            logits: x,
            saved,
            solves,
        })
    }

    /// Back from dLoss/dlogits to the first layer that learns, replacing the gradients of the parameters. Returns the adjoint solves in
    /// order of flow.
    fn backward(
        &mut self,
        saved: Vec<Saved>,
        gradient: Map,
        plan: &mut StepPlan,
        laps: &mut Laps,
    ) -> Result<Vec<PendingSolve>, NetError> {
        let learns = |(_, layer): &(String, CudaLayer)| !layer.parameters().is_empty();
        let first = self.layers.iter().position(learns).unwrap_or(0);
        laps.begin()?;
        let mut back = Back {
            weights: &mut self.weights,
            solver: &self.solver,
            reports: &mut plan.reports,
            moments: &plan.moments,
            sums: &mut plan.sums,
        };
        let (mut gradient, mut solves) = (Some(gradient), Vec::new());
        for (index, saved) in saved.into_iter().enumerate().skip(first).rev() {
            let Some(dy) = gradient.take() else { break };
            let (dx, solve) =
                self.layers[index]
                    .1
                    .backward(saved, &dy, index > first, &mut back)?;
            gradient = dx;
            solves.extend(solve);
            laps.end(Lap::Backward(index))?;
        }
        plan.sums.finish(&mut self.weights.parameters)?;
        solves.reverse();
        Ok(solves)
    }

    /// There and back: the gradients of what these images have in the mean loss of the batch.
    pub(super) fn ask_gradients(
        &mut self,
        images: Arc<Map>,
        labels: LabelsView<'_>,
        plan: &mut StepPlan,
        laps: &mut Laps,
    ) -> Result<Asked, NetError> {
        self.weights.problems.update(&self.weights.parameters)?;
        plan.reports.reset()?;
        let StepPlan {
            reports, moments, ..
        } = plan;
        let Forward {
            logits,
            saved,
            solves,
        } = self.forward(images, reports, Some(moments), laps)?;
        let mut gradient = Map::unspecified(&self.context, logits.shape)?;
        let loss = softmax_cross_entropy(
            &logits.data,
            labels,
            plan.share.batch_images,
            &mut gradient.data,
            reports,
        )?;
        let adjoint = self.backward(saved, gradient, plan, laps)?;
        let finite = self.weights.parameters.check_finite(&mut plan.reports)?;
        Ok(Asked {
            loss,
            solves,
            adjoint,
            finite,
        })
    }

    /// Moves the running moments towards those of the groups of all devices.
    pub(super) fn ask_moments(
        &mut self,
        rows: &Buffer<f32>,
        plan: &StepPlan,
    ) -> Result<(), NetError> {
        let (running, weights) = (&mut self.weights.running, plan.weights.view());
        Ok(batch_norm::blend(rows.view(), weights, self.rate, running)?)
    }

    /// The same for this device alone.
    pub(super) fn ask_own_moments(&mut self, plan: &StepPlan) -> Result<(), NetError> {
        self.ask_moments(&plan.moments.rows, plan)
    }

    /// Moves the parameters.
    pub(super) fn ask_descent(&mut self) -> Result<(), NetError> {
        Ok(self.weights.parameters.descend(&self.settings)?)
    }

    /// What a step has come to, given its reports and the λ1 of all problems.
    pub(super) fn done(
        &self,
        asked: &Asked,
        values: &ReportValues,
        lambda1: &[f32],
        times: Vec<LayerTimes>,
    ) -> Done {
        let loss = asked.loss.read(values);
        let adjoint = asked.adjoint.iter().map(|solve| {
            let report = solve.read(values);
            AdjointActivity {
                passes: report.mean_passes(),
                residual: f64::from(report.residual),
                factorised: 0,
                unsolved: report.unconverged,
                times: Default::default(),
            }
        });
        let broken = asked.finite.first_broken(values);
        Done {
            non_finite: broken
                .and_then(|index| self.names.get(index).map(|name| broken_gradient(name))),
            report: StepReport {
                loss: loss.loss,
                errors: loss.errors,
                activity: self.activity(&asked.solves, values, lambda1),
                adjoint: adjoint.collect(),
                times,
            },
        }
    }

    /// What the sparse coding layers did, given the λ1 of all problems.
    pub(super) fn activity(
        &self,
        solves: &[PendingSolve],
        values: &ReportValues,
        lambda1: &[f32],
    ) -> Vec<Activity> {
        let coding = self.layers.iter().filter_map(|(_, layer)| match layer {
            CudaLayer::SparseCoding(coding) => Some(coding),
            _ => None,
        });
        let pairs = coding.zip(solves);
        let activity = pairs.map(|(coding, solve)| {
            let lambda1 = self.weights.problems.lambda1_of(coding.problem, lambda1);
            activity_of(coding.atoms, solve.read(values), lambda1)
        });
        activity.collect()
    }
}

fn activity_of(atoms: usize, report: SolveReport, lambda1: &[f32]) -> Activity {
    let sum: f64 = lambda1.iter().map(|&value| f64::from(value)).sum();
    let codes = atoms * report.columns;
    Activity {
        active: report.active as f64 / codes.max(1) as f64,
        lambda1: sum / lambda1.len().max(1) as f64,
        passes: report.mean_passes(),
        kkt: f64::from(report.residual),
        unconverged: report.unconverged,
        columns: report.columns,
        times: Default::default(),
    }
}
