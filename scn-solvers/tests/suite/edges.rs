//! Degenerate and extreme problems: dependent atoms, zeros, overflow, an eigenvalue shared by
//! threads.

use faer::Mat;
use proptest::prelude::*;
use scn_solvers::synthetic::{dictionary, normal_matrix};
use scn_solvers::{
    ActiveSet, CoordinateDescent, ElasticNet, EncodeError, Fista, Problem, ProblemError, Settings,
    Sign, Start, Status, certify, encode,
};

use crate::bounds::Bounds;
use crate::instance::{Instance, solvers};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// With more atoms than rows and λ2 = 0, an atom that depends on the active ones may have to
    /// replace one of them.
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
        let (codes, report) = instance.solve::<f64>(&ActiveSet::new(Settings::new(1e-11, 1000).unwrap()));
        prop_assert!(report.converged(), "{report:?}");
        let problem = instance.problem::<f64>();
        for k in 0..3 {
            let signal = instance.signals.as_ref().subcols(k, 1);
            let certificate = certify(&problem, &signal, codes.as_ref().subcols(k, 1)).unwrap();
            let bounds = Bounds::new::<f64>(&instance, &codes, k, 1e-11);
            let gap = certificate.duality_gap * 0.5 * signal.norm_l2().powi(2);
            prop_assert!(certificate.residual <= bounds.kkt && gap <= bounds.gap, "{certificate:?} {bounds:?}");
        }
    }
}

/// Only the cheaper of two equal atoms is active, even if the other one was active at the start.
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
        // The condition of atom 0 holds with a margin of 0.2 once that of atom 2 holds.
        assert!((0..10).all(|k| codes[(0, k)] == 0.0), "{}", solver.name());
    }
}

/// A zero signal has the zero code, exactly and immediately, whatever the start.
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
                report.converged() && report.passes <= 2, // backtracking makes two products a pass
                "{}: {report:?}",
                solver.name()
            );
            assert_eq!(
                (codes.norm_max(), report.residual),
                (0.0, 0.0),
                "{}",
                solver.name()
            );
        }
    }
}

/// Certificates do not hide bad numbers: NaN in gives NaN out, and codes of the wrong sign have an
/// infinite gap.
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
            certificate.residual.is_nan() && certificate.duality_gap.is_nan(),
            "{certificate:?}"
        );
        let mut bad = codes.clone();
        bad[(3, 2)] = poison;
        let certificate = certify(&problem, &instance.signals, bad.as_ref()).unwrap();
        assert!(
            certificate.residual.is_nan() && certificate.duality_gap.is_nan(),
            "{certificate:?}"
        );
    }
    let mut negative = instance.exact();
    negative[(1, 1)] = -0.1;
    let certificate = certify(&problem, &instance.signals, negative.as_ref()).unwrap();
    assert_eq!(certificate.duality_gap, f64::INFINITY);
    // At least H_jj |a_j|, divided by a correlation of at most the norm of the signal.
    assert!(
        certificate.residual >= 0.1 / instance.signals.col(1).norm_l2(),
        "{certificate:?}"
    );
}

/// An atom whose squared norm is too small to invert counts as zero and affects no other atom.
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

/// A finite signal whose code overflows never converges and never leaves infinity or NaN in the
/// codes, and the other columns of the tile converge. Solvers that return to finite codes after
/// each overflow reach the pass limit or stall.
#[test]
fn codes_that_overflow_are_no_result() {
    for sign in [Sign::NonNegative, Sign::Free] {
        let atoms = dictionary::<f32>(6, 4, 0.0, 1) * faer::Scale(1e-10_f32);
        let penalty = ElasticNet {
            sign,
            ..ElasticNet::nonnegative(0.0_f32, 0.0)
        };
        let problem = Problem::new(atoms.as_ref(), penalty).unwrap();
        let mut signals = normal_matrix::<f32>(6, 40, 2);
        for x in signals.col_mut(30).iter_mut() {
            *x *= 1e30; // codes of size 1e30 / 1e-10
        }
        for solver in solvers::<f32>(1e-4, 2000) {
            let mut codes = Mat::zeros(4, 40);
            let report = encode(&*solver, &problem, &signals, codes.as_mut(), Start::Zero).unwrap();
            let what = format!("{}: {report:?}", solver.name());
            assert!(
                matches!(
                    report.status,
                    Status::NonFinite | Status::PassLimit | Status::Stalled
                ),
                "{what}"
            );
            assert_eq!(
                (report.unconverged, report.worst_column),
                (vec![30], 30),
                "{what}"
            );
            assert!(codes.is_all_finite(), "{what}");
            let zero = (0..4).all(|j| codes[(j, 30)] == 0.0);
            assert!(
                report.status != Status::NonFinite || zero && report.residual.is_nan(),
                "{what}"
            );
        }
    }
}

