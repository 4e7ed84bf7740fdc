//! What one keeps of a training run: the network, and what must be done to an image before it.

use std::collections::BTreeMap;
use std::path::Path;

use scn_data::{DatasetName, Normalization};
use serde::{Deserialize, Serialize};

use crate::checkpoint::{MOMENTUM, RunState};
use crate::config::NetworkConfig;
use crate::network::array_shapes;
use crate::tensor_file::{Range, TensorFile, content};
use crate::{FileError, Network};

/// The tensor with what is subtracted from an image.
const MEAN: &str = "input.mean";

/// The tensor with the whitening matrix.
const WHITENING: &str = "input.whitening";

/// A network, and what must be done to an image before it.
#[derive(Debug)]
pub struct Model {
    /// The network.
    pub network: Network,
    /// The data it was made for.
    pub input: ModelInput,
    /// Whether a file without a checksum was read.
    unchecked: bool,
}

/// The data that a model was made for.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelInput {
    /// Its data set.
    pub dataset: DatasetName,
    /// What was done to pixels in training; None for a model that has not been trained.
    pub normalization: Option<Normalization>,
    /// Names of the classes, if they are known.
    pub class_names: Vec<String>,
    /// Share of codes that are not zero on the test images, per sparse coding layer, at the last evaluation in training.
    pub active: Vec<f64>,
}

/// The file's metadata entry `scn`: the keys of the network's configuration, and ours beside them.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Header {
    #[serde(flatten)]
    pub(crate) network: NetworkConfig,
    dataset: DatasetName,
    class_names: Vec<String>,
    active: Vec<f64>,
    /// The factor of the normalisation; its mean is the tensor `input.mean`, its whitening the tensor `input.whitening` if
    /// there is one.
    pixel_scale: Option<f32>,
    /// The bias of its contrast normalisation, if that is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pixel_contrast: Option<f64>,
    /// What a checkpoint has in addition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) run: Option<RunState>,
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

    /// Whether this was read from a file without a checksum, as early versions wrote them: damage to its numbers would not have been found.
    pub fn unchecked(&self) -> bool {
        self.unchecked
    }

    /// Writes a safetensors file: all arrays by their names, `input.mean`, `input.whitening`, the metadata entry `scn`, and a checksum of all
    /// that. Written whole or not at all.
    ///
    /// # Errors
    /// The system's refusal; a number that [`load`](Self::load) would not read.
    pub fn save(&self, path: &Path) -> Result<(), FileError> {
        save_parts(
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
    /// A file that cannot be read, is no safetensors file, has changed since it was written, or does not hold the network that it describes;
    /// numbers in it that are not finite, or negative where they must not be.
    pub fn load(path: &Path) -> Result<Self, FileError> {
        Self::from_bytes(&read(path)?, path)
    }

    /// As [`load`](Self::load), of the bytes of a file; `path` is for messages.
    ///
    /// # Errors
    /// As there.
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, FileError> {
        let mut file = TensorFile::parse(bytes, path)?;
        let (model, _) = take_parts(&mut file, path)?;
        file.tensors.retain(|name, _| !name.starts_with(MOMENTUM));
        file.expect_empty(path)?;
        Ok(model)
    }
}

/// The bytes of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    scn_data::read_regular(path).map_err(|source| FileError::io(path, "read", source))
}

/// Which numbers an array of a network may hold.
fn range_of(name: &str) -> Range {
    let nonnegative = [".lambda1", ".lambda2", ".variance"];
    if nonnegative.iter().any(|end| name.ends_with(end)) {
        Range::Nonnegative
    } else {
        Range::Finite
    }
}

