//! Softmax cross-entropy, averaged over the batch:
//!
//! ```text
//! loss = 1/N sum_i ( log sum_k exp z_ki - z_(label i) i ),     dloss/dz_ki = (softmax(z_i)_k - [k = label i]) / N
//! ```

use crate::error::NetError;
use crate::tensor::Tensor;

/// What a batch of logits is worth.
#[derive(Debug, Clone)]
pub(crate) struct Loss {
    /// Mean over the images.
    pub(crate) value: f64,
    /// Images whose largest logit is not that of their label. Logits that are not numbers count as
    /// errors.
    pub(crate) errors: usize,
    /// dloss/dlogits, classes × images.
    pub(crate) gradient: Tensor,
}

/// Value and gradient at once.
pub(crate) fn softmax_cross_entropy(logits: &Tensor, labels: &[u16]) -> Result<Loss, NetError> {
    let (classes, images) = (logits.shape().channels, logits.shape().positions());
    expect_labels(labels, images)?;
    if let Some(&label) = labels.iter().find(|&&label| usize::from(label) >= classes) {
        return Err(NetError::LabelRange {
            classes,
            found: label,
        });
    }
    let mut gradient = Tensor::zeros(logits.shape());
    let out = gradient.data_mut();
    let mut total = 0.0;
    let mut errors = 0;
    for (image, &label) in labels.iter().enumerate() {
        let label = usize::from(label);
        let probabilities = probabilities(logits, image);
        let largest = logits.column(image).fold(f32::NEG_INFINITY, f32::max);
        let own = f64::from(logits.data()[label * images + image]);
        let rest: f64 = logits
            .column(image)
            .map(|z| (f64::from(z) - f64::from(largest)).exp())
            .sum();
        total += rest.ln() + f64::from(largest) - own;
        errors += usize::from(predicted(logits.column(image)) != Some(label));
        for (class, probability) in probabilities.into_iter().enumerate() {
            let target = f64::from(u8::from(class == label));
            out[class * images + image] = ((probability - target) / images as f64) as f32;
        }
    }
    Ok(Loss {
        value: total / images.max(1) as f64,
        errors,
        gradient,
    })
}

/// `Ok` for a label per image.
pub(crate) fn expect_labels(labels: &[u16], images: usize) -> Result<(), NetError> {
    if labels.len() == images {
        return Ok(());
    }
    Err(NetError::LabelCount {
        images,
        found: labels.len(),
    })
}

/// `exp z_k / sum exp z`, safe for any finite logits.
fn softmax(logits: impl Iterator<Item = f32> + Clone) -> Vec<f64> {
    let largest = logits.clone().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits
        .map(|z| (f64::from(z) - f64::from(largest)).exp())
        .collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// The probability of each class, for an image of a batch of logits (classes × images).
pub fn probabilities(logits: &Tensor, image: usize) -> Vec<f64> {
    softmax(logits.column(image))
}

/// The class with the largest logit, the first of several; None if a logit is not a number.
pub(crate) fn predicted(logits: impl Iterator<Item = f32>) -> Option<usize> {
    let mut best: Option<(usize, f32)> = None;
    for (class, z) in logits.enumerate() {
        if z.is_nan() {
            return None;
        }
        if best.is_none_or(|(_, largest)| z > largest) {
            best = Some((class, z));
        }
    }
    best.map(|(class, _)| class)
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::*;
    use crate::shape::Shape;

    fn logits(values: &[f32], classes: usize) -> Tensor {
        let shape = Shape {
            channels: classes,
            images: values.len() / classes,
            height: 1,
            width: 1,
        };
        Tensor::new(shape, values.to_vec()).unwrap()
    }

    #[test]
    fn equal_logits_cost_the_logarithm_of_the_classes() {
        let loss = softmax_cross_entropy(&logits(&[5.0; 8], 4), &[0, 3]).unwrap();
        assert_abs_diff_eq!(loss.value, 4_f64.ln(), epsilon = 1e-12);
        assert_eq!(loss.errors, 1);
    }

    #[test]
    fn the_gradient_agrees_with_differences() {
        let values = [0.5, -1.0, 2.0, 0.25, 1.5, -0.75];
        let labels = [2, 0];
        let loss = softmax_cross_entropy(&logits(&values, 3), &labels).unwrap();
        for k in 0..6 {
            // The value is computed in f64 from exact inputs: error h²/6 = 3e-6 of third
            // derivatives below 1, and the f32 rounding of the gradient.
            let h = 1.0 / 256.0;
            let at = |step: f32| {
                let mut moved = values;
                moved[k] += step;
                softmax_cross_entropy(&logits(&moved, 3), &labels)
                    .unwrap()
                    .value
            };
            let difference = (at(h) - at(-h)) / f64::from(2.0 * h);
            let analytic = f64::from(loss.gradient.data()[k]);
            assert_abs_diff_eq!(difference, analytic, epsilon = 4e-6);
        }
    }

    #[test]
    fn huge_logits_do_not_overflow() {
        let loss = softmax_cross_entropy(&logits(&[1e30, -1e30], 2), &[0]).unwrap();
        assert_eq!((loss.value, loss.errors), (0.0, 0));
    }

    #[test]
    fn labels_out_of_range_are_errors() {
        assert!(matches!(
            softmax_cross_entropy(&logits(&[0.0; 2], 2), &[2]),
            Err(NetError::LabelRange { .. })
        ));
        assert!(matches!(
            softmax_cross_entropy(&logits(&[0.0; 2], 2), &[]),
            Err(NetError::LabelCount { .. })
        ));
    }
}
