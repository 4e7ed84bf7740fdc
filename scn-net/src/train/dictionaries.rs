//! Dictionary learning from a sample of the training images, with progress reports.

use std::ops::ControlFlow;
use std::sync::Arc;

use scn_data::Loader;
use scn_solvers::processes::Processes;

use super::stop::{any_stops, stops_alone};
use crate::config::RunConfig;
use crate::error::{NetError, TrainError};
use crate::init::sample_images;
use crate::network::Network;
use crate::progress::Observer;
use crate::tensor::Tensor;

/// Learns the dictionaries of a new network from images of this loader, which are neither flipped,
/// shifted nor mixed. Returns false if the observer stops the learning.
pub(super) fn learn_dictionaries(
    network: &mut Network,
    training: &Loader,
    config: &RunConfig,
    processes: &dyn Processes,
    observer: &mut dyn Observer,
) -> Result<bool, TrainError> {
    let count = config.network.learned.unwrap_or_default().images;
    let images = training.image_set();
    let sample = images.subset(&sample_images(images.len(), count, config.seed))?;
    let normalization = Arc::clone(training.normalization());
    let sample = Loader::in_order(Arc::new(sample), normalization, training.batch_size())?;
    let batches = sample.epoch(0, 0).map(|batch| Tensor::from_batch(&batch));
    let batches: Vec<Tensor> = batches.collect::<Result<_, _>>()?;
    let learned = network.learn_dictionaries(batches, config.seed, &mut |progress| {
        observer.learning(progress);
        if stops_alone(processes, observer) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    match learned {
        Ok(_) => Ok(!any_stops(processes, observer)?),
        Err(NetError::Stopped) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