/// Adds a model to a file's other tensors and writes it.
pub(crate) fn save_parts(
    network: &Network,
    input: &ModelInput,
    run: Option<RunState>,
    mut file: TensorFile,
    path: &Path,
) -> Result<(), FileError> {
    for (name, param) in network.params() {
        let range = range_of(&name);
        file.insert(path, name, &param.shape, &param.value, range)?;
    }
    if let Some(normalization) = &input.normalization {
        let mean = normalization.mean();
        file.insert(path, MEAN, &normalization.shape(), mean, Range::Finite)?;
        if let Some(matrix) = normalization.whitening() {
            let shape = [mean.len(), mean.len()];
            file.insert(path, WHITENING, &shape, matrix, Range::Finite)?;
        }
    }
    let header = Header {
        network: network.config().clone(),
        dataset: input.dataset,
        class_names: input.class_names.clone(),
        active: input.active.clone(),
        pixel_scale: input.normalization.as_ref().map(Normalization::scale),
        pixel_contrast: input
            .normalization
            .as_ref()
            .and_then(Normalization::contrast),
        run,
    };
    file.header = serde_json::to_string(&header).map_err(|error| {
        content(
            path,
            "a configuration that JSON can hold".to_string(),
            error.to_string(),
        )
    })?;
    file.write(path)
}

/// Takes a model out of a file, and leaves its other tensors.
pub(crate) fn take_parts(
    file: &mut TensorFile,
    path: &Path,
) -> Result<(Model, Option<RunState>), FileError> {
    let mut header: Header = serde_json::from_str(&file.header).map_err(|error| {
        content(
            path,
            "a network's configuration".to_string(),
            error.to_string(),
        )
    })?;
    let config = |source| FileError::Config {
        path: path.to_path_buf(),
        source: Box::new(source),
    };
    header.network.validate().map_err(config)?;
    // Nothing is built or computed before the file is known to hold all of it.
    for (name, shape) in array_shapes(&header.network) {
        file.expect(path, &name, &shape)?;
    }
    header.check_lists(path)?;
    let mut arrays = BTreeMap::new();
    for (name, shape) in array_shapes(&header.network) {
        let values = file.take(path, &name, &shape, range_of(&name))?;
        arrays.insert(name, values);
    }
    let network = Network::from_arrays(&header.network, arrays).map_err(config)?;
    let run = header.run.take();
    let normalization = match header.pixel_scale {
        None => None,
        Some(scale) => Some(take_normalization(file, path, &header, scale)?),
    };
    let Header {
        dataset,
        class_names,
        active,
        ..
    } = header;
    let input = ModelInput {
        dataset,
        normalization,
        class_names,
        active,
    };
    let model = Model {
        network,
        input,
        unchecked: !file.has_checksum,
    };
    Ok((model, run))
}

impl Header {
    /// `Ok` if what it lists for each class and each layer is as long as that.
    fn check_lists(&self, path: &Path) -> Result<(), FileError> {
        let expect = |what: &str, expected: usize, found: usize| {
            // Untrained models list nothing.
            if found == 0 || found == expected {
                return Ok(());
            }
            let expected = format!("{what} of {expected}");
            Err(content(path, expected, format!("those of {found}")))
        };
        let Self {
            network,
            class_names,
            active,
            ..
        } = self;
        expect("names of classes", network.classes, class_names.len())?;
        expect(
            "active shares of layers",
            network.layers.len(),
            active.len(),
        )?;
        match active.iter().find(|share| !(0.0..=1.0).contains(*share)) {
            None => Ok(()),
            Some(share) => Err(content(
                path,
                "active shares from 0 to 1".to_string(),
                share.to_string(),
            )),
        }
    }
}

/// Takes the normalisation with the factor `scale` out of a file.
fn take_normalization(
    file: &mut TensorFile,
    path: &Path,
    header: &Header,
    scale: f32,
) -> Result<Normalization, FileError> {
    let shape = header.network.input;
    let mean = file.take(path, MEAN, &shape, Range::Finite)?;
    let values = mean.len();
    let mut normalization = Normalization::from_parts(shape, mean, scale);
    if let Some(bias) = header.pixel_contrast {
        normalization = normalization.and_then(|plain| plain.with_contrast(bias));
    }
    if file.tensors.contains_key(WHITENING) {
        let matrix = file.take(path, WHITENING, &[values, values], Range::Finite)?;
        normalization = normalization.and_then(|plain| plain.with_whitening(matrix));
    }
    normalization.map_err(|error| content(path, "a normalisation".to_string(), error.to_string()))
}
