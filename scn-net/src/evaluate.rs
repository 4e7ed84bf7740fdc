//! Evaluation of a network on images that it was not trained on.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::Instant;

use scn_data::Loader;
use serde::Serialize;

use crate::device::Device;
use crate::error::NetError;
use crate::network::Network;
use crate::ops::loss::{predicted, softmax_cross_entropy};
use crate::report::Activity;
use crate::targets::Targets;
use crate::tensor::Tensor;

/// The result of an evaluation. Errors are fractions.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Evaluation {
    /// Number of images evaluated.
    pub images: usize,
    /// Mean loss.
    pub loss: f64,
    /// Fraction of images misclassified.
    pub error: f64,
    /// Number of images as `confusion[label][prediction]`. Images with NaN logits are not counted.
    pub confusion: Vec<Vec<u64>>,
    /// Time for all images, including loading.
    pub seconds: f64,
    /// Images per second.
    pub images_per_second: f64,
    /// Fraction of active code entries of each sparse coding layer.
    pub active: Vec<f64>,
    /// Largest KKT residual of each sparse coding layer.
    #[serde(rename = "kkt")]
    pub residual: Vec<f64>,
}

/// Evaluates a network on all images of a loader.
///
/// The logits are computed on the device that the network [is on](Network::move_to), the loss on
/// the threads of `device`.
///
/// # Errors
/// Returns an error if images or labels do not fit the network, or if a device fails.
///
/// # Example
///
/// ```
/// use std::{path::Path, sync::Arc};
/// use scn_net::scn_data::{DatasetName, Loader, Normalization, open};
/// use scn_net::{Device, Network, evaluate, presets};
///
/// let config = presets::get("digits")?;
/// let digits = open(DatasetName::Digits, Path::new(""))?;
/// let normalization = Normalization::fit(&digits.train, config.input.normalization())?;
/// let test = Loader::in_order(Arc::new(digits.test.first(64)), Arc::new(normalization), 32)?;
///
/// let network = Network::new(&config.network, 0)?;
/// let evaluation = evaluate(&network, &test, &Device::cpu(None)?)?;
/// let correct: u64 = (0..10).map(|class| evaluation.confusion[class][class]).sum();
/// assert_eq!(evaluation.images, 64);
/// assert_eq!(evaluation.error, (64 - correct) as f64 / 64.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn evaluate(
    network: &Network,
    loader: &Loader,
    device: &Device,
) -> Result<Evaluation, NetError> {
    device.run(|| evaluate_here(network, loader))
}

/// Same as [`evaluate`], but also passes the logits (classes × images) and labels of each batch to
/// `each`. If `each` returns a break, the evaluation ends after that batch.
///
/// # Errors
/// Same as [`evaluate`]. Also returns [`NetError::Stopped`] after a break.
pub fn evaluate_each(
    network: &Network,
    loader: &Loader,
    device: &Device,
    each: &mut (dyn FnMut(&Tensor, &[u16]) -> ControlFlow<()> + Send),
) -> Result<Evaluation, NetError> {
    device.run(|| evaluate_batches(network, loader, each))
}

/// Evaluates a network on the mean of the logits of each image and its mirror image.
///
/// Images are mirrored left to right. Loss, errors and confusion are those of the mean logits. This
/// is test-time augmentation at twice the work, and differs from the test error of the network
/// itself: the error of a network for CIFAR-10 is about one percentage point lower with mirror
/// images (`docs/experiments.md`).
///
/// Mirroring happens [after normalisation](Loader::mirrored), as in training. The logits of all
/// images are kept until those of the mirror images are known, which takes 4 bytes for each image
/// and class. In the result, `images` is the number of images of the loader, and
/// `images_per_second` counts each image once. `active` is the mean over images and mirror images,
/// `residual` the maximum.
///
/// # Errors
/// Same as [`evaluate`].
pub fn evaluate_average_mirrored(
    network: &Network,
    loader: &Loader,
    device: &Device,
) -> Result<Evaluation, NetError> {
    evaluate_average_mirrored_watched(network, loader, device, &mut |_| ControlFlow::Continue(()))
}

/// Same as [`evaluate_average_mirrored`], but calls `watcher` after each batch.
///
/// `watcher` receives the number of images of each batch once its logits are known, first for all
/// images, then for all mirror images. If it returns a break, the evaluation ends after that batch.
///
/// # Errors
/// Same as [`evaluate`]. Also returns [`NetError::Stopped`] after a break.
pub fn evaluate_average_mirrored_watched(
    network: &Network,
    loader: &Loader,
    device: &Device,
    watcher: &mut (dyn FnMut(usize) -> ControlFlow<()> + Send),
) -> Result<Evaluation, NetError> {
    device.run(|| average_mirrored(network, loader, watcher))
}

