//! A step of gradient descent on the CPU.

use crate::optimizer::{Arrays, Descent, OptimizerState};
use crate::param::Role;
use crate::step::Step;

/// Updates the learned parameters, their velocities and the average as defined in
/// [`Sgd`](crate::Sgd).
pub(super) fn descend(steps: &mut [Step], descent: Descent, state: &mut OptimizerState) {
    if let Some(norm) = descent.clip_norm {
        clip(steps, norm);
    }
    for step in steps.iter_mut() {
        let names: Vec<String> = step.params().map(|(name, _)| name).collect();
        for (name, param) in names.into_iter().zip(step.params_mut()) {
            let Role::Learned { rate, nonnegative } = param.role else {
                continue;
            };
            let velocity = state.velocity.entry(name);
            let velocity = velocity.or_insert_with(|| vec![0.0; param.value.len()]);
            let rate = descent.rate * rate;
            for ((w, &gradient), v) in param.value.iter_mut().zip(&param.grad).zip(velocity) {
                *v = descent.momentum * *v - rate * (descent.weight_decay * *w + gradient);
                *w += *v;
                if nonnegative {
                    *w = w.max(0.0);
                }
            }
        }
    }
    if let Some(weight) = descent.average {
        follow(steps, weight, &mut state.average);
    }
}

/// Scales all gradients of learned parameters down to this norm, if their joint norm is larger.
fn clip(steps: &mut [Step], norm: f32) {
    let learned = steps.iter().flat_map(Step::params);
    let gradients = learned.filter(|(_, param)| param.learned());
    let squares: f64 = gradients
        .flat_map(|(_, param)| &param.grad)
        .map(|&gradient| f64::from(gradient) * f64::from(gradient))
        .sum();
    let scale = (f64::from(norm) / squares.sqrt()) as f32;
    if scale >= 1.0 {
        return;
    }
    for param in steps.iter_mut().flat_map(Step::params_mut) {
        if param.learned() {
            param
                .grad
                .iter_mut()
                .for_each(|gradient| *gradient *= scale);
        }
    }
}

/// Moves the average of every array towards its value, by the fraction `weight` of the way.
fn follow(steps: &[Step], weight: f32, average: &mut Arrays) {
    for (name, param) in steps.iter().flat_map(Step::params) {
        let mean = average.entry(name).or_insert_with(|| param.value.clone());
        for (mean, &value) in mean.iter_mut().zip(&param.value) {
            *mean += weight * (value - *mean);
        }
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;
    use crate::layer::classifier::Classifier;
    use crate::step::StepLayer;

    /// Reference values from four steps of optax 0.2.8 in f64: `chain(clip_by_global_norm(2),
    /// add_decayed_weights(1/8), sgd(1/4, momentum=1/2))`, and `ema(3/4, debias=True)` of the
    /// weights after each step. Each row has the gradients and the weights of two arrays, then the
    /// averages of the weights.
    #[test]
    fn steps_are_those_of_optax() {
        let steps = [
            (
                [3.0, 4.0, 0.0, 12.0],
                [
                    0.8533653846153846,
                    -2.0913461538461537,
                    0.484375,
                    -0.21935096153846156,
                ],
                [
                    0.8533653846153846,
                    -2.0913461538461537,
                    0.484375,
                    -0.21935096153846156,
                ],
            ),
            (
                [0.5, -0.25, 0.125, 0.5],
                [
                    0.628380408653846,
                    -2.0091646634615383,
                    0.43017578125,
                    -0.5721717247596154,
                ],
                [
                    0.7248025412087912,
                    -2.044385302197802,
                    0.45340401785714285,
                    -0.42096282623626374,
                ],
            ),
            (
                [-8.0, 1.0, 2.0, 4.0],
                [
                    0.9301119485399564,
                    -1.9595201369907216,
                    0.2811679498016094,
                    -0.9476321977901105,
                ],
                [
                    0.813584987622268,
                    -2.0076868523785243,
                    0.37892355599529054,
                    -0.6487117436649543,
                ],
            ),
            (
                [0.0, 0.0, 1.0, 0.0],
                [
                    1.0519117200911379,
                    -1.8734628694743531,
                    -0.05212246435388618,
                    -1.105748928124417,
                ],
                [
                    0.9007444783537405,
                    -1.9585992243449988,
                    0.22128386855330592,
                    -0.8158567711244149,
                ],
            ),
        ];
        let mut classifier = Classifier::new(1, 3, vec![1.0, -2.0, 0.5]);
        classifier.bias.value = vec![0.25];
        let mut network = [Step {
            name: "classifier".to_string(),
            layer: StepLayer::Classifier(classifier),
        }];
        let mut config = crate::config::TrainingConfig::new(1);
        config.momentum = 0.5;
        config.weight_decay = 0.125;
        config.clip_norm = Some(2.0);
        config.average_decay = Some(0.75);
        let mut optimizer = crate::optimizer::Sgd::new(&config);
        for (gradients, weights, averages) in steps {
            let [weight, bias] = network[0].params_mut().try_into().unwrap();
            weight.grad.copy_from_slice(&gradients[..3]);
            bias.grad.copy_from_slice(&gradients[3..]);
            let descent = optimizer.next_descent(0.25);
            descend(&mut network, descent, optimizer.state_mut());
            let found = network[0].params().flat_map(|(_, param)| &param.value);
            let average = &optimizer.state().average;
            let names = ["classifier.weight", "classifier.bias"];
            let average = names.iter().flat_map(|&name| &average[name]);
            for (&found, expected) in found
                .chain(average)
                .zip(weights.into_iter().chain(averages))
            {
                // About ten roundings per step, of numbers of this size.
                let found = f64::from(found);
                assert_relative_eq!(found, expected, epsilon = 4e-7, max_relative = 4e-6);
            }
        }
    }
}
