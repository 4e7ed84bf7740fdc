//! The file of a network: the part of the format that models and checkpoints share.

use std::collections::BTreeMap;
use std::path::Path;

use scn_data::{DataSource, Normalization, Reading};
use scn_solvers::processes::{Processes, from_first};
use serde::{Deserialize, Serialize};

use crate::assembly::array_shapes;
use crate::config::NetworkConfig;
use crate::error::{ModelFileError, NetError, TrainError};
use crate::model_input::{ModelInput, brightest};
use crate::network::Network;
use crate::run_state::RunState;
use crate::tensor_file::{Range, TensorFile, content};

/// Name of the tensor that is subtracted from an image.
const MEAN: &str = "input.mean";

/// Name of the tensor with the whitening matrix.
const WHITENING: &str = "input.whitening";

/// Prefix of the names of the optimiser's momenta.
pub(crate) const MOMENTUM: &str = "momentum.";

/// Prefix of the names of averaged arrays.
pub(crate) const AVERAGE: &str = "average.";

/// The metadata entry `scn` of a file: the keys of the network's configuration and the keys below.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    #[serde(flatten)]
    network: NetworkConfig,
    dataset: DataSource,
    /// The settings that selected the images of the data set; omitted if they are the default.
    #[serde(default, skip_serializing_if = "is_default")]
    reading: Reading,
    /// The pixel value of full brightness; omitted if it is that of the data set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    brightest: Option<f32>,
    class_names: Vec<String>,
    active: Vec<f64>,
    /// The factor of the normalisation. Its mean is the tensor `input.mean`, and its whitening
    /// matrix, if any, the tensor `input.whitening`.
    pixel_scale: Option<f32>,
    /// The bias of the contrast normalisation, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pixel_contrast: Option<f64>,
    /// The state of the run, only in checkpoints.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<RunState>,
}

fn is_default(reading: &Reading) -> bool {
    *reading == Reading::default()
}

/// The contents of a model file or a checkpoint.
pub(crate) struct Contents {
    pub(crate) network: Network,
    pub(crate) input: ModelInput,
    /// The state of the run, only in checkpoints.
    pub(crate) run: Option<RunState>,
    /// Whether the file has no checksum.
    pub(crate) unchecked: bool,
}

/// Reads the bytes of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, ModelFileError> {
    scn_data::read_regular(path).map_err(|source| ModelFileError::io(path, "read", source))
}

/// Reads the bytes of a file in the first of several processes and sends them to the others.
pub(crate) fn read_shared(path: &Path, processes: &dyn Processes) -> Result<Vec<u8>, TrainError> {
    let own = match processes.rank() {
        0 => read(path)?,
        _ => Vec::new(),
    };
    Ok(from_first(processes, &own).map_err(NetError::from)?)
}

/// Returns the range of numbers that an array of a network may hold.
pub(crate) fn range_of(name: &str) -> Range {
    let nonnegative = [".lambda1", ".lambda2", ".variance"];
    if nonnegative.iter().any(|end| name.ends_with(end)) {
        Range::Nonnegative
    } else {
        Range::Finite
    }
}

/// Adds a network, its input and its run to the other tensors of a file, and writes the file.
pub(crate) fn save(
    network: &Network,
    input: &ModelInput,
    run: Option<RunState>,
    mut file: TensorFile,
    path: &Path,
) -> Result<(), ModelFileError> {
    if let Some(layer) = network.custom_layer() {
        return Err(ModelFileError::CustomLayer {
            path: path.to_path_buf(),
            layer: layer.to_string(),
        });
    }
    if network.is_unlearned() {
        let path = path.to_path_buf();
        return Err(ModelFileError::Unlearned { path });
    }
    let params = network
        .params()
        .map_err(|source| ModelFileError::Parameters {
            path: path.to_path_buf(),
            source: Box::new(source),
        })?;
    for (name, param) in params {
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
        dataset: input.dataset.clone(),
        reading: input.reading,
        brightest: Some(input.brightest).filter(|&own| own != brightest(&input.dataset)),
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

/// Takes a network, its input and its run out of a file, and leaves the other tensors.
pub(crate) fn take(file: &mut TensorFile, path: &Path) -> Result<Contents, ModelFileError> {
    let mut header: Header = serde_json::from_str(&file.header).map_err(|error| {
        content(
            path,
            "a network's configuration".to_string(),
            error.to_string(),
        )
    })?;
    let config = |source| ModelFileError::Config {
        path: path.to_path_buf(),
        source: Box::new(source),
    };
    header.network.validate().map_err(config)?;
    // Check that the file holds all arrays before building anything.
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
        reading,
        brightest: own_brightest,
        class_names,
        active,
        ..
    } = header;
    let input = ModelInput {
        brightest: own_brightest.unwrap_or_else(|| brightest(&dataset)),
        dataset,
        reading,
        normalization,
        class_names,
        active,
    };
    Ok(Contents {
        network,
        input,
        run,
        unchecked: !file.has_checksum,
    })
}

impl Header {
    /// Checks the brightest value and the lists that have an entry for each class or layer.
    fn check_lists(&self, path: &Path) -> Result<(), ModelFileError> {
        let expect = |what: &str, expected: usize, found: usize| {
            // Untrained models list nothing.
            if found == 0 || found == expected {
                return Ok(());
            }
            let expected = format!("{expected} {what}");
            Err(content(path, expected, format!("{found}")))
        };
        let Self {
            network,
            class_names,
            active,
            ..
        } = self;
        if let Some(found) = self.brightest
            && !(found.is_finite() && found > 0.0)
        {
            let expected = "a brightest value that is finite and positive".to_string();
            return Err(content(path, expected, found.to_string()));
        }
        expect("class names", network.classes, class_names.len())?;
        expect(
            "active fractions of layers",
            network.layers.len(),
            active.len(),
        )?;
        match active.iter().find(|share| !(0.0..=1.0).contains(*share)) {
            None => Ok(()),
            Some(share) => Err(content(
                path,
                "active fractions from 0 to 1".to_string(),
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
) -> Result<Normalization, ModelFileError> {
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
