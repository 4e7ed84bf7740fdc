//! The strict active set at kinks, degenerate active sets, and invalid input.

use approx::{abs_diff_eq, assert_abs_diff_eq};

use crate::point::{Point, masked_solvers};
use faer::Mat;
use scn_grad::{
    GradError, Gradients, Linearization, MaskedAuto, MaskedCholesky, MaskedGaussSeidel,
    MaskedSolver, Tangent,
};
use scn_solvers::{ElasticNet, Problem, Settings, Sign};

fn solvers() -> [Box<dyn MaskedSolver<f64>>; 5] {
    masked_solvers(Settings::new(1e-12, 200).unwrap())
}

/// With one atom d = 1 and x = λ1, the code max(x - λ1, 0) is at its kink. The strict active set
/// holds it at zero.
#[test]
fn a_weakly_active_entry_has_derivative_zero() {
    let dictionary = Mat::<f64>::identity(1, 1);
    let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.5, 0.0)).unwrap();
    let signal = Mat::full(1, 1, 0.5);
    let signal = signal.as_ref();
    let code = Mat::zeros(1, 1);
    let point = Linearization::new(&problem, &signal, code.as_ref()).unwrap();
    assert_eq!(point.margins(0.0).smallest, 0.0);
    for solver in solvers() {
        let mut gradients = Gradients::zeros(&problem);
        let mut out = Mat::zeros(1, 1);
        let report = point
            .vjp(
                &*solver,
                Mat::full(1, 1, 1.0).as_ref(),
                &mut gradients,
                Some(out.as_mut()),
            )
            .unwrap();
        assert!(report.converged());
        assert_eq!(out[(0, 0)], 0.0);
        assert_eq!(gradients, Gradients::zeros(&problem));
    }
}

/// The margin is the distance to the kink, relative to the correlation.
#[test]
fn the_margin_is_the_distance_to_the_kink() {
    let dictionary = Mat::<f64>::identity(1, 1);
    let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.5, 0.0)).unwrap();
    for (x, expected) in [(2.0, 0.75), (0.25, 1.0), (1.0, 0.5)] {
        let signal = Mat::full(1, 1, x);
        let signal = signal.as_ref();
        let code = Mat::full(1, 1, f64::max(x - 0.5, 0.0));
        let point = Linearization::new(&problem, &signal, code.as_ref()).unwrap();
        let smallest = point.margins(0.0).smallest;
        assert!(
            abs_diff_eq!(smallest, expected, epsilon = 1e-15),
            "{x}: {smallest}"
        );
    }
}

/// If no column has an active atom, nothing flows back.
#[test]
fn an_empty_active_set_has_no_gradient() {
    let point = Point::random(6, 5, 30, 0.1, Sign::Free, 3);
    let problem = point.problem();
    let signals = point.signals.as_ref();
    let codes = Mat::zeros(5, 30);
    let linearization = Linearization::new(&problem, &signals, codes.as_ref()).unwrap();
    for solver in solvers() {
        let mut gradients = Gradients::zeros(&problem);
        let mut out = Mat::zeros(6, 30);
        let report = linearization
            .vjp(
                &*solver,
                point.cotangent.as_ref(),
                &mut gradients,
                Some(out.as_mut()),
            )
            .unwrap();
        assert!(report.converged());
        assert_eq!(out.norm_max(), 0.0);
        assert_eq!(gradients.dictionary.norm_max(), 0.0);
    }
}

/// If the same atom occurs twice, both active, and λ2 = 0, there is no unique derivative. Every
/// solver reports that instead of inventing one.
#[test]
fn linearly_dependent_active_atoms_are_reported() {
    let dictionary = Mat::<f64>::full(3, 2, 1.0);
    let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.1, 0.0)).unwrap();
    let signal = Mat::full(3, 1, 1.0);
    let signal = signal.as_ref();
    let codes = Mat::full(2, 1, 0.4);
    let point = Linearization::new(&problem, &signal, codes.as_ref()).unwrap();
    let cotangent = Mat::from_fn(2, 1, |i, _| [1.0, -1.0][i]);
    for solver in solvers() {
        let mut gradients = Gradients::zeros(&problem);
        let mut out = Mat::zeros(3, 1);
        let report = point
            .vjp(
                &*solver,
                cotangent.as_ref(),
                &mut gradients,
                Some(out.as_mut()),
            )
            .unwrap();
        assert_eq!(
            report.unconverged,
            1,
            "{}",
            MaskedSolver::<f64>::name(&*solver)
        );
        assert!(!report.converged());
    }
}

/// Returns a point with very similar atoms.
fn coherent(m: usize, n: usize, columns: usize, coherence: f64) -> Point {
    let mut point = Point::random(m, n, columns, 1e-6, Sign::NonNegative, 4);
    point.dictionary = scn_solvers::synthetic::dictionary(m, n, coherence, 4);
    point.lambda1.fill(1e-3);
    point
}

