//! The state of a run, complete: training goes on from it as if it had never stopped.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::config::RunConfig;
use crate::model::{ModelInput, read, save_parts, take_parts};
use crate::progress::{EpochRecord, EpochSums};
use crate::tensor_file::{Range, TensorFile, content};
use crate::{FileError, Model, Network};

/// The prefix of the optimiser's arrays.
pub(crate) const MOMENTUM: &str = "momentum.";

/// The state of a run. Order and augmentation of images follow from (seed, epoch, batch), so no random state is needed beside
/// the place in the run.
#[derive(Debug)]
pub struct Checkpoint {
    /// Network and normalisation.
    pub model: Model,
    /// The run's configuration.
    pub config: RunConfig,
    /// Epochs completed.
    pub epochs_done: u64,
    /// Batches of the current epoch that are done.
    pub batches_done: usize,
    /// The epochs so far.
    pub history: Vec<EpochRecord>,
    pub(crate) sums: EpochSums,
    pub(crate) velocity: BTreeMap<String, Vec<f32>>,
}

/// What the header of a checkpoint has beside that of a model.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RunState {
    pub(crate) config: RunConfig,
    pub(crate) epochs_done: u64,
    pub(crate) batches_done: usize,
    pub(crate) sums: EpochSums,
    pub(crate) history: Vec<EpochRecord>,
}

/// Writes a checkpoint, whole or not at all.
pub(crate) fn save(
    path: &Path,
    network: &Network,
    input: &ModelInput,
    velocity: &BTreeMap<String, Vec<f32>>,
    state: &RunState,
) -> Result<(), FileError> {
    let mut file = TensorFile::default();
    for (name, values) in velocity {
        let (name, shape) = (format!("{MOMENTUM}{name}"), [values.len()]);
        file.insert(path, name, &shape, values, Range::Finite)?;
    }
    save_parts(network, input, Some(state.clone()), file, path)
}

impl Checkpoint {
    /// Reads a checkpoint.
    ///
    /// # Errors
    /// A file that cannot be read, is no safetensors file, has changed since it was written, or does not hold the run that it describes.
    pub fn load(path: &Path) -> Result<Self, FileError> {
        Self::from_bytes(&read(path)?, path)
    }

    /// As [`load`](Self::load), of the bytes of a file; `path` is for messages.
    ///
    /// # Errors
    /// As there.
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, FileError> {
        let mut file = TensorFile::parse(bytes, path)?;
        let (model, run) = take_parts(&mut file, path)?;
        let run = run.ok_or_else(|| {
            content(
                path,
                "a checkpoint".to_string(),
                "a model without a run".to_string(),
            )
        })?;
        run.check(&model, path)?;
        let mut velocity = BTreeMap::new();
        for (name, param) in model.network.params().filter(|(_, param)| param.learned()) {
            let key = format!("{MOMENTUM}{name}");
            // Before the first step there is none.
            if run.has_begun() || file.tensors.contains_key(&key) {
                let shape = [param.value.len()];
                velocity.insert(name, file.take(path, &key, &shape, Range::Finite)?);
            }
        }
        file.expect_empty(path)?;
        let RunState {
            config,
            epochs_done,
            batches_done,
            sums,
            history,
        } = run;
        Ok(Self {
            model,
            config,
            epochs_done,
            batches_done,
            history,
            sums,
            velocity,
        })
    }
}

impl RunState {
    /// Whether a step has been taken.
    fn has_begun(&self) -> bool {
        self.epochs_done > 0 || self.batches_done > 0
    }

    /// `Ok` if this is a run of the model beside it, and says nothing that contradicts itself.
    fn check(&self, model: &Model, path: &Path) -> Result<(), FileError> {
        self.config.validate().map_err(|source| FileError::Config {
            path: path.to_path_buf(),
            source: Box::new(source),
        })?;
        let expect = |holds: bool, expected: String, found: String| {
            if holds {
                return Ok(());
            }
            Err(content(path, expected, found))
        };
        let network = model.network.config();
        expect(
            self.config.network == *network,
            "the network of the model in the configuration of the run".to_string(),
            "another".to_string(),
        )?;
        expect(
            self.config.dataset == model.input.dataset,
            format!("a run on {}, as the model is for", model.input.dataset),
            self.config.dataset.to_string(),
        )?;
        let epochs = self.history.len() as u64;
        expect(
            epochs == self.epochs_done,
            format!("a history of {} epochs, which are done", self.epochs_done),
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
