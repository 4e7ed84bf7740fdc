//! The result of a training run: a network and the preprocessing of its input.

use std::path::Path;

use scn_solvers::processes::Processes;

use crate::error::{ModelFileError, TrainError};
use crate::model_file::{self, AVERAGE, Contents, MOMENTUM};
use crate::model_input::ModelInput;
use crate::network::Network;
use crate::tensor_file::TensorFile;

/// A network and the preprocessing of its input.
///
/// # Example
///
/// ```
/// use scn_net::scn_data::DatasetName;
/// use scn_net::{Model, ModelInput, Network, presets};
///
/// let network = Network::new(&presets::get("digits")?.network, 0)?;
/// let model = Model::new(network, ModelInput::new(DatasetName::Digits));
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("model.safetensors");
/// model.save(&path)?;
///
/// let loaded = Model::load(&path)?;
/// assert_eq!(loaded.input, model.input);
/// assert_eq!(loaded.network.config(), model.network.config());
/// assert!(loaded.network.params()?.eq(model.network.params()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Model {
    /// The network.
    pub network: Network,
    /// The data that the network was made for.
    pub input: ModelInput,
    /// Whether the model was read from a file without a checksum.
    unchecked: bool,
}

impl Model {
    /// Creates a model from a network and a description of its input.
    pub fn new(network: Network, input: ModelInput) -> Self {
        Self {
            network,
            input,
            unchecked: false,
        }
    }

    /// Whether the model was read from a file without a checksum, as written by early versions.
    /// Damage to its numbers would not have been detected.
    pub fn unchecked(&self) -> bool {
        self.unchecked
    }

    /// Writes the model to a safetensors file.
    ///
    /// The file has all arrays by name, `input.mean`, `input.whitening`, the metadata entry `scn`,
    /// and a checksum of all these. It is written atomically.
    ///
    /// # Errors
    /// Returns an error if the network has a custom layer or dictionaries that are yet to be
    /// learned, if [`load`](Self::load) would reject one of its numbers, or if the file cannot be
    /// written.
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
    /// Returns an error if the file cannot be read, is not a safetensors file, has changed since it
    /// was written, or does not hold the network that it describes. Also returns an error if a
    /// number in it is not finite, or is negative where it must not be.
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
    ///
    /// # Example
    ///
    /// ```
    /// use scn_net::scn_data::DatasetName;
    /// use scn_net::{Model, ModelFileError, ModelInput, Network, presets};
    ///
    /// let network = Network::new(&presets::get("digits")?.network, 0)?;
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("model.safetensors");
    /// Model::new(network, ModelInput::new(DatasetName::Digits)).save(&path)?;
    ///
    /// let mut bytes = std::fs::read(&path)?;
    /// let model = Model::from_bytes(&bytes, &path)?;
    /// assert_eq!(model.input.dataset, DatasetName::Digits);
    /// // Flip a bit of the last number.
    /// *bytes.last_mut().ok_or("empty")? ^= 1;
    /// let damaged = Model::from_bytes(&bytes, &path);
    /// assert!(matches!(damaged, Err(ModelFileError::Damaged { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, ModelFileError> {
        let mut file = TensorFile::parse(bytes, path)?;
        let contents = model_file::take(&mut file, path)?;
        let of_training = |name: &str| {
            [MOMENTUM, AVERAGE]
                .iter()
                .any(|prefix| name.starts_with(prefix))
        };
        file.tensors.retain(|name, _| !of_training(name));
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
