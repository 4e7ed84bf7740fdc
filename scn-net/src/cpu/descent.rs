//! A step of gradient descent, on the processor.

use std::collections::BTreeMap;

use crate::optimizer::Descent;
use crate::param::Role;
use crate::step::Step;

/// Moves the learned parameters, and their momenta, as [`Sgd`](crate::Sgd) says.
pub(super) fn descend(
    steps: &mut [Step],
    descent: Descent,
    velocity: &mut BTreeMap<String, Vec<f32>>,
) {
    let Descent {
        rate,
        momentum,
        weight_decay,
    } = descent;
    for step in steps {
        let names: Vec<String> = step.params().map(|(name, _)| name).collect();
        for (name, param) in names.into_iter().zip(step.params_mut()) {
            let Role::Learned {
                rate: factor,
                nonnegative,
            } = param.role
            else {
                continue;
            };
            let velocity = velocity
                .entry(name)
                .or_insert_with(|| vec![0.0; param.value.len()]);
            let rate = rate * factor;
            for ((w, &gradient), v) in param.value.iter_mut().zip(&param.grad).zip(velocity) {
                *v = momentum * *v - rate * (weight_decay * *w + gradient);
                *w += *v;
                if nonnegative {
                    *w = w.max(0.0);
                }
            }
        }
    }
}
