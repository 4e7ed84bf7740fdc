//! How good a network is on images it has not learned from.

use std::time::Instant;

use scn_data::Loader;
use serde::Serialize;

use crate::layer::Activity;
use crate::ops::loss::{predicted, softmax_cross_entropy};
use crate::{Device, NetError, Network, Tensor};

/// How good a network is. Errors are fractions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Images evaluated.
    pub images: usize,
    /// Mean loss.
    pub loss: f64,
    /// Share of images classified wrongly.
    pub error: f64,
    /// `confusion[label][prediction]`: number of images. An image whose logits are not numbers is in no column.
    pub confusion: Vec<Vec<u64>>,
    /// Time for all images, loading included.
    pub seconds: f64,
    /// Images per second.
    pub images_per_second: f64,
    /// Share of active codes of each sparse coding layer.
    pub active: Vec<f64>,
    /// Largest KKT residual of each sparse coding layer.
    pub kkt: Vec<f64>,
}

/// Evaluates a network on all images of a loader, where the network [is](Network::move_to); the loss is computed on the threads of `device`.
///
/// # Errors
/// Images or labels that do not fit the network; a device that fails.
pub fn evaluate(
    network: &Network,
    loader: &Loader,
    device: &Device,
) -> Result<Evaluation, NetError> {
    device.run(|| evaluate_here(network, loader))
}

/// As [`evaluate`], and hands over the logits (classes × images) and the labels of each batch.
///
/// # Errors
/// Those of [`evaluate`].
pub fn evaluate_each(
    network: &Network,
    loader: &Loader,
    device: &Device,
    each: &mut (dyn FnMut(&Tensor, &[u16]) + Send),
) -> Result<Evaluation, NetError> {
    device.run(|| evaluate_batches(network, loader, each))
}

/// Evaluates on the threads of the current pool.
pub(crate) fn evaluate_here(network: &Network, loader: &Loader) -> Result<Evaluation, NetError> {
    evaluate_batches(network, loader, &mut |_, _| ())
}

fn evaluate_batches(
    network: &Network,
    loader: &Loader,
    each: &mut dyn FnMut(&Tensor, &[u16]),
) -> Result<Evaluation, NetError> {
    let start = Instant::now();
    let classes = network.config().classes;
    let sparse_layers = network.config().layers.len();
    let mut confusion = vec![vec![0; classes]; classes];
    let mut images = 0;
    let (mut loss, mut errors) = (0.0, 0);
    let (mut active, mut kkt) = (vec![0.0; sparse_layers], vec![0.0_f64; sparse_layers]);
    network.infer_on(loader, loader.batches(), &mut |logits, labels, activity| {
        let part = softmax_cross_entropy(&logits, labels)?;
        let weight = labels.len() as f64;
        loss += weight * part.value;
        errors += part.errors;
        images += labels.len();
        each(&logits, labels);
        for (image, &label) in labels.iter().enumerate() {
            if let Some(class) = predicted(logits.column(image)) {
                confusion[usize::from(label)][class] += 1;
            }
        }
        for (
            layer,
            Activity {
                active: share,
                kkt: residual,
                ..
            },
        ) in activity.into_iter().enumerate()
        {
            active[layer] += weight * share;
            kkt[layer] = kkt[layer].max(residual);
        }
        Ok(())
    })?;
    let count = images.max(1) as f64;
    let seconds = start.elapsed().as_secs_f64();
    Ok(Evaluation {
        images,
        loss: loss / count,
        error: errors as f64 / count,
        confusion,
        seconds,
        images_per_second: images as f64 / seconds,
        active: active.into_iter().map(|sum| sum / count).collect(),
        kkt,
    })
}
