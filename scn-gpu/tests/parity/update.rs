//! Steps of the optimiser.

use approx::{assert_abs_diff_eq, assert_relative_eq};
use scn_gpu::update::{
    DescentNumbers, DescentSettings, Parameters, Rule, add_in_order, follow_average,
};
use scn_gpu::{Context, Reports};

use crate::{device, noise};

const RULES: [Rule; 4] = [
    Rule::learned(1.0),
    Rule::learned(0.5).nonnegative(),
    Rule::fixed(),
    Rule::learned(2.0).nonnegative(),
];
/// Several blocks, a single number, exactly one block, and part of a block.
const LENGTHS: [usize; 4] = [300, 1, 256, 7];

fn parameters(context: &Context) -> Parameters {
    let all: Vec<(usize, Rule)> = LENGTHS.into_iter().zip(RULES).collect();
    Parameters::new(context, &all).unwrap()
}

#[test]
fn steps_have_the_formula_of_the_processor() {
    let Some(context) = device() else { return };
    let mut all = parameters(&context);
    let numbers = |index: usize, seed: u64| noise(LENGTHS[index], 10 * index as u64 + seed);
    for index in 0..all.len() {
        let write = |mut place: scn_gpu::ViewMut<'_, f32>, seed| {
            place.write(&numbers(index, seed)).unwrap();
        };
        write(all.values.get_mut(index).unwrap(), 1);
        write(all.gradients.get_mut(index).unwrap(), 2);
        write(all.velocities.get_mut(index).unwrap(), 3);
    }
    let (rate, momentum, decay) = (0.1_f32, 0.9_f32, 1e-3_f32);
    let mut settings = DescentSettings::new(&context).unwrap();
    settings
        .set(DescentNumbers {
            rate,
            momentum,
            weight_decay: decay,
            ..DescentNumbers::default()
        })
        .unwrap();
    all.descend(&settings).unwrap();
    for (index, rule) in RULES.into_iter().enumerate() {
        let [value, gradient, velocity] = [1, 2, 3].map(|seed| numbers(index, seed));
        let new_value = all.values.get(index).unwrap().download().unwrap();
        let new_velocity = all.velocities.get(index).unwrap().download().unwrap();
        if !rule.learned {
            assert_eq!((new_value, new_velocity), (value, velocity));
            continue;
        }
        for k in 0..value.len() {
            let v = momentum * velocity[k] - rate * rule.rate * (decay * value[k] + gradient[k]);
            let w = value[k] + v;
            let w = if rule.nonnegative { w.max(0.0) } else { w };
            // The device rounds a product and a sum together.
            assert_abs_diff_eq!(new_velocity[k], v, epsilon = 2.0 * f32::EPSILON);
            assert_abs_diff_eq!(new_value[k], w, epsilon = 4.0 * f32::EPSILON);
        }
    }
    // Nothing changes between the parameters.
    let together: usize = LENGTHS.iter().sum();
    let zeros = |view: scn_gpu::View<'_, f32>| {
        let numbers = view.download().unwrap();
        numbers.iter().filter(|&&number| number == 0.0).count()
    };
    assert!(zeros(all.values.all()) >= all.values.all().len() - together);
    assert!(zeros(all.velocities.all()) >= all.values.all().len() - together);
}

/// Learned gradients are scaled to a norm that they exceed, and left alone by one that they do not.
/// With many blocks, every thread of the block that adds the squares has several.
#[test]
fn gradients_are_scaled_to_their_norm() {
    let Some(context) = device() else { return };
    let lengths = [300, 1, 256, 7, 20_000];
    let rules = RULES.into_iter().chain([Rule::learned(0.1)]);
    let parameters: Vec<(usize, Rule)> = lengths.into_iter().zip(rules).collect();
    let mut all = Parameters::new(&context, &parameters).unwrap();
    let gradients = |index: usize| noise(lengths[index], index as u64);
    let learned = |index: usize| parameters[index].1.learned;
    let squares: f64 = (0..5)
        .filter(|&index| learned(index))
        .flat_map(gradients)
        .map(|gradient| f64::from(gradient).powi(2))
        .sum();
    let norm = squares.sqrt();
    for clip_norm in [0.25 * norm, 1.01 * norm] {
        for index in 0..5 {
            let mut place = all.gradients.get_mut(index).unwrap();
            place.write(&gradients(index)).unwrap();
        }
        let mut settings = DescentSettings::new(&context).unwrap();
        settings
            .set(DescentNumbers {
                clip_norm: clip_norm as f32,
                ..DescentNumbers::default()
            })
            .unwrap();
        all.clip(&settings).unwrap();
        for index in 0..5 {
            let found = all.gradients.get(index).unwrap().download().unwrap();
            if clip_norm > norm || !learned(index) {
                assert_eq!(found, gradients(index));
                continue;
            }
            for (found, gradient) in found.into_iter().zip(gradients(index)) {
                // The norm as an f32, the factor and the product are rounded.
                assert_relative_eq!(found, 0.25 * gradient, max_relative = 2e-7);
            }
        }
    }
    // A norm of zero must not be divided by.
    all.gradients.all_mut().fill_zero().unwrap();
    all.clip(&DescentSettings::new(&context).unwrap()).unwrap();
    let zeros = all.gradients.all().download().unwrap();
    assert!(zeros.iter().all(|&gradient| gradient == 0.0));
}

