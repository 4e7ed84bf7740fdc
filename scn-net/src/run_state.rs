//! The state of a run, which the header of a checkpoint has in addition to that of a model.

use std::path::Path;

use scn_data::DataSource;
use serde::{Deserialize, Serialize};

use crate::config::{NetworkConfig, RunConfig};
use crate::epoch_sums::EpochSums;
use crate::error::ModelFileError;
use crate::record::EpochRecord;
use crate::tensor_file::content;

/// The state of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RunState {
    pub(crate) config: RunConfig,
    pub(crate) epochs_done: u64,
    pub(crate) batches_done: usize,
    pub(crate) sums: EpochSums,
    /// Checksum of the images, if they are files that the user may change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) images: Option<String>,
    pub(crate) history: Vec<EpochRecord>,
}

impl RunState {
    /// Whether at least one step has been taken.
    pub(crate) fn has_begun(&self) -> bool {
        self.epochs_done > 0 || self.batches_done > 0
    }

    /// Checks that this is a run of `network` on `dataset` and does not contradict itself.
    pub(crate) fn check(
        &self,
        network: &NetworkConfig,
        dataset: &DataSource,
        path: &Path,
    ) -> Result<(), ModelFileError> {
        self.config
            .validate()
            .map_err(|source| ModelFileError::Config {
                path: path.to_path_buf(),
                source: Box::new(source),
            })?;
        let expect = |holds: bool, expected: String, found: String| {
            if holds {
                return Ok(());
            }
            Err(content(path, expected, found))
        };
        expect(
            self.config.network == *network,
            "the network of the model in the configuration of the run".to_string(),
            "a different one".to_string(),
        )?;
        expect(
            self.config.dataset == *dataset,
            format!("a run on {}, the data set of the model", dataset),
            self.config.dataset.to_string(),
        )?;
        let epochs = self.history.len() as u64;
        expect(
            epochs == self.epochs_done,
            format!("a history of {} completed epochs", self.epochs_done),
            format!("one of {epochs}"),
        )?;
        let layers = network.layers.len();
        for (record, epoch) in self.history.iter().zip(1..) {
            expect(
                record.epoch == epoch,
                format!("epoch {epoch} in the history"),
                format!("epoch {}", record.epoch),
            )?;
            expect(
                record.layers.len() == layers,
                format!("{layers} layers in epoch {epoch} of the history"),
                record.layers.len().to_string(),
            )?;
        }
        let averages = self.config.training.average_decay.is_some();
        let said = |averages| if averages { "an average" } else { "no average" };
        for record in &self.history {
            let (epoch, found) = (record.epoch, record.averaged.is_some());
            expect(
                found == averages,
                format!("{} in epoch {epoch} of the history", said(averages)),
                said(found).to_string(),
            )?;
            let active = record.averaged.iter().map(|averaged| &averaged.active);
            for shares in active {
                let in_range = shares.iter().all(|share| (0.0..=1.0).contains(share));
                expect(
                    shares.len() == layers && in_range,
                    format!(
                        "active fractions of {layers} layers, from 0 to 1, in the average of epoch {epoch}"
                    ),
                    format!("{shares:?}"),
                )?;
            }
        }
        let sums = &self.sums;
        expect(
            (sums.images == 0) == (self.batches_done == 0),
            format!("sums over {} batches of an epoch", self.batches_done),
            format!("sums over {} images", sums.images),
        )?;
        expect(
            sums.images == 0 || sums.layers.len() == layers,
            format!("sums for {layers} layers"),
            format!("sums for {}", sums.layers.len()),
        )
    }
}
