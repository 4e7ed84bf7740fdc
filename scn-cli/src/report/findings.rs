//! What a model does with each of its test images.

use std::sync::Arc;

use anyhow::{Context, Result};
use scn_data::{ImageSet, Loader, Normalization};
use scn_net::{Device, Evaluation, Model, Tensor, evaluate_each, probabilities};

use crate::pictures::Raster;

/// The results of a model on the test images.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) evaluation: Evaluation,
    /// On what it was computed.
    pub(crate) device: String,
    /// The most confident first.
    pub(crate) mistakes: Vec<Mistake>,
    pub(crate) usage: Usage,
}

/// A test image classified wrongly.
#[derive(Debug)]
pub(crate) struct Mistake {
    /// Its place among the test images.
    pub(crate) image: usize,
    pub(crate) label: usize,
    pub(crate) predicted: usize,
    /// Of the predicted class.
    pub(crate) probability: f64,
    /// Of its own class.
    pub(crate) own: f64,
    pub(crate) picture: Raster,
}

/// How often the first layer uses its atoms.
#[derive(Debug)]
pub(crate) struct Usage {
    /// Test images looked at.
    pub(crate) images: usize,
    /// `shares[class][atom]`: share of the windows of a class's images with the atom in their code;
    /// none for a class without images.
    pub(crate) shares: Vec<Option<Vec<f64>>>,
}

/// Mistakes shown.
const MISTAKES: usize = 12;
/// Images whose first codes are counted, and how many at a time.
const COUNTED: usize = 2000;
const BATCH: usize = 128;

impl Findings {
    /// Evaluates a model on `test`.
    pub(crate) fn of(model: &Model, test: &Arc<ImageSet>, device: &Device) -> Result<Self> {
        let normalization = model
            .input
            .normalization
            .as_ref()
            .context("expected a trained model, found an untrained one")?;
        let normalization = Arc::new(normalization.clone());
        let loader = Loader::in_order(Arc::clone(test), Arc::clone(&normalization), BATCH)?;
        let mut mistakes = Vec::new();
        let mut image = 0;
        let evaluation = evaluate_each(&model.network, &loader, device, &mut |logits, labels| {
            for (index, &label) in labels.iter().enumerate() {
                let probabilities = probabilities(logits, index);
                mistakes.extend(mistake(&probabilities, image, label.into(), test));
                image += 1;
            }
            mistakes.sort_by(|a, b| b.probability.total_cmp(&a.probability));
            mistakes.truncate(MISTAKES);
        })?;
        Ok(Self {
            evaluation,
            device: device.to_string(),
            mistakes,
            usage: Usage::count(model, test, normalization, device)?,
        })
    }
}

/// The mistake with an image, if it is one. Probabilities that are not numbers are none.
fn mistake(probabilities: &[f64], image: usize, label: usize, test: &ImageSet) -> Option<Mistake> {
    let likeliest = probabilities.iter().enumerate();
    let (predicted, &probability) = likeliest.rev().max_by(|a, b| a.1.total_cmp(b.1))?;
    let wrong = predicted != label && probability.is_finite();
    wrong.then(|| Mistake {
        image,
        label,
        predicted,
        probability,
        own: probabilities[label],
        picture: Raster::of_image(test.image(image), test.shape(), test.brightest()),
    })
}

impl Usage {
    fn count(
        model: &Model,
        test: &ImageSet,
        normalization: Arc<Normalization>,
        device: &Device,
    ) -> Result<Self> {
        let images = Arc::new(test.first(COUNTED));
        let atoms = model.network.config().layers.first();
        let atoms = atoms.map_or(0, |layer| layer.atoms);
        let mut used = vec![vec![0_u64; atoms]; test.classes()];
        let mut windows = vec![0_u64; test.classes()];
        let loader = Loader::in_order(Arc::clone(&images), normalization, BATCH)?;
        for batch in loader.epoch(0, 0) {
            let pixels = Tensor::from_batch(&batch)?;
            let codes = device.run(|| model.network.codes(pixels, 0))?;
            let per_image = codes.shape().height * codes.shape().width;
            for (index, &label) in batch.labels.iter().enumerate() {
                let class = usize::from(label);
                windows[class] += per_image as u64;
                for (atom, used) in used[class].iter_mut().enumerate() {
                    let codes = &codes.channel(atom)[index * per_image..][..per_image];
                    *used += codes.iter().filter(|&&code| code != 0.0).count() as u64;
                }
            }
        }
        let share = |(used, windows): (Vec<u64>, u64)| {
            let share = |used| used as f64 / windows as f64;
            (windows > 0).then(|| used.into_iter().map(share).collect())
        };
        Ok(Self {
            images: images.len(),
            shares: used.into_iter().zip(windows).map(share).collect(),
        })
    }

    /// The mean over the classes, for each atom.
    pub(crate) fn mean(&self) -> Vec<f64> {
        let classes: Vec<&Vec<f64>> = self.shares.iter().flatten().collect();
        let atoms = classes.first().map_or(0, |shares| shares.len());
        let mean = |atom: usize| {
            classes.iter().map(|shares| shares[atom]).sum::<f64>() / classes.len() as f64
        };
        (0..atoms).map(mean).collect()
    }
}

/// The indices of the largest values, the largest first.
pub(crate) fn largest(values: &[f64], count: usize) -> Vec<usize> {
    let mut indices: Vec<usize> = (0..values.len()).collect();
    indices.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    indices.truncate(count);
    indices
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::*;

    #[test]
    fn mistakes_are_what_is_likeliest_and_wrong() {
        let names = ["a", "b", "c"].map(String::from).to_vec();
        let test = ImageSet::new(vec![0; 4], [1, 2, 2], vec![1], names, 255).unwrap();
        let found = mistake(&[0.7, 0.2, 0.1], 0, 1, &test).unwrap();
        assert_eq!(
            (found.predicted, found.probability, found.own),
            (0, 0.7, 0.2)
        );
        assert!(mistake(&[0.2, 0.7, 0.1], 0, 1, &test).is_none());
        assert!(mistake(&[f64::NAN; 3], 0, 1, &test).is_none());
        // The first of several, as the network's error counts.
        assert!(mistake(&[0.1, 0.45, 0.45], 0, 1, &test).is_none());
    }

    #[test]
    fn usage_is_ranked_and_averaged_over_the_classes_there_are() {
        let usage = Usage {
            images: 3,
            shares: vec![Some(vec![0.2, 0.4]), None, Some(vec![0.4, 0.0])],
        };
        let mean = usage.mean();
        assert_abs_diff_eq!(mean[..], [0.3, 0.2][..], epsilon = 1e-15);
        assert_eq!(largest(&[0.1, 0.5, 0.3], 2), [1, 2]);
        assert_eq!(largest(&[0.1], 2), [0]);
    }
}
