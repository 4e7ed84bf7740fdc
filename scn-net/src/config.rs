//! Everything a run depends on: what `config.toml` holds.

mod range;
mod text;

use scn_data::{
    Augmentation, DatasetName, Draw, LastBatch, Mean, NormalizationConfig, Scale, Subset,
};
use serde::{Deserialize, Serialize};

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
    /// Trains on so many images only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_limit: Option<usize>,
    /// Tests on so many images only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_limit: Option<usize>,
    /// Which images these are: the `first`, or `stratified`, of each class its share, drawn by the seed.
    #[serde(default)]
    pub subset: Subset,
    /// What is done to the pixels.
    #[serde(default)]
    pub input: InputConfig,
    /// How the network is trained.
    pub training: TrainingConfig,
    /// The network.
    pub network: NetworkConfig,
}

impl RunConfig {
    /// How training images are varied.
    pub fn augmentation(&self) -> Augmentation {
        let InputConfig {
            flip, shift, draw, ..
        } = self.input;
        Augmentation::default()
            .with_flip(flip)
            .with_shift(shift)
            .with_draw(draw)
            .with_group(self.network.batch_norm.group.unwrap_or(0))
    }
}

/// What is done to the pixels.
///
/// | key | default | meaning |
/// |---|---|---|
/// | `contrast` | off | > 0: contrast normalisation of every image, with this bias for pixels 0 to 255; 10 in the literature |
/// | `mean` | `channel` | what is subtracted: `pixel` (the mean image), `channel`, or `none` |
/// | `scale` | `none` | what it is divided by: `deviation`, `range`, or `none` |
/// | `whitening` | off | > 0: ZCA whitening, with this epsilon; 0.1 in the literature. Subtracts the mean image, whatever `mean` |
/// | `flip` | false | mirror left to right with probability 1/2 |
/// | `shift` | 0 | move by up to so many pixels each way, filled with zeros, after all the above |
/// | `draw` | `batch` | one draw for the whole `batch`, one per `group` of `network.batch_norm.group` images, as in the [authors' program](https://github.com/XiaoxiaSun/supervised-deep-sparse-coding-networks), or one per `image` |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InputConfig {
    /// The bias of contrast normalisation; absent: none is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contrast: Option<f64>,
    /// What is subtracted.
    pub mean: Mean,
    /// What it is divided by.
    pub scale: Scale,
    /// The epsilon of whitening; absent: none is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whitening: Option<f64>,
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
            contrast: None,
            mean: Mean::Channel,
            scale: Scale::None,
            whitening: None,
            flip: false,
            shift: 0,
            draw: Draw::Batch,
        }
    }
}

impl InputConfig {
    /// The part that is fitted to the training images.
    pub fn normalization(&self) -> NormalizationConfig {
        NormalizationConfig::default()
            .with_contrast(self.contrast)
            .with_mean(self.mean)
            .with_scale(self.scale)
            .with_whitening(self.whitening)
    }
}

/// How a network is trained: stochastic gradient descent with momentum (paper, section 5).
///
/// | key | default | range |
/// |---|---|---|
/// | `batch_size` | 128 | >= 1 |
/// | `last_batch` | `kept` | `kept` or `dropped`: what is done with images at the end of an epoch that do not fill a batch |
/// | `epochs` | | >= 1 |
/// | `learning_rate` | 0.1 | > 0 |
/// | `schedule` | `drops` | how the rate falls: in `drops`, or as a half `cosine` to zero |
/// | `drops` | [0.4, 0.8] | parts of the run, in (0, 1), after which the rate is multiplied by `drop_factor`; only with `schedule = "drops"` |
/// | `drop_factor` | 0.1 | > 0 |
/// | `warm_up_steps` | 0 | steps over which the rate rises linearly to its value |
/// | `momentum` | 0.9 | [0, 1) |
/// | `weight_decay` | 5e-4 | >= 0 |
/// | `loosest_tolerance` | 1e-3 | > 0; see below |
/// | `loosest_adjoint_tolerance` | 1e-2 | > 0; see below |
/// | `recompute` | `nothing` | `nothing`, or `codes`: half the memory for activations or less, for another solve of each code; not on a graphics processor, which keeps all |
///
/// The paper drops the rate after epochs 80 and 160 of 200 (10 and 20 of 25 on MNIST): parts 0.4 and 0.8 of the run, which
/// stay in place when a run is made shorter.
///
/// While training, codes and adjoint are solved less exactly as long as steps are long: to the tolerances of `network.solver`, times the
/// rate over its last value (over a hundredth of `learning_rate` with a cosine, which ends at zero), but no worse than `loosest_tolerance` and
/// `loosest_adjoint_tolerance`.
/// Evaluation, and whoever uses the model, has those of `network.solver`. Measured in `docs/training.md`. For the same tolerances
/// throughout, make these as small as those.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// Images per step.
    #[serde(default = "default::batch_size")]
    pub batch_size: usize,
    /// Whether images at the end of an epoch that do not fill a batch are a smaller one.
    #[serde(default)]
    pub last_batch: LastBatch,
    /// Passes over the training images.
    pub epochs: u64,
    /// Learning rate at the start.
    #[serde(default = "default::learning_rate")]
    pub learning_rate: f64,
    /// How it falls.
    #[serde(default)]
    pub schedule: Schedule,
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
    /// The largest KKT residual of codes while training, unless `network.solver` allows a larger one.
    #[serde(default = "default::loosest_tolerance")]
    pub loosest_tolerance: f32,
    /// The largest relative residual of adjoint systems while training, unless `network.solver` allows a larger one.
    #[serde(default = "default::loosest_adjoint_tolerance")]
    pub loosest_adjoint_tolerance: f32,
    /// What the backward pass computes again instead of remembering it.
    #[serde(default)]
    pub recompute: Recompute,
}

