//! Grids of λ1, compared with separate solves.

use faer::Mat;
use proptest::prelude::*;
use scn_solvers::synthetic::{dictionary, normal_matrix};
use scn_solvers::{
    Auto, ElasticNet, EncodeError, GridError, Lambda1, Problem, Scalar, Settings, Start, encode,
    encode_grid, lambda1_grid,
};

fn problem<T: Scalar>(penalty: ElasticNet<T>) -> Problem<T> {
    Problem::new(dictionary::<T>(15, 20, 0.2, 1).as_ref(), penalty).unwrap()
}

/// Each point has the codes that a separate solve for its λ1 finds, after fewer passes in total. In
/// f32 the certificate in f64 follows λ1 too. The bound is the residuals of both, times the
/// condition of H (below 400) and max |c| (below 10).
fn agrees<T: Scalar>(tolerance: f64, per_atom: bool) {
    let lambda1 = if per_atom {
        Lambda1::PerAtom(
            (0..20)
                .map(|j| T::from_f64(0.5 + 0.05 * f64::from(j)))
                .collect(),
        )
    } else {
        Lambda1::Scalar(T::from_f64(7.0))
    };
    let penalty = ElasticNet {
        lambda1: lambda1.clone(),
        ..ElasticNet::signed(T::ZERO, T::from_f64(0.05))
    };
    let problem = problem(penalty.clone());
    let signals = normal_matrix::<T>(15, 100, 2);
    let solver = Auto::new(Settings::new(tolerance, 10_000).unwrap());
    let grid = lambda1_grid(&problem, &signals, 6, 0.02).unwrap();
    let mut codes = Mat::zeros(20, 100);
    let (mut warm, mut cold, mut visited) = (0, 0, 0);
    encode_grid(
        &solver,
        &problem,
        &signals,
        &grid,
        codes.as_mut(),
        &mut |point| {
            let here = ElasticNet {
                lambda1: match &lambda1 {
                    Lambda1::Scalar(_) => Lambda1::Scalar(point.lambda1),
                    Lambda1::PerAtom(w) => {
                        Lambda1::PerAtom(w.iter().map(|&w| w * point.lambda1).collect())
                    }
                },
                ..penalty.clone()
            };
            let alone = self::problem(here);
            let mut expected = Mat::zeros(20, 100);
            let report = encode(&solver, &alone, &signals, expected.as_mut(), Start::Zero).unwrap();
            assert!(point.report.converged() && report.converged());
            assert!((point.codes - &expected).norm_max().to_f64() <= 8000.0 * tolerance);
            // At the first point nothing is active, up to the rounding of λ1 itself.
            if point.index == 0 {
                assert!(point.codes.norm_max().to_f64() <= 100.0 * T::EPSILON.to_f64());
            }
            warm += point.report.column_passes;
            cold += report.column_passes;
            visited += 1;
        },
    )
    .unwrap();
    assert_eq!(visited, 6);
    assert!(warm < cold, "{warm} {cold}");
    assert!(codes.norm_max() > T::ZERO);
}

#[test]
fn every_point_is_the_solve_for_its_lambda1() {
    agrees::<f64>(1e-9, false);
    agrees::<f64>(1e-9, true);
    agrees::<f32>(3e-6, false);
}

proptest! {
    /// Setting a different λ1 leaves no trace of the old one.
    #[test]
    fn a_problem_with_another_lambda1_is_the_problem_with_that(first in 0.0f32..1.0, second in 0.0f32..1.0) {
        let mut changed = problem(ElasticNet::nonnegative(first, 0.1));
        let signals = normal_matrix::<f32>(15, 20, 3);
        // A tolerance for which λ1 is also needed in f64.
        let solver = Auto::new(Settings::new(2e-6, 10_000).unwrap());
        let codes = |problem: &Problem<f32>| {
            let mut codes = Mat::zeros(20, 20);
            let _ = encode(&solver, problem, &signals, codes.as_mut(), Start::Zero).unwrap();
            codes
        };
        let _ = codes(&changed);
        changed.set_lambda1(Lambda1::Scalar(second)).unwrap();
        prop_assert_eq!(codes(&changed), codes(&problem(ElasticNet::nonnegative(second, 0.1))));
    }
}

#[test]
fn wrong_input_is_named() {
    let problem = problem(ElasticNet::nonnegative(0.0, 0.1));
    let signals = normal_matrix::<f64>(15, 4, 2);
    let mut codes = Mat::zeros(20, 4);
    let solver = Auto::new(Settings::default());
    let mut solve = |grid: &[f64], signals: &Mat<f64>| {
        encode_grid(
            &solver,
            &problem,
            signals,
            grid,
            codes.as_mut(),
            &mut |_| panic!("nothing is to be solved"),
        )
    };
    assert_eq!(
        solve(&[1.0, -2.0], &signals),
        Err(GridError::Lambda1 {
            index: 1,
            found: -2.0
        })
    );
    let short = normal_matrix::<f64>(14, 4, 2);
    assert!(matches!(
        solve(&[1.0], &short),
        Err(GridError::Encode(EncodeError::SignalLength { .. }))
    ));
    assert_eq!(
        lambda1_grid(&problem, &signals, 3, 1.5),
        Err(GridError::Ratio { found: 1.5 })
    );
}
