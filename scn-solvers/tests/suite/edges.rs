//! Degenerate and extreme problems: dependent atoms, zeros, overflow, one shared eigenvalue among threads.

use faer::Mat;
use proptest::prelude::*;
use scn_solvers::testing::{dictionary, normal_matrix};
use scn_solvers::{
    ActiveSet, CoordinateDescent, ElasticNet, Fista, Problem, ProblemError, Settings, Sign, Start,
    Status, certify, encode,
};

use crate::instance::{Instance, solvers};

/// Objectives of two solutions with residual at most `tolerance`: F(a) - F(a*) <= sum_j |residual_j| |a_j - a*_j|, with
/// `|a_j| <= F(0) / λ1` for both and residuals relative to `max|c| <= ||x||` (unit-norm atoms).
fn objective_slack(instance: &Instance, column: usize, tolerance: f64) -> f64 {
    let norm = instance.signals.col(column).norm_l2();
    let smallest = instance
        .lambda1
        .iter()
        .copied()
        .fold(f64::INFINITY, f64::min);
    2.0 * tolerance * norm * instance.lambda1.len() as f64 * (0.5 * norm * norm / smallest)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// More atoms than rows and λ2 = 0: an atom that depends on the active ones may still have to replace one of them.
    #[test]
    fn the_active_set_exchanges_dependent_atoms(
        m in 1usize..7,
        extra in 1usize..8,
        seed in 0u64..100_000,
        signed in any::<bool>(),
    ) {
        let sign = if signed { Sign::Free } else { Sign::NonNegative };
        let mut instance = Instance::random(m, m + extra, 3, 0.1, sign, seed);
        instance.lambda2 = 0.0;
        let weights = normal_matrix::<f64>(m + extra, 1, seed);
        for (j, lambda1) in instance.lambda1.iter_mut().enumerate() {
            *lambda1 = 0.02 + 0.1 * weights[(j, 0)].abs();
        }
        let (exact, report) = instance.solve::<f64>(&ActiveSet::new(Settings::new(1e-11, 1000).unwrap()));
        prop_assert!(report.converged(), "{report:?}");
        let solver = CoordinateDescent::new(Settings::new(1e-7, 200_000).unwrap());
        let (codes, report) = instance.solve::<f64>(&solver);
        prop_assert!(report.converged(), "{report:?}");
        for column in 0..3 {
            let difference = instance.objective(&codes, column) - instance.objective(&exact, column);
            prop_assert!(difference.abs() <= objective_slack(&instance, column, 1e-7), "{difference}");
        }
    }
}

/// Of two equal atoms only the cheaper is used, also where the other was active at the start.
#[test]
fn the_cheaper_of_two_equal_atoms_wins() {
    let mut instance = Instance::random(6, 4, 10, 0.0, Sign::NonNegative, 3);
    let first = instance.dictionary.col(0).to_owned();
    instance.dictionary.col_mut(2).copy_from(&first);
    instance.lambda1 = vec![0.3, 0.1, 0.1, 0.1];
    instance.lambda2 = 0.0;
    let problem = instance.problem::<f64>();
    for solver in solvers::<f64>(1e-9, 100_000) {
        let mut codes = Mat::from_fn(4, 10, |j, _| if j == 2 { 0.0 } else { 0.5 });
        let report = encode(
            &*solver,
            &problem,
            &instance.signals,
            codes.as_mut(),
            Start::Codes,
        )
        .unwrap();
        assert!(report.converged(), "{}: {report:?}", solver.name());
        // The condition of atom 0 holds with a margin of 0.2 once that of atom 2 does.
        assert!((0..10).all(|k| codes[(0, k)] == 0.0), "{}", solver.name());
    }
}

/// A zero signal has the code zero, exactly and at once, whatever the start.
#[test]
fn zero_signals_have_zero_codes() {
    let mut instance = Instance::random(12, 9, 30, 0.4, Sign::Free, 8);
    instance.signals.fill(0.0);
    for lambda1 in [0.0, 0.1] {
        instance.lambda1.fill(lambda1);
        for solver in solvers::<f64>(1e-10, 1000) {
            let mut codes = normal_matrix::<f64>(9, 30, 4);
            let problem = instance.problem::<f64>();
            let report = encode(
                &*solver,
                &problem,
                &instance.signals,
                codes.as_mut(),
                Start::Codes,
            )
            .unwrap();
            assert!(
                report.converged() && report.passes == 1,
                "{}: {report:?}",
                solver.name()
            );
            assert_eq!(
                (codes.norm_max(), report.kkt),
                (0.0, 0.0),
                "{}",
                solver.name()
            );
        }
    }
}