/// How the learning rate falls over a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// By a factor at given parts of the run, as in the paper.
    #[default]
    Drops,
    /// As half a period of a cosine, to zero at the end of the run (Loshchilov, Hutter, "SGDR: Stochastic gradient descent with warm
    /// restarts", ICLR 2017, eq. (5), without restarts).
    Cosine,
}

/// What the backward pass computes again instead of remembering it. Gradients are the same to the bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recompute {
    /// All activations of a step are kept until it is over.
    #[default]
    Nothing,
    /// Of every two sparse coding layers the input is kept; they are solved again, with what stands between them, when their gradients
    /// are due.
    Codes,
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

impl NetworkConfig {
    /// Numbers per image that each sparse coding layer is given.
    pub(crate) fn input_numbers(&self) -> Vec<usize> {
        let [mut channels, mut height, mut width] = self.input;
        let layers = self.layers.iter().map(|layer| {
            let numbers = channels * height * width;
            // Windows are padded so that stride 1 keeps the size of the map.
            height = height.div_ceil(layer.stride);
            width = width.div_ceil(layer.stride);
            channels = layer.atoms;
            numbers
        });
        layers.collect()
    }
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
    /// Entries N(0,1)/m, as in the [authors' program](https://github.com/XiaoxiaSun/supervised-deep-sparse-coding-networks).
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

/// Batch normalisation.
///
/// | key | default | meaning |
/// |---|---|---|
/// | `placement` | `before` | `before` every sparse coding layer and the pooling, or `after` every sparse coding layer |
/// | `rate` | 0.1 | weight of a batch in the running moments, in (0, 1] |
/// | `epsilon` | 1e-4 | added to the variance, > 0 |
/// | `moments` | `running` | what inference uses: `running` averages, or moments `estimated` before each evaluation |
/// | `estimation_batches` | 32 | training batches, weights fixed, for `estimated` moments |
/// | `group` | off | >= 1: in training, images are normalised by the moments of their group, of so many in a full batch; a smaller batch has as many groups, as equal as can be. Off: one group, the whole batch |
/// | `affine` | false | a learned scale and shift for each channel, as in the usual batch normalisation |
///
/// With groups the running moments follow the mean over the groups of a batch, each weighted with its images. The
/// [authors' program](https://github.com/XiaoxiaSun/supervised-deep-sparse-coding-networks) divides a batch among four graphics
/// processors, each of which normalises its own part: `group = 32` with a batch of 128 is the same.
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
    /// Images of a group in a full batch; absent: the whole batch is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<usize>,
    /// Whether there is a learned scale and shift.
    pub affine: bool,
}

impl Default for BatchNormConfig {
    fn default() -> Self {
        Self {
            placement: Placement::Before,
            rate: 0.1,
            epsilon: 1e-4,
            moments: Moments::Running,
            estimation_batches: 32,
            group: None,
            affine: false,
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
/// | `method` | `auto` | or `coordinate-descent`, `fista`, `fista-without-restart` (the paper's; not on a graphics processor) |
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
            method: SolverMethod::Auto,
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
    /// [`scn_solvers::Auto`]
    Auto,
    /// [`scn_solvers::CoordinateDescent`]
    CoordinateDescent,
    /// [`scn_solvers::Fista`] with adaptive restart
    Fista,
    /// [`scn_solvers::Fista::without_restart`]
    FistaWithoutRestart,
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
    pub(super) fn loosest_tolerance() -> f32 {
        1e-3
    }
    pub(super) fn loosest_adjoint_tolerance() -> f32 {
        1e-2
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
