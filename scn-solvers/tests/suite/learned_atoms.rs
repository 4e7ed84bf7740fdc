//! Which dictionaries are learned: comparison with numpy, planted atoms, falling objectives.

use std::ops::ControlFlow;

use approx::assert_abs_diff_eq;
use faer::Mat;
use proptest::prelude::*;
use scn_solvers::learn::{
    AtomNorm, AtomSet, DictionaryStart, LearnReport, LearnSettings, LearnStop, Learner, Schedule,
};
use scn_solvers::synthetic::{dictionary, normal_matrix};
use scn_solvers::{
    Auto, CoordinateDescent, ElasticNet, Fista, Lambda1, Scalar, Settings, Sign, Solver,
};

const ONLINE: Schedule = Schedule::Online {
    batch_size: 64,
    forgetting: 2.0,
};

fn auto(tolerance: f64) -> Auto {
    Auto::new(Settings::new(tolerance, 10_000).unwrap())
}

/// Runs to the end and returns all measurements.
fn run<T: Scalar>(
    learner: &mut Learner<T>,
    solver: &dyn Solver<T>,
    signals: &Mat<T>,
) -> (LearnReport, Vec<f64>) {
    let mut measured = Vec::new();
    let report = learner.run(solver, signals, None, &mut |step| {
        measured.extend(step.measured);
        ControlFlow::Continue(())
    });
    (report.unwrap(), measured)
}

/// Two steps on batches of five signals of four entries. The expected numbers were computed with
/// numpy: codes by 20,000 sweeps of coordinate descent, then the formulas of the module as
/// documented.
#[test]
fn two_steps_are_those_of_numpy() {
    let start = Mat::from_fn(4, 3, |i, j| ((2 * i + 3 * j + 1) % 5) as f64 / 4.0);
    let batch = |b: usize| {
        let entry = |i: usize, k: usize| (7 * i + 3 * k + i * k + 5 * b) % 11;
        Mat::from_fn(4, 5, |i, k| entry(i, k) as f64 / 10.0 - 0.3)
    };
    let settings =
        LearnSettings::new(ElasticNet::nonnegative(0.1, 0.05)).schedule(Schedule::Online {
            batch_size: 5,
            forgetting: 2.0,
        });
    let start = DictionaryStart::Given(start);
    let mut learner = Learner::new(settings, &batch(0), 3, &start).unwrap();
    let first = learner.step(&auto(1e-13), &batch(0)).unwrap();
    let second = learner.step(&auto(1e-13), &batch(1)).unwrap();
    assert_abs_diff_eq!(first.objective, 0.142_920_171_438_847_55, epsilon = 1e-11);
    assert_abs_diff_eq!(second.objective, 0.140_058_262_988_379, epsilon = 1e-11);
    assert_abs_diff_eq!(first.active, 1.2);
    assert_abs_diff_eq!(second.active, 1.6);
    let dictionary = [
        [
            -0.415_897_680_249_256_94,
            0.481_963_509_999_385_9,
            0.584_055_067_461_748_7,
        ],
        [
            0.601_180_467_065_433_5,
            -0.150_673_480_769_358_24,
            0.471_856_423_718_817_03,
        ],
        [
            0.325_833_470_405_490_1,
            0.833_639_796_204_131_1,
            0.038_858_197_519_392_59,
        ],
        [
            0.599_536_250_068_157_8,
            0.223_726_099_073_515_3,
            0.659_333_932_126_266_7,
        ],
    ];
    let codes = [
        [
            0.039_028_479_876_637_28,
            0.001_904_475_495_009_555,
            0.025_990_502_939_561_306,
        ],
        [
            0.001_904_475_495_009_555,
            0.040_808_401_748_936_88,
            0.021_443_239_996_643_59,
        ],
        [
            0.025_990_502_939_561_306,
            0.021_443_239_996_643_59,
            0.082_482_925_292_026_66,
        ],
    ];
    // Residuals of 1e-13 over curvatures of at least 0.04, twice.
    for (i, row) in dictionary.iter().enumerate() {
        for (j, &expected) in row.iter().enumerate() {
            assert_abs_diff_eq!(learner.dictionary()[(i, j)], expected, epsilon = 1e-9);
        }
    }
    for (i, row) in codes.iter().enumerate() {
        for (j, &expected) in row.iter().enumerate() {
            assert_abs_diff_eq!(learner.state().codes[(i, j)], expected, epsilon = 1e-9);
        }
    }
    assert_abs_diff_eq!(
        learner.state().signals[(3, 2)],
        0.100_423_993_594_423_57,
        epsilon = 1e-9
    );
}

