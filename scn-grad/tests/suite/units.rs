//! Units do not matter: with D scaled by s, x by t, λ1 by s t, λ2 by s² and the cotangent by w,
//! gradients scale as their definition implies. Powers of two leave all digits unchanged, so this
//! holds to the bit.

use faer::{Mat, Scale};
use scn_grad::Tangent;
use scn_solvers::{Settings, Sign};

use crate::point::{Point, masked_solvers};

fn scaled(point: &Point, s: f64, t: f64, w: f64) -> Point {
    Point {
        dictionary: &point.dictionary * Scale(s),
        signals: &point.signals * Scale(t),
        lambda1: point.lambda1.iter().map(|l| l * s * t).collect(),
        lambda2: point.lambda2 * s * s,
        sign: point.sign,
        cotangent: &point.cotangent * Scale(w),
    }
}

#[test]
fn units_do_not_change_a_bit_of_a_gradient() {
    for sign in [Sign::NonNegative, Sign::Free] {
        let mut point = Point::random(12, 15, 20, 0.1, sign, 5);
        // A column with zero cotangent has zero gradient.
        point.cotangent.col_mut(3).fill(0.0);
        for solver in masked_solvers(Settings::new(1e-9, 1000).unwrap()) {
            let (expected, expected_signal) = point.gradients(&*solver);
            let direction = point.signals.clone();
            let tangent = Tangent {
                signals: Some(direction.as_ref()),
                ..Tangent::zero()
            };
            let pushed = point.push(&*solver, &tangent);
            for (s, t, w) in [
                (100, 0, 0),
                (-100, 0, 0),
                (0, 90, 0),
                (60, -80, 0),
                (0, 0, -200),
                (-70, 60, 90),
            ] {
                let what = format!("{}, {sign:?}, {s}, {t}, {w}", solver.name());
                let [s, t, w] = [s, t, w].map(|exponent: i32| 2.0_f64.powi(exponent));
                let moved = scaled(&point, s, t, w);
                let (found, found_signal) = moved.gradients(&*solver);
                assert!(found_signal == &expected_signal * Scale(w / s), "{what}");
                let dictionary = &expected.dictionary * Scale(t / s * (w / s));
                assert!(found.dictionary == dictionary, "{what}");
                let lambda1 = expected.lambda1.iter().map(|g| g * (w / s / s));
                assert!(lambda1.eq(found.lambda1.iter().copied()), "{what}");
                let lambda2 = expected.lambda2 * (t / s) * (w / s / s);
                assert_eq!(found.lambda2, lambda2, "{what}");
                let direction: Mat<f64> = &direction * Scale(t);
                let tangent = Tangent {
                    signals: Some(direction.as_ref()),
                    ..Tangent::zero()
                };
                let push = moved.push(&*solver, &tangent);
                assert!(push == &pushed * Scale(t / s), "{what}");
            }
        }
    }
}
