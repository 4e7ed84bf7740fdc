//! Evaluation of the network and of its average after an epoch.

use scn_data::Loader;

use super::run::Run;
use crate::config::{BatchNormConfig, Moments};
use crate::error::{NetError, TrainError};
use crate::evaluate::{Evaluation, evaluate_here};
use crate::network::Network;
use crate::optimizer::Arrays;
use crate::record::AveragedRecord;
use crate::tensor::Tensor;

/// The evaluation of a network on images that it is not trained on.
pub(super) struct Measured {
    /// The result on the validation images, if there are any.
    pub(super) validation: Option<Evaluation>,
    pub(super) test: Evaluation,
}

impl Measured {
    fn of(network: &Network, validation: Option<&Loader>, test: &Loader) -> Result<Self, NetError> {
        let validation = validation.map(|loader| evaluate_here(network, loader));
        Ok(Self {
            validation: validation.transpose()?,
            test: evaluate_here(network, test)?,
        })
    }

    pub(super) fn validation_loss(&self) -> Option<f64> {
        self.validation.as_ref().map(|found| found.loss)
    }

    pub(super) fn validation_error(&self) -> Option<f64> {
        self.validation.as_ref().map(|found| found.error)
    }

    /// Returns the record of the averaged network that was evaluated.
    pub(super) fn averaged_record(&self) -> AveragedRecord {
        AveragedRecord {
            validation_loss: self.validation_loss(),
            validation_error: self.validation_error(),
            test_loss: self.test.loss,
            test_error: self.test.error,
            active: self.test.active.clone(),
        }
    }
}

impl Run {
    /// Estimates the moments of batch normalisation after this epoch, unless running moments are
    /// used.
    pub(super) fn estimate_moments(&mut self, epoch: u64) -> Result<(), TrainError> {
        let norm = self.state.config.network.batch_norm;
        let estimated = estimate_moments(&mut self.network, &self.training, norm, epoch);
        estimated.map_err(|error| self.diverged(error, self.state.batches_done))
    }

    /// Evaluates the network.
    pub(super) fn measure(&self) -> Result<Measured, TrainError> {
        let measured = Measured::of(&self.network, self.validation.as_ref(), &self.test);
        self.checked(measured, "")
    }

    /// Evaluates the network with these values.
    pub(super) fn measure_averaged(&mut self, values: &Arrays) -> Result<Measured, TrainError> {
        let (validation, test) = (self.validation.as_ref(), &self.test);
        let measure = |network: &mut Network| Measured::of(network, validation, test);
        let measured = self.network.with_values(values, measure);
        self.checked(measured.flatten(), " of the averaged network")
    }

    /// Returns all arrays of the averaged network after this epoch, with moments estimated if so
    /// configured. None if no average is kept.
    pub(super) fn averaged(&mut self, epoch: u64) -> Result<Option<Arrays>, TrainError> {
        let norm = self.state.config.network.batch_norm;
        let training = &self.training;
        let averaged = self.optimizer.with_average(&mut self.network, |network| {
            estimate_moments(network, training, norm, epoch)?;
            network.values()
        });
        let averaged = averaged.and_then(Option::transpose);
        averaged.map_err(|error| self.diverged(error, self.state.batches_done))
    }

    /// Returns the evaluation if it is finite.
    fn checked(
        &self,
        measured: Result<Measured, NetError>,
        whose: &str,
    ) -> Result<Measured, TrainError> {
        let step = self.state.batches_done;
        let measured = measured.map_err(|error| self.diverged(error, step))?;
        let validation = measured.validation_loss().map(|loss| ("validation", loss));
        for (what, loss) in validation.into_iter().chain([("test", measured.test.loss)]) {
            if !loss.is_finite() {
                return Err(self.non_finite(step, format!("the {what} loss{whose} after it")));
            }
        }
        Ok(measured)
    }
}

fn estimate_moments(
    network: &mut Network,
    training: &Loader,
    norm: BatchNormConfig,
    epoch: u64,
) -> Result<(), NetError> {
    if norm.moments != Moments::Estimated {
        return Ok(());
    }
    // Use batches of the next epoch: as good as any, and the same in a resumed run.
    let batches = training.epoch(epoch, 0).take(norm.estimation_batches);
    let images: Result<Vec<Tensor>, NetError> =
        batches.map(|batch| Tensor::from_batch(&batch)).collect();
    network.estimate_moments(images?)
}
