//! The complete state of a run, from which training resumes as if it had never stopped.

use std::path::Path;

use scn_solvers::processes::Processes;

use crate::config::RunConfig;
use crate::epoch_sums::EpochSums;
use crate::error::{ModelFileError, TrainError};
use crate::model::Model;
use crate::model_file::{self, AVERAGE, MOMENTUM, range_of};
use crate::model_input::ModelInput;
use crate::network::Network;
use crate::optimizer::{Arrays, OptimizerState};
use crate::record::EpochRecord;
use crate::run_state::RunState;
use crate::tensor_file::{Range, TensorFile, content};

/// The state of a run. The order and the augmentation of images depend only on (seed, epoch,
/// batch), so no random state is stored.
#[derive(Debug)]
#[non_exhaustive]
pub struct Checkpoint {
    /// The network and the normalisation.
    pub model: Model,
    /// The configuration of the run.
    pub config: RunConfig,
    /// Number of completed epochs.
    pub epochs_done: u64,
    /// Number of completed batches of the current epoch.
    pub batches_done: usize,
    /// Records of the completed epochs.
    pub history: Vec<EpochRecord>,
    pub(crate) sums: EpochSums,
    pub(crate) images: Option<String>,
    pub(crate) optimizer: OptimizerState,
}

/// Writes a checkpoint atomically.
pub(crate) fn save(
    path: &Path,
    network: &Network,
    input: &ModelInput,
    optimizer: &OptimizerState,
    state: &RunState,
) -> Result<(), ModelFileError> {
    let mut file = TensorFile::default();
    for (name, values) in &optimizer.velocity {
        let (name, shape) = (format!("{MOMENTUM}{name}"), [values.len()]);
        file.insert(path, name, &shape, values, Range::Finite)?;
    }
    for (name, values) in &optimizer.average {
        let (range, shape) = (range_of(name), [values.len()]);
        file.insert(path, format!("{AVERAGE}{name}"), &shape, values, range)?;
    }
    model_file::save(network, input, Some(state.clone()), file, path)
}

impl Checkpoint {
    /// Reads a checkpoint.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, is not a safetensors file, has changed since it
    /// was written, or does not hold the run that it describes.
    pub fn load(path: &Path) -> Result<Self, ModelFileError> {
        Self::from_bytes(&model_file::read(path)?, path)
    }

    /// Same as [`load`](Self::load), but the first of several processes reads the file and sends it
    /// to the others, which need no access to it.
    ///
    /// # Errors
    /// Same as [`load`](Self::load). Also returns an error if a process has failed.
    pub fn shared(path: &Path, processes: &dyn Processes) -> Result<Self, TrainError> {
        Ok(Self::from_bytes(
            &model_file::read_shared(path, processes)?,
            path,
        )?)
    }

    /// Same as [`load`](Self::load), but takes the bytes of a file. `path` is used only in error
    /// messages.
    ///
    /// # Errors
    /// Same as [`load`](Self::load).
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, ModelFileError> {
        let mut file = TensorFile::parse(bytes, path)?;
        let mut contents = model_file::take(&mut file, path)?;
        let run = contents.run.take().ok_or_else(|| {
            content(
                path,
                "a checkpoint".to_string(),
                "a model without a run".to_string(),
            )
        })?;
        let network = &contents.network;
        run.check(network.config(), &contents.input.dataset, path)?;
        let mut optimizer = OptimizerState::default();
        let averages = run.config.training.average_decay.is_some();
        let params = network
            .params()
            .map_err(|source| ModelFileError::Parameters {
                path: path.to_path_buf(),
                source: Box::new(source),
            })?;
        // There are no such arrays before the first step.
        let mut take = |prefix: &str, name: &str, len: usize, range, arrays: &mut Arrays| {
            let key = format!("{prefix}{name}");
            if run.has_begun() || file.tensors.contains_key(&key) {
                let values = file.take(path, &key, &[len], range)?;
                arrays.insert(name.to_string(), values);
            }
            Ok(())
        };
        for (name, param) in params {
            let len = param.value.len();
            if param.learned() {
                let velocity = &mut optimizer.velocity;
                take(MOMENTUM, &name, len, Range::Finite, velocity)?;
            }
            if averages {
                take(AVERAGE, &name, len, range_of(&name), &mut optimizer.average)?;
            }
        }
        file.expect_empty(path)?;
        let RunState {
            config,
            epochs_done,
            batches_done,
            sums,
            images,
            history,
        } = run;
        Ok(Self {
            model: Model::of(contents),
            config,
            epochs_done,
            batches_done,
            history,
            sums,
            images,
            optimizer,
        })
    }
}
