//! Everything a run depends on: what `config.toml` holds.

use scn_data::{Augmentation, DatasetName, Draw, Mean, NormalizationConfig, Scale};
use serde::{Deserialize, Serialize};

use crate::ConfigError;

/// A run, complete: starting again from it gives the same bits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// The preset it was made from; for the reader, without effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// The data set.
    pub dataset: DatasetName,
    /// Seed of initial weights, order and augmentation.
    #[serde(default)]
    pub seed: u64,
    /// Trains on the first so many images only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_limit: Option<usize>,
    /// Tests on the first so many images only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_limit: Option<usize>,
    /// What is done to the pixels.
    #[serde(default)]
    pub input: InputConfig,
    /// How the network is trained.
    pub training: TrainingConfig,
    /// The network.
    pub network: NetworkConfig,
}

/// What is done to the pixels.
///
/// | key | default | meaning |
/// |---|---|---|
/// | `mean` | `channel` | what is subtracted: `pixel` (the mean image), `channel`, or `none` |
/// | `scale` | `none` | what it is divided by: `deviation`, `range`, or `none` |
/// | `flip` | false | mirror left to right with probability 1/2 |
/// | `shift` | 0 | move by up to so many pixels each way, filled with zeros |
/// | `draw` | `batch` | one draw for the whole `batch`, as in the paper, or one per `image` |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InputConfig {
    /// What is subtracted.
    pub mean: Mean,
    /// What it is divided by.
    pub scale: Scale,
    /// Whether images are mirrored at random.
    pub flip: bool,
    /// Largest shift, in pixels.
    pub shift: usize,
    /// How often flip and shift are drawn.
    pub draw: Draw,
}

impl Default for InputConfig {
    fn default() -> Self {
        Self {
            mean: Mean::Channel,
            scale: Scale::None,
            flip: false,
            shift: 0,
            draw: Draw::Batch,
        }
    }
}

impl InputConfig {
    /// The part that is fitted to the training images.
    pub fn normalization(&self) -> NormalizationConfig {
        NormalizationConfig {
            mean: self.mean,
            scale: self.scale,
        }
    }

    /// The part that is drawn at random.
    pub fn augmentation(&self) -> Augmentation {
        Augmentation {
            flip: self.flip,
            shift: self.shift,
            draw: self.draw,
        }
    }
}

/// How a network is trained: stochastic gradient descent with momentum (paper, section 5).
///
/// | key | default | range |
/// |---|---|---|
/// | `batch_size` | 128 | >= 1 |
/// | `epochs` | | >= 1 |
/// | `learning_rate` | 0.1 | > 0 |
/// | `drops` | [0.4, 0.8] | parts of the run, in (0, 1), after which the rate is multiplied by `drop_factor` |
/// | `drop_factor` | 0.1 | > 0 |
/// | `warm_up_steps` | 0 | steps over which the rate rises linearly to its value |
/// | `momentum` | 0.9 | [0, 1) |
/// | `weight_decay` | 5e-4 | >= 0 |
///
/// The paper drops the rate after epochs 80 and 160 of 200 (10 and 20 of 25 on MNIST): parts 0.4 and 0.8 of the run, which
/// stay in place when a run is made shorter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// Images per step.
    #[serde(default = "default::batch_size")]
    pub batch_size: usize,
    /// Passes over the training images.
    pub epochs: u64,
    /// Learning rate at the start.
    #[serde(default = "default::learning_rate")]
    pub learning_rate: f64,
    /// Parts of the run after which it drops.
    #[serde(default = "default::drops")]
    pub drops: Vec<f64>,
    /// Factor of a drop.
    #[serde(default = "default::drop_factor")]
    pub drop_factor: f64,
    /// Steps of linear warm-up.
    #[serde(default)]
    pub warm_up_steps: u64,
    /// Weight of the last step's direction.
    #[serde(default = "default::momentum")]
    pub momentum: f64,
    /// Weight of the squared parameters, halved.
    #[serde(default = "default::weight_decay")]
    pub weight_decay: f64,
}