/// Creates signals from one to three of the atoms each, plus noise scaled by 0.01.
fn planted<T: Scalar>(atoms: &Mat<T>, columns: usize, sign: Sign) -> Mat<T> {
    let n = atoms.ncols();
    let sizes = normal_matrix::<f64>(n, columns, 8);
    let codes = Mat::from_fn(n, columns, |j, k| {
        let chosen = (0..1 + k % 3).any(|which| (k * 7 + which * (1 + k % (n - 1))) % n == j);
        let size = 1.0 + 0.3 * sizes[(j, k)];
        let turned = sign == Sign::Free && (j + k / n) % 2 == 1;
        T::from_f64(if !chosen {
            0.0
        } else if turned {
            -size
        } else {
            size
        })
    });
    let noise = normal_matrix::<T>(atoms.nrows(), columns, 9);
    atoms * &codes + noise * faer::Scale(T::from_f64(0.01))
}

/// Returns the smallest cosine, over the planted atoms, to the nearest learned atom. The sign of an
/// atom does not matter if codes are signed.
fn recovered<T: Scalar>(planted: &Mat<T>, learner: &Learner<T>, sign: Sign) -> f64 {
    let learned = learner.dictionary();
    let cosine = |a: usize, b: usize| {
        let product = planted.col(a).transpose() * learned.col(b);
        let cosine = product.to_f64() / learned.col(b).norm_l2().to_f64().max(1e-30);
        if sign == Sign::Free {
            cosine.abs()
        } else {
            cosine
        }
    };
    let nearest = |a| {
        (0..learned.ncols())
            .map(|b| cosine(a, b))
            .fold(-1.0, f64::max)
    };
    (0..planted.ncols()).map(nearest).fold(1.0, f64::min)
}

fn finds<T: Scalar>(sign: Sign, schedule: Schedule, norm: AtomNorm) {
    let atoms = dictionary::<T>(20, 15, 0.1, 6);
    let signals = planted(&atoms, 3000, sign);
    let penalty = ElasticNet {
        lambda1: Lambda1::Scalar(T::from_f64(0.1)),
        lambda2: T::ZERO,
        sign,
    };
    let free = Sign::Free;
    let settings = LearnSettings::new(penalty)
        .atoms(AtomSet { sign: free, norm })
        .schedule(schedule)
        .tolerance(1e-5)
        .max_epochs(200);
    // Learn more atoms than were planted, so that no atom has to represent two.
    let mut learner = Learner::new(settings, &signals, 20, &DictionaryStart::Samples).unwrap();
    let (report, _) = run(&mut learner, &auto(1e-4), &signals);
    let least = recovered(&atoms, &learner, sign);
    assert!(
        least > 0.99,
        "{sign:?}, {schedule:?}, {norm:?}: {least}, {report:?}"
    );
}

#[test]
fn planted_atoms_are_found_up_to_their_order() {
    finds::<f32>(Sign::NonNegative, ONLINE, AtomNorm::Ball);
    finds::<f64>(Sign::Free, ONLINE, AtomNorm::Ball);
    finds::<f32>(Sign::NonNegative, ONLINE, AtomNorm::Sphere);
    finds::<f64>(Sign::NonNegative, Schedule::Alternating, AtomNorm::Ball);
    finds::<f32>(Sign::Free, Schedule::Alternating, AtomNorm::Sphere);
}

/// Solvers differ by their tolerance, and none of the twelve steps of a run amplifies the
/// difference.
#[test]
fn every_method_learns_the_same() {
    let signals = normal_matrix::<f64>(8, 256, 3);
    let settings = || {
        LearnSettings::new(ElasticNet::signed(0.5, 0.1))
            .schedule(ONLINE)
            .max_steps(12)
    };
    let settings_of_solver = Settings::new(1e-11, 100_000).unwrap();
    let solvers: [&dyn Solver<f64>; 3] = [
        &Auto::new(settings_of_solver),
        &CoordinateDescent::new(settings_of_solver),
        &Fista::new(settings_of_solver),
    ];
    let learned = solvers.map(|solver| {
        let mut learner = Learner::new(settings(), &signals, 6, &DictionaryStart::Random).unwrap();
        let (report, _) = run(&mut learner, solver, &signals);
        assert_eq!((report.stop, report.steps), (LearnStop::Budget, 12));
        learner.dictionary().to_owned()
    });
    for other in &learned[1..] {
        assert!((&learned[0] - other).norm_max() < 1e-7);
    }
}

