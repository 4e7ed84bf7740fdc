//! A step of gradient descent, on the processor.

use crate::optimizer::{Arrays, Descent, OptimizerState};
use crate::param::{Param, Role};
use crate::step::Step;

/// Moves the learned parameters, their momenta and the average, as [`Sgd`](crate::Sgd) says.
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

/// Scales the gradients of what is learned down to this norm of all of them, if theirs is larger.
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
    let params = steps.iter_mut().flat_map(Step::params_mut);
    for gradient in params
        .filter(|param| param.learned())
        .flat_map(gradients_of)
    {
        *gradient *= scale;
    }
}

fn gradients_of(param: &mut Param) -> impl Iterator<Item = &mut f32> {
    param.grad.iter_mut()
}

/// Moves the average of every array towards its value, by this part of the way.
fn follow(steps: &[Step], weight: f32, average: &mut Arrays) {
    for (name, param) in steps.iter().flat_map(Step::params) {
        let mean = average.entry(name).or_insert_with(|| param.value.clone());
        for (mean, &value) in mean.iter_mut().zip(&param.value) {
            *mean += weight * (value - *mean);
        }
    }
}
