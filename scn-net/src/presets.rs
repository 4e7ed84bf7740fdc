//! Presets by name: the networks and training settings of the paper, variants of them, and a small
//! network for the embedded digits.
//!
//! | name | preset |
//! |---|---|
//! | `mnist-scn1`, `cifar10-scn4`, ... | SCN-K with the paper's settings |
//! | `cifar10-scn4-expansion-first`, ... | the same with the opposite order of layers, see below |
//! | `cifar10-scn1-cosine`, ... | SCN-K trained differently: fewer epochs, or a smaller error for as many |
//! | `digits` | a small network for the embedded digits |
//! | `scn1`, `scn2`, `scn4` | SCN-K for images of any size and number of classes |
//!
//! A bottleneck module has a reduction layer with M atoms and an expansion layer with M K atoms.
//! SCN-K is (16, 16K) × 3, (32, 32K) × 2, (64, 64K) × 2: fourteen sparse coding layers, with stride
//! 2 at the start of the second and third section. Modules first reduce, then expand, as in the
//! [authors' program](https://github.com/XiaoxiaSun/supervised-deep-sparse-coding-networks); the
//! paper's text has the opposite order ([`ModuleOrder`]). The groups of 32 images (4 on STL-10) in
//! which batches are normalised, flipped and shifted, and the weight decay on STL-10, also follow
//! that program. Solver, tolerances and λ2 are our own choices.

use scn_data::{DataSource, DatasetName, Draw, LastBatch, Mean, PictureConfig, Scale, Subset};

use crate::config::{
    BatchNormConfig, DictionaryInit, InputConfig, Lambda1Config, LayerConfig, Moments,
    NetworkConfig, NormPlacement, Recompute, RunConfig, Schedule, SolverConfig, TrainingConfig,
};
use crate::error::ConfigError;

/// The order of the two layers of a bottleneck module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModuleOrder {
    /// M atoms, then M K, as in the authors' program.
    ReductionFirst,
    /// M K atoms, then M, as in the paper's text.
    ExpansionFirst,
}

/// The widths K of the paper.
const WIDTHS: [usize; 3] = [1, 2, 4];

/// The data sets of the paper.
const PAPER: [DatasetName; 4] = [
    DatasetName::Mnist,
    DatasetName::Cifar10,
    DatasetName::Cifar100,
    DatasetName::Stl10,
];

/// Returns every preset with a short description, in display order.
fn all() -> impl Iterator<Item = (RunConfig, &'static str)> {
    let networks = PAPER
        .iter()
        .flat_map(|&dataset| WIDTHS.map(|width| (dataset, width)));
    // With K = 1, both layers of a module have the same number of atoms, so the order is
    // irrelevant.
    let wider = networks.clone().filter(|&(_, width)| width > 1);
    let small = std::iter::once(digits());
    let papers = networks.map(|(dataset, width)| paper(dataset, width));
    let cosines = WIDTHS.into_iter().map(cifar10_cosine);
    let others = wider.map(|(dataset, width)| expansion_first(dataset, width));
    (small.map(|config| (config, "A small network, trained in seconds")))
        .chain(papers.map(|config| (config, "SCN-K with the paper's settings")))
        .chain(cosines.map(|config| (config, "SCN-K in fewer epochs, with a cosine schedule")))
        .chain(others.map(|config| (config, "SCN-K with modules that expand first")))
}

/// Returns the names of all presets.
pub fn names() -> Vec<String> {
    all().filter_map(|(config, _)| config.preset).collect()
}

/// Returns the preset with this name.
///
/// # Errors
/// Returns [`ConfigError::Preset`] if there is no such preset.
///
/// # Example
///
/// ```
/// use scn_net::presets;
///
/// let config = presets::get("cifar10-scn4")?;
/// let atoms = config.network.layers.iter().map(|layer| layer.atoms);
/// assert!(atoms.eq([16, 64, 16, 64, 16, 64, 32, 128, 32, 128, 64, 256, 64, 256]));
/// assert_eq!((config.training.epochs, config.training.batch_size), (200, 128));
/// # Ok::<(), scn_net::ConfigError>(())
/// ```
pub fn get(name: &str) -> Result<RunConfig, ConfigError> {
    find(name).map(|(config, _)| config)
}

/// Returns a short description of a preset. Presets that differ only in data set and width share
/// it.
///
/// # Errors
/// Returns [`ConfigError::Preset`] if there is no such preset.
pub fn phrase(name: &str) -> Result<&'static str, ConfigError> {
    find(name).map(|(_, phrase)| phrase)
}

