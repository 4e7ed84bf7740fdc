//! Softmax cross-entropy of soft labels, averaged over the batch:
//!
//! ```text
//! loss = 1/N sum_i sum_k t_ki ( log sum_j exp z_ji - z_ki )
//! dloss/dz_ki = (softmax(z_i)_k - t_ki) / N
//! t_ki = (1 - smoothing) ( (1 - share) [k = label i] + share [k = label of the partner of i] )
//!        + smoothing / K
//! ```
//!
//! Without smoothing and mixing, t_ki is 1 for the label and 0 for the other classes.

use crate::error::NetError;
use crate::targets::Targets;
use crate::tensor::Tensor;

/// The loss of a batch of logits.
#[derive(Debug, Clone)]
pub(crate) struct Loss {
    /// The loss of each image.
    pub(crate) of_images: Vec<f64>,
    /// Number of images whose largest logit is not that of their label, or in mixed images that of
    /// the label with the larger weight. Images with NaN logits count as errors.
    pub(crate) errors: usize,
    /// The gradient dloss/dlogits, classes × images.
    pub(crate) gradient: Tensor,
}

impl Loss {
    /// Returns the mean over the images.
    pub(crate) fn mean(&self) -> f64 {
        self.of_images.iter().sum::<f64>() / self.of_images.len().max(1) as f64
    }
}

/// Computes value and gradient for some or all images of a batch of `batch` images.
pub(crate) fn softmax_cross_entropy(
    logits: &Tensor,
    targets: Targets<'_>,
    batch: usize,
) -> Result<Loss, NetError> {
    let (classes, images) = (logits.shape().channels, logits.shape().positions());
    targets.expect_images(images)?;
    targets.expect_classes(classes)?;
    let smoothing = f64::from(targets.smoothing);
    let mut gradient = Tensor::zeros(logits.shape());
    let out = gradient.data_mut();
    let mut of_images = Vec::with_capacity(images);
    let mut errors = 0;
    for image in 0..images {
        let shares = targets.shares(image);
        let label = shares[0].0;
        let probabilities = probabilities(logits, image);
        let largest = logits.column(image).fold(f32::NEG_INFINITY, f32::max);
        let logit = |class: usize| f64::from(logits.data()[class * images + image]);
        // Skip labels with weight 0: their logits may be infinite.
        let aims = shares.into_iter().filter(|&(_, share)| share > 0.0);
        let mut aimed_at: f64 = aims.map(|(class, share)| share * logit(class)).sum();
        if smoothing > 0.0 {
            let mean = (0..classes).map(logit).sum::<f64>() / classes as f64;
            aimed_at = (1.0 - smoothing) * aimed_at + smoothing * mean;
        }
        let rest: f64 = logits
            .column(image)
            .map(|z| (f64::from(z) - f64::from(largest)).exp())
            .sum();
        of_images.push(rest.ln() + f64::from(largest) - aimed_at);
        errors += usize::from(predicted(logits.column(image)) != Some(label));
        for (class, probability) in probabilities.into_iter().enumerate() {
            let own = shares.into_iter().filter(|&(its, _)| its == class);
            let target = (1.0 - smoothing) * own.map(|(_, share)| share).sum::<f64>()
                + smoothing / classes as f64;
            out[class * images + image] = ((probability - target) / batch as f64) as f32;
        }
    }
    Ok(Loss {
        of_images,
        errors,
        gradient,
    })
}

