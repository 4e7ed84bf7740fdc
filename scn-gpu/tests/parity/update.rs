//! Steps of the optimiser.

use scn_gpu::Reports;
use scn_gpu::update::{Descent, add_in_order, check_finite};

use crate::{device, noise};

#[test]
fn steps_have_the_formula_of_the_processor() {
    let Some(context) = device() else { return };
    for nonnegative in [false, true] {
        let (value, gradient, velocity) = (noise(300, 1), noise(300, 2), noise(300, 3));
        let descent = Descent {
            rate: 0.1,
            momentum: 0.9,
            weight_decay: 1e-3,
            nonnegative,
        };
        let mut device_value = context.upload(&value).unwrap();
        let mut device_velocity = context.upload(&velocity).unwrap();
        let device_gradient = context.upload(&gradient).unwrap();
        descent
            .step(&mut device_value, &device_gradient, &mut device_velocity)
            .unwrap();
        let (new_value, new_velocity) = (
            device_value.download().unwrap(),
            device_velocity.download().unwrap(),
        );
        for k in 0..300 {
            let decayed = descent.weight_decay * value[k] + gradient[k];
            let v = descent.momentum * velocity[k] - descent.rate * decayed;
            let w = value[k] + v;
            let w = if nonnegative { w.max(0.0) } else { w };
            // The device rounds a product and a sum at once.
            assert!((new_velocity[k] - v).abs() <= 2.0 * f32::EPSILON);
            assert!((new_value[k] - w).abs() <= 4.0 * f32::EPSILON);
        }
    }
}

#[test]
fn numbers_that_are_not_finite_are_found_wherever_they_are() {
    let Some(context) = device() else { return };
    let mut reports = Reports::new(&context, 4).unwrap();
    let mut pending = Vec::new();
    for (place, value) in [
        (0, f32::NAN),
        (299, f32::INFINITY),
        (150, f32::NEG_INFINITY),
        (7, 3e38),
    ] {
        let mut gradient = noise(300, 1);
        gradient[place] = value;
        let gradient = context.upload(&gradient).unwrap();
        pending.push(check_finite(&gradient, &mut reports).unwrap());
    }
    let values = reports.download().unwrap();
    let finite: Vec<bool> = pending
        .into_iter()
        .map(|pending| pending.read(&values))
        .collect();
    assert_eq!(finite, [false, false, false, true]);
}

#[test]
fn parts_are_added_up_in_their_order() {
    let Some(context) = device() else { return };
    let parts = noise(4 * 129, 5);
    let mut sum = context.unspecified(129).unwrap();
    add_in_order(&mut sum, &context.upload(&parts).unwrap()).unwrap();
    for (k, sum) in sum.download().unwrap().into_iter().enumerate() {
        assert_eq!(
            sum,
            ((parts[k] + parts[129 + k]) + parts[258 + k]) + parts[387 + k]
        );
    }
}