fn find(name: &str) -> Result<(RunConfig, &'static str), ConfigError> {
    all()
        .find(|(config, _)| config.preset.as_deref() == Some(name))
        .ok_or_else(|| ConfigError::Preset {
            found: name.to_string(),
            choices: format!("{}, scn1/2/4 with a data set", choices()),
        })
}

/// Lists all names on one line, with `mnist-scn1/2/4` for three networks that differ in width.
fn choices() -> String {
    let mut groups: Vec<(String, Vec<String>, String)> = Vec::new();
    for name in names() {
        let width = name.find("-scn").map_or(name.len(), |at| at + 4);
        let (before, rest) = name.split_at(width);
        let end = rest.find('-').unwrap_or(rest.len());
        let (width, after) = rest.split_at(end);
        match groups.last_mut() {
            Some(group) if group.0 == before && group.2 == after => group.1.push(width.to_string()),
            _ => groups.push((
                before.to_string(),
                vec![width.to_string()],
                after.to_string(),
            )),
        }
    }
    let group = |(before, widths, after): &(String, Vec<String>, String)| {
        format!("{before}{}{after}", widths.join("/"))
    };
    groups.iter().map(group).collect::<Vec<_>>().join(", ")
}

/// Returns the name of the default preset for a data set.
pub fn for_dataset(dataset: &DataSource) -> String {
    match dataset.name() {
        Some(DatasetName::Digits) => "digits".to_owned(),
        Some(name) if PAPER.contains(&name) => format!("{name}-scn1"),
        _ => "scn1".to_owned(),
    }
}

/// The names of the presets for images of any size, see [`for_images`].
pub const ANY_IMAGES: [&str; 3] = ["scn1", "scn2", "scn4"];

/// Returns SCN-K (`scn1`, `scn2` or `scn4`) for images of any `shape` (channels, height, width) and
/// any number of `classes`.
///
/// The layers are those of the paper, whose second and third section halve height and width.
/// Average pooling takes maps of any size. Training is that of `cifar10-scn1-cosine`, but with
/// smaller batches, because user data sets usually have fewer images, and with pixels divided by
/// their standard deviation, whatever their unit. Images are not mirrored or shifted, because that
/// is not valid for all images.
///
/// # Errors
/// Returns an error if there is no such preset, or if the shape or the number of classes is
/// invalid.
///
/// # Example
///
/// ```
/// use scn_net::{presets, scn_data::DataSource};
///
/// // Grey images of 40 x 60 pixels in three classes.
/// let scans = DataSource::Own("scans".to_owned());
/// let config = presets::for_images("scn1", scans, [1, 40, 60], 3)?;
/// assert_eq!((config.network.input, config.network.classes), ([1, 40, 60], 3));
/// assert_eq!(config.network.layers, presets::get("cifar10-scn1")?.network.layers);
/// # Ok::<(), scn_net::ConfigError>(())
/// ```
pub fn for_images(
    name: &str,
    dataset: impl Into<DataSource>,
    shape: [usize; 3],
    classes: usize,
) -> Result<RunConfig, ConfigError> {
    let Some(at) = ANY_IMAGES.iter().position(|preset| *preset == name) else {
        return Err(ConfigError::Preset {
            found: name.to_string(),
            choices: ANY_IMAGES.join(", "),
        });
    };
    let mut config = cifar10_cosine(WIDTHS[at]);
    config.preset = Some(name.to_owned());
    config.dataset = dataset.into();
    config.input.scale = Scale::Deviation;
    config.input.flip = false;
    config.input.shift = 0;
    config.training.batch_size = 32;
    config.network.input = shape;
    config.network.classes = classes;
    config.network.validate()?;
    Ok(config)
}

/// Returns the sparse coding layers of SCN-K.
pub fn scn_layers(dataset: DatasetName, width: usize, order: ModuleOrder) -> Vec<LayerConfig> {
    let mut layers = Vec::new();
    for (section, (atoms, modules)) in [(16, 3), (32, 2), (64, 2)].into_iter().enumerate() {
        for module in 0..modules {
            let (first, second) = match order {
                ModuleOrder::ReductionFirst => (atoms, atoms * width),
                ModuleOrder::ExpansionFirst => (atoms * width, atoms),
            };
            let stride = if section > 0 && module == 0 { 2 } else { 1 };
            layers.push(LayerConfig {
                atoms: first,
                stride,
            });
            layers.push(LayerConfig {
                atoms: second,
                stride: 1,
            });
        }
    }
    // The authors' MNIST program starts with 8 atoms: a 3 × 3 window of a grey image has 9 pixels.
    if dataset == DatasetName::Mnist && order == ModuleOrder::ReductionFirst {
        layers[0].atoms = 8;
    }
    layers
}

