//! The state of a run, complete: training goes on from it as if it had never stopped.

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

/// The state of a run. Order and augmentation of images follow from (seed, epoch, batch), so no
/// random state is needed beside the place in the run.
#[derive(Debug)]
#[non_exhaustive]
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
    pub(crate) images: Option<String>,
    pub(crate) optimizer: OptimizerState,
}

/// Writes a checkpoint, whole or not at all.
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
    /// A file that cannot be read, is no safetensors file, has changed since it was written, or
    /// does not hold the run that it describes.
    pub fn load(path: &Path) -> Result<Self, ModelFileError> {
        Self::from_bytes(&model_file::read(path)?, path)
    }

    /// As [`load`](Self::load), by the first of several processes, which gives it to the others: they need not see the file.
    ///
    /// # Errors
    /// As there; a process that has failed.
    pub fn shared(path: &Path, processes: &dyn Processes) -> Result<Self, TrainError> {
        Ok(Self::from_bytes(
            &model_file::read_shared(path, processes)?,
            path,
        )?)
    }

    /// As [`load`](Self::load), of the bytes of a file; `path` is for messages.
    ///
    /// # Errors
    /// As there.
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
        // Before the first step there is none.
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