/// What cannot be certified is not certified: NaN goes in, NaN comes out, and codes of the wrong sign have no finite gap.
#[test]
fn certificates_do_not_hide_bad_numbers() {
    let instance = Instance::random(6, 4, 3, 0.0, Sign::NonNegative, 1);
    let problem = instance.problem::<f64>();
    let codes = Mat::zeros(4, 3);
    for poison in [f64::NAN, f64::INFINITY] {
        let mut signals = instance.signals.clone();
        signals[(2, 1)] = poison;
        let certificate = certify(&problem, &signals, codes.as_ref()).unwrap();
        assert!(
            certificate.kkt.is_nan() && certificate.duality_gap.is_nan(),
            "{certificate:?}"
        );
        let mut bad = codes.clone();
        bad[(3, 2)] = poison;
        let certificate = certify(&problem, &instance.signals, bad.as_ref()).unwrap();
        assert!(
            certificate.kkt.is_nan() && certificate.duality_gap.is_nan(),
            "{certificate:?}"
        );
    }
    let mut negative = instance.exact();
    negative[(1, 1)] = -0.1;
    let certificate = certify(&problem, &instance.signals, negative.as_ref()).unwrap();
    assert_eq!(certificate.duality_gap, f64::INFINITY);
    // H_jj |a_j| at the least, over a correlation of at most the norm of the signal.
    assert!(
        certificate.kkt >= 0.1 / instance.signals.col(1).norm_l2(),
        "{certificate:?}"
    );
}

/// An atom whose squared norm is too small for its inverse counts as zero, and disturbs no other.
#[test]
fn an_atom_too_small_to_divide_by_is_a_zero_atom() {
    let mut atoms = dictionary::<f32>(7, 5, 0.0, 2);
    let signals = normal_matrix::<f32>(7, 30, 3);
    let penalty = ElasticNet::nonnegative(0.1_f32, 0.0);
    let run = |atoms: &Mat<f32>, solver: &dyn scn_solvers::Solver<f32>| {
        let problem = Problem::new(atoms.as_ref(), penalty.clone()).unwrap();
        let mut codes = Mat::<f32>::zeros(5, 30);
        let report = encode(solver, &problem, &signals, codes.as_mut(), Start::Zero).unwrap();
        assert!(report.converged(), "{}: {report:?}", solver.name());
        codes
    };
    for solver in solvers::<f32>(1e-5, 10_000) {
        atoms.col_mut(2).fill(0.0);
        let expected = run(&atoms, &*solver);
        atoms.col_mut(2).fill(1e-20);
        assert_eq!(run(&atoms, &*solver), expected, "{}", solver.name());
    }
}

/// Finite signals whose codes overflow: said so, with codes of zero, and no other column of the tile notices.
#[test]
fn codes_that_overflow_are_not_finite() {
    for sign in [Sign::NonNegative, Sign::Free] {
        let atoms = Mat::from_fn(6, 4, |i, j| 1e-10 * dictionary::<f32>(6, 4, 0.0, 1)[(i, j)]);
        let penalty = ElasticNet {
            sign,
            ..ElasticNet::nonnegative(0.0_f32, 0.0)
        };
        let problem = Problem::new(atoms.as_ref(), penalty).unwrap();
        let good = normal_matrix::<f32>(6, 40, 2);
        let mut bad = good.clone();
        bad.col_mut(30).iter_mut().for_each(|x| *x *= 1e30); // a of size 1e30 / 1e-10
        let mut zeroed = good.clone();
        zeroed.col_mut(30).fill(0.0);
        for solver in solvers::<f32>(1e-4, 10_000) {
            let mut codes = Mat::zeros(4, 40);
            let report = encode(&*solver, &problem, &bad, codes.as_mut(), Start::Zero).unwrap();
            let mut expected = Mat::zeros(4, 40);
            let without =
                encode(&*solver, &problem, &zeroed, expected.as_mut(), Start::Zero).unwrap();
            assert!(without.converged(), "{}: {without:?}", solver.name());
            assert_eq!(
                report.status,
                Status::NonFinite,
                "{}: {report:?}",
                solver.name()
            );
            assert_eq!(
                (report.unconverged, report.worst_column),
                (1, 30),
                "{}",
                solver.name()
            );
            assert!(report.kkt.is_nan() && codes.is_all_finite());
            assert!((0..4).all(|j| codes[(j, 30)] == 0.0), "{}", solver.name());
            assert_eq!(codes, expected, "{}", solver.name());
        }
    }
}

/// `D'D` fits into f32 and `λ2` does too, but not their sum.
#[test]
fn the_gram_matrix_may_overflow_by_lambda2() {
    let atoms = Mat::from_fn(1, 1, |_, _| 1.8e19_f32); // squared 3.24e38, of at most 3.40e38
    let pose = |lambda2| Problem::new(atoms.as_ref(), ElasticNet::nonnegative(0.0, lambda2));
    assert!(matches!(
        pose(3e38),
        Err(ProblemError::Gram { atom: 0, .. })
    ));
}

/// The eigenvalue is computed by whichever worker asks first, while the others wait or work: no dependence on their number, and
/// no worker waits for itself.
#[test]
fn the_lipschitz_constant_is_shared_among_threads() {
    let atoms = dictionary::<f32>(200, 320, 0.0, 1);
    let signals = normal_matrix::<f32>(200, 2000, 2);
    let penalty = ElasticNet::nonnegative(0.5_f32, 0.1);
    let runs: Vec<_> = [1, 2, 3]
        .map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| {
                let problem = Problem::new(atoms.as_ref(), penalty.clone()).unwrap();
                let solver = Fista::new(Settings::new(1e-3, 100).unwrap());
                let mut codes = Mat::zeros(320, 2000);
                let _ = encode(&solver, &problem, &signals, codes.as_mut(), Start::Zero).unwrap();
                (problem.lipschitz().to_bits(), codes)
            })
        })
        .into();
    assert!(
        runs.iter().all(|run| *run == runs[0]),
        "{:?}",
        runs.iter().map(|r| r.0).collect::<Vec<_>>()
    );
}