/// Returns SCN-K with the paper's settings (section 5; the [authors'
/// program](https://github.com/XiaoxiaSun/supervised-deep-sparse-coding-networks) where the two
/// differ).
fn paper(dataset: DatasetName, width: usize) -> RunConfig {
    let mnist = dataset == DatasetName::Mnist;
    let stl10 = dataset == DatasetName::Stl10;
    let batch_size = if stl10 { 16 } else { 128 };
    RunConfig {
        preset: Some(format!("{dataset}-scn{width}")),
        dataset: dataset.into(),
        test_share: None,
        pictures: PictureConfig::default(),
        seed: 0,
        train_limit: None,
        subset: Subset::First,
        test_limit: None,
        input: InputConfig {
            mean: if mnist { Mean::Pixel } else { Mean::Channel },
            scale: Scale::None,
            flip: !mnist,
            shift: if mnist {
                0
            } else if stl10 {
                12
            } else {
                4
            },
            draw: Draw::Group,
            ..InputConfig::default()
        },
        training: TrainingConfig {
            batch_size,
            last_batch: LastBatch::Kept,
            epochs: if mnist { 25 } else { 200 },
            learning_rate: 0.1,
            schedule: Schedule::Drops,
            drops: vec![0.4, 0.8],
            drop_factor: 0.1,
            warm_up_steps: 0,
            momentum: 0.9,
            weight_decay: if stl10 { 1e-4 } else { 5e-4 },
            clip_norm: None,
            label_smoothing: 0.0,
            mixup: None,
            average_decay: None,
            loosest_tolerance: 1e-3,
            loosest_adjoint_tolerance: 1e-2,
            validation: None,
            patience: None,
            recompute: Recompute::Nothing,
        },
        network: NetworkConfig {
            input: dataset.shape(),
            classes: dataset.classes(),
            window: 3,
            lambda2: 1e-4,
            dictionary: DictionaryInit::Paper,
            learned: None,
            lambda1: Lambda1Config::default(),
            batch_norm: BatchNormConfig {
                placement: if mnist {
                    NormPlacement::After
                } else {
                    NormPlacement::Before
                },
                // The authors' program divides a batch among four GPUs.
                group: Some(batch_size / 4),
                ..BatchNormConfig::default()
            },
            solver: SolverConfig::default(),
            layers: scn_layers(dataset, width, ModuleOrder::ReductionFirst),
        },
    }
}

/// Returns [`paper`] with the layers of each module in the order of the paper's text.
fn expansion_first(dataset: DatasetName, width: usize) -> RunConfig {
    let mut config = paper(dataset, width);
    config.preset = Some(format!("{dataset}-scn{width}-expansion-first"));
    config.network.layers = scn_layers(dataset, width, ModuleOrder::ExpansionFirst);
    config
}

/// Returns [`paper`] for CIFAR-10 in a quarter of the time: a cosine learning rate, dictionaries
/// that start with atoms of norm one, flips and shifts drawn for each image, and batches normalised
/// as a whole. With the same number of epochs, it reaches a smaller error than the paper's settings
/// (`docs/reproduce.md`).
fn cifar10_cosine(width: usize) -> RunConfig {
    let mut config = paper(DatasetName::Cifar10, width);
    config.preset = Some(format!("{}-scn{width}-cosine", DatasetName::Cifar10));
    config.input.draw = Draw::Image;
    config.network.batch_norm.group = None;
    config.training.schedule = Schedule::Cosine;
    config.training.epochs = 50;
    config.network.dictionary = DictionaryInit::UnitNorm;
    config
}