/// Learns with the alternating schedule for some epochs, on a problem of any shape.
fn alternate(
    (rows, atoms, columns): (usize, usize, usize),
    set: AtomSet,
    codes: Sign,
    passes: usize,
) -> (Vec<f64>, Learner<f64>) {
    let penalty = ElasticNet {
        lambda1: Lambda1::Scalar(0.3),
        lambda2: 0.01,
        sign: codes,
    };
    let signals = normal_matrix::<f64>(rows, columns, 17);
    let settings = LearnSettings::new(penalty)
        .atoms(set)
        .schedule(Schedule::Alternating)
        .atom_passes(passes)
        .tolerance(0.0)
        .max_epochs(8);
    let start = DictionaryStart::Samples;
    let mut learner = Learner::new(settings, &signals, atoms, &start).unwrap();
    let (_, measured) = run(&mut learner, &auto(1e-11), &signals);
    (measured, learner)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn by_turns_the_objective_never_rises_and_atoms_stay_allowed(
        shape in (1_usize..12, 1_usize..40, 1_usize..90),
        nonnegative in any::<[bool; 2]>(),
        sphere in any::<bool>(),
        passes in 1_usize..4,
    ) {
        let sign = |nonnegative| if nonnegative { Sign::NonNegative } else { Sign::Free };
        let set = AtomSet {
            sign: sign(nonnegative[0]),
            norm: if sphere { AtomNorm::Sphere } else { AtomNorm::Ball },
        };
        let (measured, learner) = alternate(shape, set, sign(nonnegative[1]), passes);
        for pair in measured.windows(2) {
            // A residual of 1e-11 of max |c| changes the objective by less than that times the sum
            // of the codes.
            prop_assert!(pair[1] <= pair[0] + 1e-9 * pair[0].abs(), "{measured:?}");
        }
        for atom in learner.dictionary().col_iter() {
            let norm = atom.norm_l2();
            prop_assert!(norm <= 1.0 + 1e-14 && (!sphere || norm >= 1.0 - 1e-14), "{norm}");
            prop_assert!(!nonnegative[0] || atom.iter().all(|&entry| entry >= 0.0));
        }
    }
}

/// λ1 may differ by atom, and the expensive atom stays inactive.
#[test]
fn lambda1_may_differ_by_atom() {
    let signals = normal_matrix::<f64>(6, 300, 4);
    let penalty = ElasticNet {
        lambda1: Lambda1::PerAtom(vec![0.1, 0.1, 1e3, 0.1]),
        lambda2: 0.0,
        sign: Sign::Free,
    };
    let settings = LearnSettings::new(penalty).schedule(ONLINE).max_epochs(3);
    let mut learner = Learner::new(settings, &signals, 4, &DictionaryStart::Random).unwrap();
    let (report, _) = run(&mut learner, &auto(1e-8), &signals);
    assert_eq!(report.atoms_used, 3);
    assert!(learner.state().codes[(2, 2)] == 0.0);
}

/// Nonnegative atoms of norm 1 with nonnegative codes are Hoyer's nonnegative sparse coding
/// ("Non-negative sparse coding", NNSP 2002). His algorithm alternates a projected gradient step on
/// the atoms with a multiplicative step on the codes. From the same start, the objective after 100
/// epochs is as low as his after 2,000 steps.
#[test]
fn nonnegative_sparse_coding_is_hoyers() {
    let (rows, atoms, columns, lambda) = (12, 6, 300, 0.05);
    let positive = |rows, columns, seed| {
        let normal = normal_matrix::<f64>(rows, columns, seed);
        Mat::from_fn(rows, columns, |i, j| normal[(i, j)].max(0.0))
    };
    let signals = positive(rows, atoms, 1) * positive(atoms, columns, 2);
    let unit = |matrix: Mat<f64>| {
        Mat::from_fn(matrix.nrows(), matrix.ncols(), |i, j| {
            matrix[(i, j)] / matrix.col(j).norm_l2()
        })
    };
    let start = unit(positive(rows, atoms, 3));

    let mut his = start.clone();
    let mut codes = Mat::<f64>::full(atoms, columns, 1.0);
    for _ in 0..2000 {
        let gradient = (&his * &codes - &signals) * codes.transpose();
        let step = 0.5 / (&codes * codes.transpose()).norm_l2();
        his = unit(Mat::from_fn(rows, atoms, |i, j| {
            (his[(i, j)] - step * gradient[(i, j)]).max(1e-12)
        }));
        let (up, down) = (his.transpose() * &signals, his.transpose() * &his * &codes);
        codes = Mat::from_fn(atoms, columns, |i, j| {
            codes[(i, j)] * up[(i, j)] / (down[(i, j)] + lambda)
        });
    }
    let error = (&signals - &his * &codes).squared_norm_l2();
    let his = (0.5 * error + lambda * codes.sum()) / columns as f64;

    let settings = LearnSettings::new(ElasticNet::nonnegative(lambda, 0.0))
        .atoms(AtomSet {
            sign: Sign::NonNegative,
            norm: AtomNorm::Sphere,
        })
        .schedule(Schedule::Alternating)
        .tolerance(0.0)
        .max_epochs(100);
    let start = DictionaryStart::Given(start);
    let mut learner = Learner::new(settings, &signals, atoms, &start).unwrap();
    let _ = run(&mut learner, &auto(1e-10), &signals);
    let ours = learner.objective(&auto(1e-10), &signals).unwrap().objective;
    assert!(ours <= 1.001 * his, "{ours} and {his}");
}