/// A certificate requires codes and signals with the shapes of the problem.
#[test]
fn certificates_refuse_other_shapes() {
    let problem = Instance::random(6, 4, 3, 0.0, Sign::NonNegative, 1).problem::<f64>();
    let zeros = Mat::<f64>::zeros;
    let (expected, found) = (6, 5);
    assert_eq!(
        certify(&problem, &zeros(5, 3), zeros(4, 3).as_ref()),
        Err(EncodeError::SignalLength { expected, found })
    );
    let (expected, found) = ((4, 3), (4, 2));
    assert_eq!(
        certify(&problem, &zeros(6, 3), zeros(4, 2).as_ref()),
        Err(EncodeError::CodesShape { expected, found })
    );
    let none = certify(&problem, &zeros(6, 0), zeros(4, 0).as_ref()).unwrap();
    assert_eq!(
        (none.columns, none.residual, none.duality_gap, none.active),
        (0, 0.0, 0.0, 0.0)
    );
}

/// An update replaces everything that depends on the old values, and a failed update replaces
/// nothing. Codes are bit-identical in both cases.
#[test]
fn an_update_is_all_or_nothing() {
    let penalty = ElasticNet::nonnegative(0.1_f64, 0.01);
    let (before, after) = (
        dictionary::<f64>(9, 7, 0.1, 1),
        dictionary::<f64>(9, 7, 0.3, 2),
    );
    let signals = normal_matrix::<f64>(9, 20, 3);
    let codes = |problem: &Problem<f64>| {
        let mut both = Mat::zeros(14, 20);
        let (top, bottom) = both.as_mut().split_at_row_mut(7);
        let settings = Settings::new(1e-9, 10_000).unwrap();
        let _ = encode(
            &CoordinateDescent::new(settings),
            problem,
            &signals,
            top,
            Start::Zero,
        )
        .unwrap();
        let _ = encode(
            &Fista::new(settings),
            problem,
            &signals,
            bottom,
            Start::Zero,
        )
        .unwrap();
        both
    };
    let mut problem = Problem::new(before.as_ref(), penalty.clone()).unwrap();
    let expected = codes(&problem);
    let mut poisoned = after.clone();
    poisoned[(8, 6)] = f64::NAN;
    let negative = ElasticNet::nonnegative(0.1, -0.01);
    assert!(problem.update(poisoned.as_ref(), penalty.clone()).is_err());
    assert!(problem.update(after.as_ref(), negative).is_err());
    assert_eq!(codes(&problem), expected);

    let changed = ElasticNet::signed(0.2, 0.3);
    problem.update(after.as_ref(), changed.clone()).unwrap();
    assert_eq!(
        codes(&problem),
        codes(&Problem::new(after.as_ref(), changed).unwrap())
    );
}

/// `D'D` and `λ2` are both within the range of f32, but their sum is not.
#[test]
fn the_gram_matrix_may_overflow_by_lambda2() {
    let atoms = Mat::from_fn(1, 1, |_, _| 1.8e19_f32); // squared 3.24e38, of at most 3.40e38
    let pose = |lambda2| Problem::new(atoms.as_ref(), ElasticNet::nonnegative(0.0, lambda2));
    assert!(matches!(
        pose(3e38),
        Err(ProblemError::Gram { atom: 0, .. })
    ));
}

/// The first thread that asks computes the eigenvalue, while the others wait or work. The result
/// does not depend on their number, and no thread waits for itself.
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
