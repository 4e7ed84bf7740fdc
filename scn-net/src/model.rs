//! What one keeps of a training run: the network, and what must be done to an image before it.

use std::path::Path;

use scn_data::{DatasetName, Normalization};
use serde::{Deserialize, Serialize};

use crate::checkpoint::{MOMENTUM, RunState};
use crate::config::NetworkConfig;
use crate::tensor_file::{TensorFile, content};
use crate::{FileError, Network};

/// The tensor with the whitening matrix.
const WHITENING: &str = "input.whitening";

/// A network, and what must be done to an image before it.
#[derive(Debug)]
pub struct Model {
    /// The network.
    pub network: Network,
    /// The data it was made for.
    pub input: ModelInput,
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
    /// Writes a safetensors file: all arrays by their names, `input.mean`, `input.whitening`, and the metadata entry `scn`. Written
    /// whole or not at all.
    ///
    /// # Errors
    /// The system's refusal.
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
    /// A file that cannot be read, is no safetensors file, or does not hold the network that it describes.
    pub fn load(path: &Path) -> Result<Self, FileError> {
        let mut file = TensorFile::read(path)?;
        let (model, _) = take_parts(&mut file, path)?;
        file.tensors.retain(|name, _| !name.starts_with(MOMENTUM));
        file.expect_empty(path)?;
        Ok(model)
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
        file.insert(name, &param.shape, &param.value);
    }
    if let Some(normalization) = &input.normalization {
        let mean = normalization.mean();
        file.insert("input.mean", &normalization.shape(), mean);
        if let Some(matrix) = normalization.whitening() {
            file.insert(WHITENING, &[mean.len(), mean.len()], matrix);
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
    let mut network = Network::new(&header.network, 0).map_err(config)?;
    let mut failed = None;
    network.visit_params_mut(&mut |name, param| {
        if failed.is_none() {
            match file.take(path, name, &param.shape) {
                Ok(values) => param.value = values,
                Err(error) => failed = Some(error),
            }
        }
    });
    if let Some(error) = failed {
        return Err(error);
    }
    network.refresh().map_err(|error| config(error.into()))?;
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
    Ok((Model { network, input }, run))
}

/// Takes the normalisation with the factor `scale` out of a file.
fn take_normalization(
    file: &mut TensorFile,
    path: &Path,
    header: &Header,
    scale: f32,
) -> Result<Normalization, FileError> {
    let shape = header.network.input;
    let mean = file.take(path, "input.mean", &shape)?;
    let values = mean.len();
    let mut normalization = Normalization::from_parts(shape, mean, scale);
    if let Some(bias) = header.pixel_contrast {
        normalization = normalization.and_then(|plain| plain.with_contrast(bias));
    }
    if file.tensors.contains_key(WHITENING) {
        let matrix = file.take(path, WHITENING, &[values, values])?;
        normalization = normalization.and_then(|plain| plain.with_whitening(matrix));
    }
    normalization.map_err(|error| content(path, "a normalisation".to_string(), error.to_string()))
}
