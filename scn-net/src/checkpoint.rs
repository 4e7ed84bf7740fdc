//! The state of a run, complete: training goes on from it as if it had never stopped.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::config::RunConfig;
use crate::model::{ModelInput, save_parts, take_parts};
use crate::progress::{EpochRecord, EpochSums};
use crate::tensor_file::{TensorFile, content};
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
        file.insert(format!("{MOMENTUM}{name}"), &[values.len()], values);
    }
    save_parts(network, input, Some(state.clone()), file, path)
}

impl Checkpoint {
    /// Reads a checkpoint.
    ///
    /// # Errors
    /// A file that cannot be read, is no safetensors file, or does not hold the run that it describes.
    pub fn load(path: &Path) -> Result<Self, FileError> {
        let mut file = TensorFile::read(path)?;
        let (model, run) = take_parts(&mut file, path)?;
        let run = run.ok_or_else(|| {
            content(
                path,
                "a checkpoint".to_string(),
                "a model without a run".to_string(),
            )
        })?;
        let mut velocity = BTreeMap::new();
        for (name, param) in model.network.params().filter(|(_, param)| param.learned()) {
            let key = format!("{MOMENTUM}{name}");
            // Absent before the first step.
            if file.tensors.contains_key(&key) {
                velocity.insert(name, file.take(path, &key, &[param.value.len()])?);
            }
        }
        file.expect_empty(path)?;
        run.config.validate().map_err(|source| FileError::Config {
            path: path.to_path_buf(),
            source: Box::new(source),
        })?;
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