/// Returns `exp z_k / sum exp z`, which is safe for any finite logits.
fn softmax(logits: impl Iterator<Item = f32> + Clone) -> Vec<f64> {
    let largest = logits.clone().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits
        .map(|z| (f64::from(z) - f64::from(largest)).exp())
        .collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// Returns the probability of each class, for an image of a batch of logits (classes × images).
///
/// # Example
///
/// ```
/// use scn_net::{Shape, Tensor, probabilities};
///
/// // One image and two classes, the second of which is three times as probable.
/// let shape = Shape { channels: 2, images: 1, height: 1, width: 1 };
/// let logits = Tensor::new(shape, vec![0.0, 3_f32.ln()])?;
/// let probabilities = probabilities(&logits, 0);
/// // Rounding ln 3 to f32 changes the probabilities by at most 2^-24 * 3/16.
/// approx::assert_abs_diff_eq!(probabilities[..], [0.25, 0.75], epsilon = 2e-8);
/// # Ok::<(), scn_net::NetError>(())
/// ```
pub fn probabilities(logits: &Tensor, image: usize) -> Vec<f64> {
    softmax(logits.column(image))
}

/// Returns the class with the largest logit, the first of several. None if a logit is NaN.
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
    use scn_data::Mixture;

    use super::*;
    use crate::shape::Shape;

    fn softmax_cross_entropy(logits: &Tensor, targets: Targets<'_>) -> Result<Loss, NetError> {
        super::softmax_cross_entropy(logits, targets, logits.shape().positions())
    }

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
        let loss =
            softmax_cross_entropy(&logits(&[5.0; 8], 4), Targets::of_labels(&[0, 3])).unwrap();
        assert_abs_diff_eq!(loss.mean(), 4_f64.ln(), epsilon = 1e-12);
        assert_eq!(loss.errors, 1);
    }

    #[test]
    fn the_gradient_agrees_with_differences() {
        let values = [0.5, -1.0, 2.0, 0.25, 1.5, -0.75];
        let partners = Mixture {
            share: 0.25,
            labels: vec![0, 0],
        };
        let mixed = Targets {
            labels: &[2, 0],
            mixture: Some(&partners),
            smoothing: 0.125,
        };
        for targets in [Targets::of_labels(&[2, 0]), mixed] {
            check_gradient(values, targets);
        }
    }

    fn check_gradient(values: [f32; 6], targets: Targets<'_>) {
        let loss = softmax_cross_entropy(&logits(&values, 3), targets).unwrap();
        for k in 0..6 {
            // The value is computed in f64 from exact inputs. The error is h²/6 = 3e-6 of third
            // derivatives below 1, and the f32 rounding of the gradient.
            let h = 1.0 / 256.0;
            let at = |step: f32| {
                let mut moved = values;
                moved[k] += step;
                softmax_cross_entropy(&logits(&moved, 3), targets)
                    .unwrap()
                    .mean()
            };
            let difference = (at(h) - at(-h)) / f64::from(2.0 * h);
            let analytic = f64::from(loss.gradient.data()[k]);
            assert_abs_diff_eq!(difference, analytic, epsilon = 4e-6);
        }
    }

    /// Reference values from optax 0.2.8 in f64: the average of `softmax_cross_entropy` of logits
    /// and `smooth_labels(0.75 one_hot(labels) + 0.25 one_hot(partners), 0.125)`, and its gradient
    /// by jax.
    #[test]
    fn soft_labels_cost_what_they_do_elsewhere() {
        let logits = logits(&[0.5, -1.0, 2.0, 0.25, 1.5, -0.75], 3);
        let partners = Mixture {
            share: 0.25,
            labels: vec![0, 0],
        };
        let smoothed = Targets::of_labels(&[2, 0]).smoothed(0.125);
        let mixed = Targets {
            mixture: Some(&partners),
            ..Targets::of_labels(&[2, 0])
        };
        for (targets, value, gradient) in [
            (
                smoothed,
                1.4079464083273434,
                [
                    0.04014249282153109,
                    -0.37174377624196797,
                    0.2524413602997565,
                    0.2813939174502538,
                    -0.29258385312128754,
                    0.09034985879171405,
                ],
            ),
            (
                mixed,
                1.5537797416606767,
                [
                    -0.06402417384513558,
                    -0.4134104429086346,
                    0.2732746936330898,
                    0.3022272507835872,
                    -0.20925051978795425,
                    0.1111831921250474,
                ],
            ),
            (
                mixed.smoothed(0.125),
                1.5173214083273434,
                [
                    -0.06923250717846892,
                    -0.37174377624196797,
                    0.2524413602997565,
                    0.2813939174502538,
                    -0.18320885312128757,
                    0.09034985879171405,
                ],
            ),
        ] {
            let found = softmax_cross_entropy(&logits, targets).unwrap();
            // Both are computed in f64. Our gradient is rounded to f32, by half a unit in the last
            // place of 0.5.
            assert_abs_diff_eq!(found.mean(), value, epsilon = 1e-14);
            for (&found, expected) in found.gradient.data().iter().zip(gradient) {
                assert_abs_diff_eq!(f64::from(found), expected, epsilon = 1.5e-8);
            }
            assert_eq!(found.errors, 2);
        }
    }

    #[test]
    fn huge_logits_do_not_overflow() {
        let loss =
            softmax_cross_entropy(&logits(&[1e30, -1e30], 2), Targets::of_labels(&[0])).unwrap();
        assert_eq!((loss.mean(), loss.errors), (0.0, 0));
    }

    #[test]
    fn labels_out_of_range_are_errors() {
        assert!(matches!(
            softmax_cross_entropy(&logits(&[0.0; 2], 2), Targets::of_labels(&[2])),
            Err(NetError::LabelRange { .. })
        ));
        assert!(matches!(
            softmax_cross_entropy(&logits(&[0.0; 2], 2), Targets::of_labels(&[])),
            Err(NetError::LabelCount { .. })
        ));
    }
}
