//! The file of a network: what a model and a checkpoint have in common.

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

/// The tensor with what is subtracted from an image.
const MEAN: &str = "input.mean";

/// The tensor with the whitening matrix.
const WHITENING: &str = "input.whitening";

/// The prefix of the optimiser's momenta.
pub(crate) const MOMENTUM: &str = "momentum.";

/// The prefix of averaged arrays.
pub(crate) const AVERAGE: &str = "average.";

/// The file's metadata entry `scn`: the keys of the network's configuration, and ours beside them.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    #[serde(flatten)]
    network: NetworkConfig,
    dataset: DataSource,
    /// What decided which images these are, unless nothing but the data set did.
    #[serde(default, skip_serializing_if = "is_default")]
    reading: Reading,
    /// The number that full brightness has, unless the data set says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    brightest: Option<f32>,
    class_names: Vec<String>,
    active: Vec<f64>,
    /// The factor of the normalisation; its mean is the tensor `input.mean`, its whitening the
    /// tensor `input.whitening` if there is one.
    pixel_scale: Option<f32>,
    /// The bias of its contrast normalisation, if that is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pixel_contrast: Option<f64>,
    /// What a checkpoint has in addition.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<RunState>,
}

fn is_default(reading: &Reading) -> bool {
    *reading == Reading::default()
}

/// What a file holds of a network.
pub(crate) struct Contents {
    pub(crate) network: Network,
    pub(crate) input: ModelInput,
    /// Of a checkpoint.
    pub(crate) run: Option<RunState>,
    /// Whether the file has no checksum.
    pub(crate) unchecked: bool,
}

/// The bytes of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, ModelFileError> {
    scn_data::read_regular(path).map_err(|source| ModelFileError::io(path, "read", source))
}

/// The bytes of a file that the first of several processes reads.
pub(crate) fn read_shared(path: &Path, processes: &dyn Processes) -> Result<Vec<u8>, TrainError> {
    let own = match processes.rank() {
        0 => read(path)?,
        _ => Vec::new(),
    };
    Ok(from_first(processes, &own).map_err(NetError::from)?)
}

/// Which numbers an array of a network may hold.
pub(crate) fn range_of(name: &str) -> Range {
    let nonnegative = [".lambda1", ".lambda2", ".variance"];
    if nonnegative.iter().any(|end| name.ends_with(end)) {
        Range::Nonnegative
    } else {
        Range::Finite
    }
}

/// Adds a network and what belongs to it to a file's other tensors and writes it.
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

/// Takes a network and what belongs to it out of a file, and leaves its other tensors.
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
    /// `Ok` if what it lists for each class and each layer is as long as that.
    fn check_lists(&self, path: &Path) -> Result<(), ModelFileError> {
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
        if let Some(found) = self.brightest
            && !(found.is_finite() && found > 0.0)
        {
            let expected = "a brightest value that is finite and positive".to_string();
            return Err(content(path, expected, found.to_string()));
        }
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
