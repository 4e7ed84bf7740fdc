//! Results of a model on its test images.

use std::sync::Arc;

use anyhow::{Context, Result};
use scn_data::{ImageSet, Loader};
use scn_net::{Device, Evaluation, Model, evaluate_each, probabilities};

use super::usage::Usage;
use crate::ending;
use crate::model_images::BATCH;
use crate::pictures::Raster;
use crate::screen::Bar;

/// The results of a model on the test images.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) evaluation: Evaluation,
    /// The device that the model ran on.
    pub(crate) device: String,
    /// Most confident mistakes, in descending order.
    pub(crate) mistakes: Vec<Mistake>,
    pub(crate) usage: Usage,
}

/// A misclassified test image.
#[derive(Debug)]
pub(crate) struct Mistake {
    /// Index among the test images.
    pub(crate) image: usize,
    pub(crate) label: usize,
    pub(crate) predicted: usize,
    /// Probability of the predicted class.
    pub(crate) probability: f64,
    /// Probability of the labelled class.
    pub(crate) own: f64,
    pub(crate) picture: Raster,
}

/// Number of mistakes shown.
const MISTAKES: usize = 12;

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
        let bar = Bar::new("testing", test.len());
        let evaluation = evaluate_each(&model.network, &loader, device, &mut |logits, labels| {
            for (index, &label) in labels.iter().enumerate() {
                let probabilities = probabilities(logits, index);
                mistakes.extend(mistake(&probabilities, image, label.into(), test));
                image += 1;
            }
            mistakes.sort_by(|a, b| b.probability.total_cmp(&a.probability));
            mistakes.truncate(MISTAKES);
            bar.advance(labels.len());
            ending::break_if_stopped()
        })?;
        drop(bar);
        Ok(Self {
            evaluation,
            device: device.to_string(),
            mistakes,
            usage: Usage::count(model, 0, test, normalization, device)?,
        })
    }
}

/// Returns an image as a mistake if it is misclassified. Probabilities that are not finite do not
/// count.
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

#[cfg(test)]
mod tests {
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
        // The first of several maxima counts, as in the network's error.
        assert!(mistake(&[0.1, 0.45, 0.45], 0, 1, &test).is_none());
    }
}