/// A network: sparse coding layers in order of flow, then the average over the map and a linear classifier.
///
/// | key | default | range |
/// |---|---|---|
/// | `input` | | [channels, height, width] |
/// | `classes` | | >= 2 |
/// | `window` | 3 | odd |
/// | `lambda2` | 1e-4 | >= 0 |
/// | `dictionary` | `paper` | `paper`: entries N(0,1)/m; `unit-norm`: columns N(0,1) scaled to norm 1 |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    /// Channels, height and width of an image.
    pub input: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// Side k of the windows.
    #[serde(default = "default::window")]
    pub window: usize,
    /// λ2 of every layer. Not learned.
    #[serde(default = "default::lambda2")]
    pub lambda2: f32,
    /// Initial dictionaries.
    #[serde(default)]
    pub dictionary: DictionaryInit,
    /// λ1 of every layer.
    #[serde(default)]
    pub lambda1: Lambda1Config,
    /// Batch normalisation.
    #[serde(default)]
    pub batch_norm: BatchNormConfig,
    /// How codes and their adjoint are computed.
    #[serde(default)]
    pub solver: SolverConfig,
    /// The sparse coding layers.
    pub layers: Vec<LayerConfig>,
}

/// One sparse coding layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerConfig {
    /// Atoms, the channels of its output.
    pub atoms: usize,
    /// Distance between windows, in pixels.
    #[serde(default = "default::stride")]
    pub stride: usize,
}

/// Where dictionaries start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DictionaryInit {
    /// Entries N(0,1)/m, as in the authors' program.
    #[default]
    Paper,
    /// Atoms of norm 1 in random directions.
    UnitNorm,
}

/// λ1 of every layer.
///
/// | key | default | meaning |
/// |---|---|---|
/// | `initial` | 0 | value at the start, >= 0 |
/// | `rate` | 1 | factor on the learning rate; 0 holds λ1 fixed |
/// | `per_atom` | false | one per atom instead of one per layer |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lambda1Config {
    /// Value at the start.
    pub initial: f32,
    /// Factor on the learning rate.
    pub rate: f32,
    /// One per atom instead of one per layer.
    pub per_atom: bool,
}

impl Default for Lambda1Config {
    fn default() -> Self {
        Self {
            initial: 0.0,
            rate: 1.0,
            per_atom: false,
        }
    }
}

/// Batch normalisation, with scale 1 and shift 0.
///
/// | key | default | meaning |
/// |---|---|---|
/// | `placement` | `before` | `before` every sparse coding layer and the pooling, or `after` every sparse coding layer |
/// | `rate` | 0.1 | weight of a batch in the running moments, in (0, 1] |
/// | `epsilon` | 1e-4 | added to the variance, > 0 |
/// | `moments` | `running` | what inference uses: `running` averages, or moments `estimated` before each evaluation |
/// | `estimation_batches` | 32 | training batches, weights fixed, for `estimated` moments |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatchNormConfig {
    /// Where it stands.
    pub placement: Placement,
    /// Weight of a batch in the running moments.
    pub rate: f32,
    /// Added to the variance.
    pub epsilon: f32,
    /// What inference uses.
    pub moments: Moments,
    /// Training batches used for estimated moments.
    pub estimation_batches: usize,
}

impl Default for BatchNormConfig {
    fn default() -> Self {
        Self {
            placement: Placement::Before,
            rate: 0.1,
            epsilon: 1e-4,
            moments: Moments::Running,
            estimation_batches: 32,
        }
    }
}

/// Where batch normalisation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// Before every sparse coding layer, and before the pooling.
    Before,
    /// After every sparse coding layer.
    After,
}

/// The moments that inference uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moments {
    /// Running averages over training steps. They lag where a channel is rarely active, and its variance jumps.
    Running,
    /// Averages over training batches with the weights as they are.
    Estimated,
}

/// How codes and their adjoint are computed.
///
/// | key | default | range |
/// |---|---|---|
/// | `method` | `coordinate-descent` | or `fista` |
/// | `tolerance` | 1e-4 | KKT residual of the codes, > 0 |
/// | `adjoint_tolerance` | 1e-4 | relative residual of the adjoint system, > 0 |
/// | `max_passes` | 200 | >= 1 |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SolverConfig {
    /// Method of the forward solve.
    pub method: SolverMethod,
    /// KKT residual of the codes.
    pub tolerance: f32,
    /// Relative residual of the adjoint system.
    pub adjoint_tolerance: f32,
    /// Passes before a tile of windows is given up; the adjoint then factorises.
    pub max_passes: u32,
}

impl Default for SolverConfig {
    fn default() -> Self {
        Self {
            method: SolverMethod::CoordinateDescent,
            tolerance: 1e-4,
            adjoint_tolerance: 1e-4,
            max_passes: 200,
        }
    }
}