/// With coherent atoms the sweeps run out of passes, and the factorisation takes over.
#[test]
fn slow_columns_are_factorised() {
    let point = coherent(8, 6, 40, 0.95);
    let settings = Settings::new(1e-12, 3).unwrap();
    let (report, _, swept) = point.reported_gradients(&MaskedGaussSeidel::new(settings));
    assert!(report.factorised > 0 && report.converged(), "{report:?}");
    let (_, _, exact) = point.reported_gradients(&MaskedCholesky);
    // Columns solved by sweeps have a residual of 1e-12; the error is that times the condition
    // number of H_LL, about n/(1 - 0.95) = 120.
    assert!((&swept - &exact).norm_max() <= 1e-8 * exact.norm_max());
}

/// With coherent atoms and a tolerance that takes many sweeps, conjugate gradients continue from
/// the result of the sweeps, and nothing is left to factorise.
#[test]
fn auto_hands_slow_sweeps_to_conjugate_gradients() {
    let point = coherent(40, 30, 200, 0.8);
    let settings = Settings::new(1e-9, 500).unwrap();
    let (swept, _, _) = point.reported_gradients(&MaskedGaussSeidel::new(settings));
    let (auto, _, found) = point.reported_gradients(&MaskedAuto::new(settings));
    assert!(auto.converged() && auto.factorised == 0, "{auto:?}");
    assert!(auto.mean_passes() < 0.5 * swept.mean_passes());
    let (_, _, exact) = point.reported_gradients(&MaskedCholesky);
    // The residual times the condition number of H_LL, at most n/(1 - 0.8) = 150.
    assert!((&found - &exact).norm_max() <= 1e-6 * exact.norm_max());
}

#[test]
fn wrong_shapes_are_errors() {
    let point = Point::random(4, 3, 2, 0.1, Sign::NonNegative, 1);
    let (problem, codes) = (point.problem(), point.codes());
    let signals = point.signals.as_ref();
    let short = Mat::<f64>::zeros(3, 2);
    let short = short.as_ref();
    assert_eq!(
        Linearization::new(&problem, &short, codes.as_ref()).err(),
        Some(GradError::SignalLength {
            expected: 4,
            found: 3
        })
    );
    let narrow = Mat::<f64>::zeros(3, 1);
    assert!(matches!(
        Linearization::new(&problem, &signals, narrow.as_ref()),
        Err(GradError::Shape { .. })
    ));
    let linearization = Linearization::new(&problem, &signals, codes.as_ref()).unwrap();
    let mut gradients = Gradients::zeros(&problem);
    let mut out = Mat::zeros(4, 2);
    let wrong = linearization.vjp(
        &MaskedCholesky,
        narrow.as_ref(),
        &mut gradients,
        Some(out.as_mut()),
    );
    assert_eq!(
        wrong.unwrap_err().to_string(),
        "dLoss/da must be (3, 2) (rows, columns), but is (3, 1)"
    );
}

/// The zero direction has derivative zero, and a wrong shape is named.
#[test]
fn tangents() {
    let point = Point::random(6, 5, 3, 0.1, Sign::Free, 3);
    let moved = point.push(&MaskedCholesky, &Tangent::zero());
    assert_eq!(moved.norm_max(), 0.0);

    let (problem, codes, signals) = (point.problem(), point.codes(), point.signals.as_ref());
    let linearization = Linearization::new(&problem, &signals, codes.as_ref()).unwrap();
    let mut out = Mat::zeros(5, 3);
    let short = [1.0; 4];
    let tangent = Tangent {
        lambda1: Some(&short),
        ..Tangent::zero()
    };
    let wrong = linearization.jvp(&MaskedCholesky, &tangent, out.as_mut());
    assert_eq!(
        wrong.unwrap_err().to_string(),
        "dlambda1 must be (5, 1) (rows, columns), but is (4, 1)"
    );
}

/// Columns closer to a kink than the tolerance are counted.
#[test]
fn undecided_columns_are_counted() {
    let dictionary = Mat::<f64>::identity(1, 1);
    let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.5, 0.0)).unwrap();
    let signals = Mat::from_fn(1, 3, |_, k| [2.0, 0.5 + 1e-6, 0.25][k]);
    let signals = signals.as_ref();
    let codes = Mat::from_fn(1, 3, |_, k| f64::max(signals[(0, k)] - 0.5, 0.0));
    let point = Linearization::new(&problem, &signals, codes.as_ref()).unwrap();
    let margins = point.margins(1e-4);
    assert_eq!((margins.column, margins.undecided), (1, 1));
    assert_abs_diff_eq!(margins.smallest, 1e-6 / 0.500_001, epsilon = 1e-12);
}
