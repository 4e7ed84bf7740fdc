//! The regularisation path, compared with the active-set solver.

use approx::abs_diff_eq;
use proptest::prelude::*;
use scn_solvers::{PathError, Problem, Sign, path};

use crate::instance::Instance;

fn sign() -> impl Strategy<Value = Sign> {
    prop_oneof![Just(Sign::NonNegative), Just(Sign::Free)]
}

/// Returns the largest difference between the path's code at t and the reference code for λ1 = t,
/// relative to the size of the code.
fn distance(instance: &Instance, path: &scn_solvers::Path, t: f64) -> f64 {
    let mut there = instance.clone();
    there.lambda1.fill(t);
    let exact = there.exact();
    let code = path.at(t);
    let differences = code
        .iter()
        .zip(exact.col(0).iter())
        .map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f64::max) / (1.0 + exact.norm_max())
}

/// The condition of H is below `(1 + n)/λ2 < 500` here, and both sides solve with it once in f64.
const EXACT: f64 = 1e-10;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_breakpoint_is_optimal(
        m in 2usize..14,
        n in 1usize..14,
        coherence in 0.0f64..0.6,
        sign in sign(),
        seed in 0u64..100_000,
    ) {
        let instance = Instance::random(m, n, 1, coherence, sign, seed);
        prop_assume!(instance.is_seen());
        let problem: Problem<f64> = instance.problem();
        let correlations = instance.correlations_and_gradient(&faer::Mat::zeros(n, 1), 0).0;
        let path = path(&problem, &correlations, 1000).unwrap();
        let points = path.breakpoints();
        prop_assert!(points.windows(2).all(|pair| pair[0].t >= pair[1].t), "not in order");
        prop_assert_eq!(points[points.len() - 1].t, 0.0);
        let largest = correlations.iter().map(|&c| if sign == Sign::Free { c.abs() } else { c });
        let largest = largest.fold(0.0, f64::max);
        prop_assert!(abs_diff_eq!(points[0].t, largest, epsilon = 1e-12 * largest));
        prop_assert!(points[0].code.iter().all(|&a| a == 0.0));
        for (point, next) in points.iter().zip(points.iter().skip(1).chain(points.last())) {
            prop_assert!(distance(&instance, &path, point.t) <= EXACT, "at {}", point.t);
            let middle = 0.5 * (point.t + next.t);
            prop_assert!(distance(&instance, &path, middle) <= EXACT, "between, at {middle}");
        }
        prop_assert!(path.at(2.0 * largest + 1.0).iter().all(|&a| a == 0.0));
    }
}

/// With orthonormal atoms, each code grows with slope -1/(1 + λ2) from where λ1 passes its
/// correlation.
#[test]
fn orthonormal_atoms_have_a_closed_form() {
    let penalty = scn_solvers::ElasticNet::signed(0.0, 0.25);
    let problem = Problem::new(faer::Mat::<f64>::identity(3, 3).as_ref(), penalty).unwrap();
    let within = |limit| path(&problem, &[3.0, -2.0, 0.5], limit);
    assert_eq!(within(3), Err(PathError::TooLong { limit: 3 }));
    let path = within(4).unwrap();
    let breaks: Vec<f64> = path.breakpoints().iter().map(|point| point.t).collect();
    assert_eq!(breaks, [3.0, 2.0, 0.5, 0.0]);
    for (t, expected) in [
        (4.0, [0.0; 3]),
        (2.5, [0.4, 0.0, 0.0]),
        (1.0, [1.6, -0.8, 0.0]),
        (0.0, [2.4, -1.6, 0.4]),
    ] {
        for (found, expected) in path.at(t).iter().zip(expected) {
            assert!(
                abs_diff_eq!(*found, expected, epsilon = 1e-14),
                "{found} for {expected} at {t}"
            );
        }
    }
}

#[test]
fn wrong_input_is_an_error_that_names_it() {
    let instance = Instance::random(4, 3, 1, 0.0, Sign::Free, 1);
    let problem: Problem<f64> = instance.problem();
    assert_eq!(
        path(&problem, &[1.0; 2], 9),
        Err(PathError::Length {
            expected: 3,
            found: 2
        })
    );
    assert!(matches!(
        path(&problem, &[1.0, f64::NAN, 0.0], 9),
        Err(PathError::Correlation { atom: 1, .. })
    ));
    assert_eq!(
        path(&problem, &[1.0, 2.0, 3.0], 1),
        Err(PathError::TooLong { limit: 1 })
    );
    let follow = scn_solvers::path::follow(&problem, &[1.0; 3], &[0.0; 3], &[1.0, 0.0, 1.0], 9);
    assert!(matches!(follow, Err(PathError::Weight { atom: 1, .. })));
}