/// Method of the forward solve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SolverMethod {
    /// [`scn_solvers::CoordinateDescent`]
    CoordinateDescent,
    /// [`scn_solvers::Fista`] with adaptive restart
    Fista,
}

mod default {
    pub(super) fn batch_size() -> usize {
        128
    }
    pub(super) fn learning_rate() -> f64 {
        0.1
    }
    pub(super) fn drops() -> Vec<f64> {
        vec![0.4, 0.8]
    }
    pub(super) fn drop_factor() -> f64 {
        0.1
    }
    pub(super) fn momentum() -> f64 {
        0.9
    }
    pub(super) fn weight_decay() -> f64 {
        5e-4
    }
    pub(super) fn window() -> usize {
        3
    }
    pub(super) fn lambda2() -> f32 {
        1e-4
    }
    pub(super) fn stride() -> usize {
        1
    }
}

impl RunConfig {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// Not TOML, an unknown key, a value of another type or out of range.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| ConfigError::Syntax {
            message: error.to_string().trim().to_string(),
        })?;
        config.validate()?;
        Ok(config)
    }

    /// The configuration as [`from_toml`](Self::from_toml) reads it, every setting spelled out.
    ///
    /// # Errors
    /// A number that TOML cannot hold: a seed beyond 2⁶³.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string(self).map_err(|error| ConfigError::Syntax {
            message: error.to_string(),
        })
    }

    /// Changes one setting, named with dots: `set("training.learning_rate", "0.05")`. The value is TOML; what is not TOML is
    /// taken as text.
    ///
    /// # Errors
    /// A key that is not a setting, or a value that does not fit it. The configuration is then unchanged.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), ConfigError> {
        let refuse = |message: String| ConfigError::Set {
            key: key.to_string(),
            value: value.to_string(),
            message,
        };
        let parsed = toml::from_str::<toml::Table>(&format!("value = {value}"))
            .ok()
            .and_then(|mut table| table.remove("value"))
            .unwrap_or_else(|| toml::Value::String(value.to_string()));
        let mut root = toml::Table::try_from(&*self).map_err(|error| refuse(error.to_string()))?;
        let (path, name) = match key.rsplit_once('.') {
            Some((path, name)) => (path.split('.').collect(), name),
            None => (Vec::new(), key),
        };
        let mut table = &mut root;
        for part in path {
            table = match table.get_mut(part) {
                Some(toml::Value::Table(inner)) => inner,
                _ => return Err(refuse(format!("there is no section {part}"))),
            };
        }
        table.insert(name.to_string(), parsed);
        let changed: Self = root
            .try_into()
            .map_err(|error: toml::de::Error| refuse(error.message().to_string()))?;
        changed.validate()?;
        *self = changed;
        Ok(())
    }

    /// Checks every range, and that network and data set fit.
    ///
    /// # Errors
    /// The first setting that does not fit.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.network.validate()?;
        let training = &self.training;
        check(
            "training.batch_size",
            "at least 1",
            training.batch_size,
            training.batch_size >= 1,
        )?;
        check(
            "training.epochs",
            "at least 1",
            training.epochs,
            training.epochs >= 1,
        )?;
        check(
            "training.learning_rate",
            "positive",
            training.learning_rate,
            positive(training.learning_rate),
        )?;
        check(
            "training.drop_factor",
            "positive",
            training.drop_factor,
            positive(training.drop_factor),
        )?;
        for &drop in &training.drops {
            check(
                "training.drops",
                "parts of the run between 0 and 1",
                drop,
                drop > 0.0 && drop < 1.0,
            )?;
        }
        check(
            "training.momentum",
            "in [0, 1)",
            training.momentum,
            (0.0..1.0).contains(&training.momentum),
        )?;
        let decay = training.weight_decay;
        check(
            "training.weight_decay",
            "at least 0",
            decay,
            decay.is_finite() && decay >= 0.0,
        )?;
        for (key, limit) in [
            ("train_limit", self.train_limit),
            ("test_limit", self.test_limit),
        ] {
            check(key, "at least 1", limit.unwrap_or(1), limit != Some(0))?;
        }
        let (input, shape) = (self.network.input, self.dataset.shape());
        let expected = format!("{shape:?}, the images of {}", self.dataset);
        check(
            "network.input",
            &expected,
            format!("{input:?}"),
            input == shape,
        )?;
        let classes = self.dataset.classes();
        let expected = format!("{classes}, those of {}", self.dataset);
        check(
            "network.classes",
            &expected,
            self.network.classes,
            self.network.classes == classes,
        )
    }
}