/// Returns a small network for the embedded 8 × 8 digits, trained in seconds. The first layer has
/// eight atoms, as on MNIST: sixteen atoms for windows of nine pixels are nearly linearly
/// dependent, and λ1 of that layer may diverge.
fn digits() -> RunConfig {
    let dataset = DatasetName::Digits;
    let layer = |atoms, stride| LayerConfig { atoms, stride };
    RunConfig {
        preset: Some("digits".to_string()),
        dataset: dataset.into(),
        test_share: None,
        pictures: PictureConfig::default(),
        seed: 0,
        train_limit: None,
        subset: Subset::First,
        test_limit: None,
        input: InputConfig {
            mean: Mean::None,
            scale: Scale::Range,
            flip: false,
            shift: 1,
            draw: Draw::Image,
            ..InputConfig::default()
        },
        training: TrainingConfig {
            batch_size: 32,
            last_batch: LastBatch::Kept,
            epochs: 30,
            learning_rate: 0.1,
            schedule: Schedule::Drops,
            drops: vec![0.6, 0.85],
            drop_factor: 0.1,
            warm_up_steps: 0,
            momentum: 0.9,
            weight_decay: 1e-3,
            clip_norm: None,
            label_smoothing: 0.0,
            mixup: None,
            average_decay: None,
            loosest_tolerance: 1e-3,
            loosest_adjoint_tolerance: 1e-2,
            validation: None,
            patience: None,
            recompute: Recompute::Nothing,
        },
        network: NetworkConfig {
            input: dataset.shape(),
            classes: dataset.classes(),
            window: 3,
            lambda2: 1e-4,
            dictionary: DictionaryInit::Paper,
            learned: None,
            lambda1: Lambda1Config::default(),
            batch_norm: BatchNormConfig {
                moments: Moments::Estimated,
                ..BatchNormConfig::default()
            },
            solver: SolverConfig::default(),
            layers: vec![
                layer(8, 1),
                layer(32, 1),
                layer(32, 2),
                layer(64, 1),
                layer(64, 1),
            ],
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Network;

    /// The message is short and contains every name.
    #[test]
    fn a_wrong_name_is_answered_with_all() {
        let error = get("x").unwrap_err().to_string();
        assert!(error.len() < 320, "{error}");
        for group in [
            "choose one of digits, mnist-scn1/2/4, ",
            ", cifar10-scn1/2/4-cosine, ",
            ", stl10-scn2/4-expansion-first",
        ] {
            assert!(error.contains(group), "{error}");
        }
        let listed: usize = choices()
            .split(", ")
            .map(|group| 1 + group.matches('/').count())
            .sum();
        assert_eq!(listed, names().len());
    }

    fn parameters(name: &str) -> usize {
        Network::new(&get(name).unwrap().network, 0)
            .unwrap()
            .parameter_count()
    }

    /// Table 1 of the paper: 0.17 M, 0.35 M and 0.69 M parameters.
    #[test]
    fn parameter_counts_are_those_of_table_1() {
        let millions = |name| (parameters(name) as f64 / 1e4).round() / 100.0;
        assert_eq!(
            ["cifar10-scn1", "cifar10-scn2", "cifar10-scn4"].map(millions),
            [0.17, 0.35, 0.69]
        );
    }

    /// As in the authors' program: four devices, and a different weight decay for STL-10.
    #[test]
    fn the_paper_s_batches_are_in_four_groups() {
        for (name, batch, group, decay) in [
            ("cifar10-scn1", 128, 32, 5e-4),
            ("cifar100-scn4-expansion-first", 128, 32, 5e-4),
            ("mnist-scn4", 128, 32, 5e-4),
            ("stl10-scn4", 16, 4, 1e-4),
        ] {
            let config = get(name).unwrap();
            assert_eq!(config.training.batch_size, batch, "{name}");
            assert_eq!(config.network.batch_norm.group, Some(group), "{name}");
            assert_eq!(config.training.weight_decay, decay, "{name}");
            assert_eq!(config.input.draw, Draw::Group, "{name}");
        }
        let ours = get("cifar10-scn1-cosine").unwrap();
        assert_eq!(ours.network.batch_norm.group, None);
    }

    #[test]
    fn expansion_first_swaps_the_layers_of_each_module() {
        let atoms = |order| {
            scn_layers(DatasetName::Cifar10, 4, order)
                .iter()
                .map(|l| l.atoms)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            atoms(ModuleOrder::ReductionFirst),
            [16, 64, 16, 64, 16, 64, 32, 128, 32, 128, 64, 256, 64, 256]
        );
        assert_eq!(
            atoms(ModuleOrder::ExpansionFirst),
            [64, 16, 64, 16, 64, 16, 128, 32, 128, 32, 256, 64, 256, 64]
        );
    }

    #[test]
    fn every_preset_is_valid_and_named() {
        for name in names() {
            let config = get(&name).unwrap();
            config.validate().unwrap();
            assert_eq!(config.preset.as_deref(), Some(name.as_str()));
            // The phrase fits on a line of a terminal.
            assert!(phrase(&name).unwrap().len() < 60);
        }
        let message = get("cifar-scn1").unwrap_err().to_string();
        assert!(message.contains("cifar10-scn1"), "{message}");
    }
}