fn average_mirrored(
    network: &Network,
    loader: &Loader,
    watcher: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<Evaluation, NetError> {
    let mut tally = Tally::new(network);
    let batches = loader.batches();
    let mut first = VecDeque::with_capacity(batches);
    network.infer_on(loader, batches, &mut |logits, labels, activity| {
        tally.watch(labels.len(), activity);
        first.push_back(logits);
        unless_stopped(watcher(labels.len()))
    })?;
    let mirrored = loader.clone().mirrored();
    network.infer_on(&mirrored, batches, &mut |mut logits, labels, activity| {
        tally.watch(labels.len(), activity);
        // The batches are the same as before, in the same order.
        let images = first.pop_front();
        for (mean, z) in logits
            .data_mut()
            .iter_mut()
            .zip(images.iter().flat_map(Tensor::data))
        {
            // In f64, the sum cannot overflow, and the mean of two equal logits is that logit.
            *mean = ((f64::from(*mean) + f64::from(*z)) / 2.0) as f32;
        }
        tally.classify(&logits, labels)?;
        unless_stopped(watcher(labels.len()))
    })?;
    Ok(tally.result())
}

/// Evaluates on the threads of the current pool.
pub(crate) fn evaluate_here(network: &Network, loader: &Loader) -> Result<Evaluation, NetError> {
    evaluate_batches(network, loader, &mut |_, _| ControlFlow::Continue(()))
}

fn evaluate_batches(
    network: &Network,
    loader: &Loader,
    each: &mut dyn FnMut(&Tensor, &[u16]) -> ControlFlow<()>,
) -> Result<Evaluation, NetError> {
    let mut tally = Tally::new(network);
    network.infer_on(loader, loader.batches(), &mut |logits, labels, activity| {
        tally.classify(&logits, labels)?;
        tally.watch(labels.len(), activity);
        unless_stopped(each(&logits, labels))
    })?;
    Ok(tally.result())
}

fn unless_stopped(answer: ControlFlow<()>) -> Result<(), NetError> {
    match answer {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(NetError::Stopped),
    }
}

/// Sums over the batches so far.
struct Tally {
    start: Instant,
    /// Number of images classified; `loss` and `errors` are sums over them.
    images: usize,
    loss: f64,
    errors: usize,
    confusion: Vec<Vec<u64>>,
    /// Number of images whose activity was added. Mirror images count separately.
    watched: usize,
    active: Vec<f64>,
    residual: Vec<f64>,
}

impl Tally {
    /// Creates an empty tally and starts the clock.
    fn new(network: &Network) -> Self {
        let classes = network.config().classes;
        let sparse_layers = network.config().layers.len();
        Self {
            start: Instant::now(),
            images: 0,
            loss: 0.0,
            errors: 0,
            confusion: vec![vec![0; classes]; classes],
            watched: 0,
            active: vec![0.0; sparse_layers],
            residual: vec![0.0; sparse_layers],
        }
    }

    /// Adds the images of a batch, given their logits (classes × images).
    fn classify(&mut self, logits: &Tensor, labels: &[u16]) -> Result<(), NetError> {
        let part = softmax_cross_entropy(logits, Targets::of_labels(labels), labels.len())?;
        self.images += labels.len();
        self.loss += labels.len() as f64 * part.mean();
        self.errors += part.errors;
        for (image, &label) in labels.iter().enumerate() {
            if let Some(class) = predicted(logits.column(image)) {
                self.confusion[usize::from(label)][class] += 1;
            }
        }
        Ok(())
    }

    /// Adds the activity of each sparse coding layer on a batch of `images` images.
    fn watch(&mut self, images: usize, activity: Vec<Activity>) {
        self.watched += images;
        for (layer, done) in activity.into_iter().enumerate() {
            self.active[layer] += images as f64 * done.active;
            self.residual[layer] = self.residual[layer].max(done.residual);
        }
    }

    fn result(self) -> Evaluation {
        let count = self.images.max(1) as f64;
        let watched = self.watched.max(1) as f64;
        let seconds = self.start.elapsed().as_secs_f64();
        Evaluation {
            images: self.images,
            loss: self.loss / count,
            error: self.errors as f64 / count,
            confusion: self.confusion,
            seconds,
            images_per_second: self.images as f64 / seconds,
            active: self.active.into_iter().map(|sum| sum / watched).collect(),
            residual: self.residual,
        }
    }
}
