//! What one keeps of a training run: the network, and what must be done to an image before it.

use std::path::Path;

use scn_solvers::processes::Processes;

use crate::error::{ModelFileError, TrainError};
use crate::model_file::{self, Contents, MOMENTUM};
use crate::model_input::ModelInput;
use crate::network::Network;
use crate::tensor_file::TensorFile;

/// A network, and what must be done to an image before it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Model {
    /// The network.
    pub network: Network,
    /// The data it was made for.
    pub input: ModelInput,
    /// Whether a file without a checksum was read.
    unchecked: bool,
}

impl Model {
    /// A network for data of a kind.
    pub fn new(network: Network, input: ModelInput) -> Self {
        Self {
            network,
            input,
            unchecked: false,
        }
    }

    /// Whether this was read from a file without a checksum, as early versions wrote them: damage
    /// to its numbers would not have been found.
    pub fn unchecked(&self) -> bool {
        self.unchecked
    }

    /// Writes a safetensors file: all arrays by their names, `input.mean`, `input.whitening`, the
    /// metadata entry `scn`, and a checksum of all that. Written whole or not at all.
    ///
    /// # Errors
    /// The system's refusal; a number that [`load`](Self::load) would not read.
    pub fn save(&self, path: &Path) -> Result<(), ModelFileError> {
        model_file::save(
            &self.network,
            &self.input,
            None,
            TensorFile::default(),
            path,
        )
    }

    /// Reads a model, or the model in a checkpoint.
    ///
    /// # Errors
    /// A file that cannot be read, is no safetensors file, has changed since it was written, or
    /// does not hold the network that it describes; numbers in it that are not finite, or negative
    /// where they must not be.
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
        let contents = model_file::take(&mut file, path)?;
        file.tensors.retain(|name, _| !name.starts_with(MOMENTUM));
        file.expect_empty(path)?;
        Ok(Self::of(contents))
    }

    pub(crate) fn of(contents: Contents) -> Self {
        Self {
            network: contents.network,
            input: contents.input,
            unchecked: contents.unchecked,
        }
    }
}