#[test]
fn averages_move_towards_values() {
    let Some(context) = device() else { return };
    let (values, start) = (noise(700, 1), noise(700, 2));
    let [values_there, mut average] = [&values, &start].map(|all| context.upload(all).unwrap());
    let mut settings = DescentSettings::new(&context).unwrap();
    let weight = 0.125_f32;
    settings
        .set(DescentNumbers {
            average: weight,
            ..DescentNumbers::default()
        })
        .unwrap();
    follow_average(&settings, values_there.view(), average.view_mut()).unwrap();
    for (found, (value, start)) in average
        .download()
        .unwrap()
        .into_iter()
        .zip(values.into_iter().zip(start))
    {
        // The device rounds a product and a sum together.
        let expected = start + weight * (value - start);
        assert_abs_diff_eq!(found, expected, epsilon = 2.0 * f32::EPSILON);
    }
    let mut short = context.zeros::<f32>(699).unwrap();
    assert!(follow_average(&settings, values_there.view(), short.view_mut()).is_err());
}

#[test]
fn two_parameters_can_be_written_at_once() {
    let Some(context) = device() else { return };
    let mut all = parameters(&context);
    let (mut first, mut last) = all.gradients.pair_mut(0, 3).unwrap();
    first.write(&noise(300, 1)).unwrap();
    last.write(&noise(7, 2)).unwrap();
    let brought = |index| all.gradients.get(index).unwrap().download().unwrap();
    assert_eq!((brought(0), brought(3)), (noise(300, 1), noise(7, 2)));
    assert!(all.gradients.pair_mut(3, 0).is_err());
    assert!(all.gradients.pair_mut(1, 1).is_err());
    assert!(all.gradients.get(4).is_err());
}

/// The first learned parameter with such a gradient is reported. Other gradients may hold anything.
#[test]
fn gradients_that_are_not_finite_are_found_wherever_they_are() {
    let Some(context) = device() else { return };
    for (index, place, value, expected) in [
        (0, 0, f32::NAN, Some(0)),
        (0, 299, f32::INFINITY, Some(0)),
        (1, 0, f32::NEG_INFINITY, Some(1)),
        (3, 6, f32::NAN, Some(3)),
        (2, 9, f32::NAN, None),
        (0, 7, 3e38, None),
    ] {
        let mut all = parameters(&context);
        let mut gradient = noise(LENGTHS[index], 1);
        gradient[place] = value;
        all.gradients
            .get_mut(index)
            .unwrap()
            .write(&gradient)
            .unwrap();
        let mut reports = Reports::new(&context, 5).unwrap();
        let pending = all.check_finite(&mut reports).unwrap();
        let values = reports.download().unwrap();
        assert_eq!(pending.first_broken(&values), expected);
        assert!(all.check_finite(&mut reports).is_err());
    }
}

#[test]
fn parts_are_added_up_in_their_order() {
    let Some(context) = device() else { return };
    let parts = noise(4 * 129, 5);
    let mut sum = context.unspecified::<f32>(129).unwrap();
    let uploaded = context.upload(&parts).unwrap();
    add_in_order(uploaded.view(), sum.view_mut()).unwrap();
    for (k, sum) in sum.download().unwrap().into_iter().enumerate() {
        assert_eq!(
            sum,
            ((parts[k] + parts[129 + k]) + parts[258 + k]) + parts[387 + k]
        );
    }
}