impl NetworkConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// The first setting out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let sides = self.input.iter().all(|side| (1..=1 << 16).contains(side));
        check(
            "network.input",
            "three sides from 1 to 65536",
            format!("{:?}", self.input),
            sides,
        )?;
        check(
            "network.classes",
            "from 2 to 65535",
            self.classes,
            (2..=65535).contains(&self.classes),
        )?;
        check(
            "network.window",
            "odd, at most 255",
            self.window,
            self.window % 2 == 1 && self.window <= 255,
        )?;
        check(
            "network.lambda2",
            "at least 0",
            self.lambda2,
            self.lambda2.is_finite() && self.lambda2 >= 0.0,
        )?;
        let Lambda1Config { initial, rate, .. } = self.lambda1;
        check(
            "network.lambda1.initial",
            "at least 0",
            initial,
            initial.is_finite() && initial >= 0.0,
        )?;
        check(
            "network.lambda1.rate",
            "at least 0",
            rate,
            rate.is_finite() && rate >= 0.0,
        )?;
        let norm = self.batch_norm;
        check(
            "network.batch_norm.rate",
            "in (0, 1]",
            norm.rate,
            norm.rate > 0.0 && norm.rate <= 1.0,
        )?;
        check(
            "network.batch_norm.epsilon",
            "positive",
            norm.epsilon,
            positive(norm.epsilon.into()),
        )?;
        let batches = norm.estimation_batches;
        check(
            "network.batch_norm.estimation_batches",
            "at least 1",
            batches,
            batches >= 1,
        )?;
        let solver = self.solver;
        check(
            "network.solver.tolerance",
            "positive",
            solver.tolerance,
            positive(solver.tolerance.into()),
        )?;
        let tolerance = solver.adjoint_tolerance;
        check(
            "network.solver.adjoint_tolerance",
            "positive",
            tolerance,
            positive(tolerance.into()),
        )?;
        check(
            "network.solver.max_passes",
            "at least 1",
            solver.max_passes,
            solver.max_passes >= 1,
        )?;
        check(
            "network.layers",
            "at least one layer",
            "none",
            !self.layers.is_empty(),
        )?;
        for layer in &self.layers {
            check(
                "network.layers.atoms",
                "from 1 to 65536",
                layer.atoms,
                (1..=1 << 16).contains(&layer.atoms),
            )?;
            check(
                "network.layers.stride",
                "from 1 to 255",
                layer.stride,
                (1..=255).contains(&layer.stride),
            )?;
        }
        Ok(())
    }
}

fn positive(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

fn check(
    key: &str,
    expected: &str,
    found: impl std::fmt::Display,
    holds: bool,
) -> Result<(), ConfigError> {
    if holds {
        return Ok(());
    }
    Err(ConfigError::Range {
        key: key.to_string(),
        expected: expected.to_string(),
        found: found.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets;

    #[test]
    fn every_preset_survives_toml() {
        for name in presets::names() {
            let config = presets::get(&name).unwrap();
            assert_eq!(
                RunConfig::from_toml(&config.to_toml().unwrap()).unwrap(),
                config,
                "{name}"
            );
        }
    }

    #[test]
    fn settings_are_set_by_name() {
        let mut config = presets::get("digits").unwrap();
        config.set("training.learning_rate", "0.05").unwrap();
        config.set("network.batch_norm.placement", "after").unwrap();
        config.set("train_limit", "100").unwrap();
        assert_eq!(config.training.learning_rate, 0.05);
        assert_eq!(config.network.batch_norm.placement, Placement::After);
        assert_eq!(config.train_limit, Some(100));
    }

    #[test]
    fn wrong_settings_are_refused_and_change_nothing() {
        let config = presets::get("digits").unwrap();
        for (key, value, says) in [
            (
                "training.learning_rat",
                "0.05",
                "unknown field `learning_rat`",
            ),
            ("training.learning_rate", "fast", "invalid type"),
            (
                "training.learning_rate",
                "-1",
                "training.learning_rate must be positive, but is -1",
            ),
            ("trainings.epochs", "3", "there is no section trainings"),
            ("network.window", "2", "network.window must be odd"),
            (
                "dataset",
                "mnist",
                "network.input must be [1, 28, 28], the images of mnist, but is [1, 8, 8]",
            ),
        ] {
            let mut changed = config.clone();
            let message = changed.set(key, value).unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
            assert_eq!(changed, config);
        }
    }
}
