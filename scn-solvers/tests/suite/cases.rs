//! A table of problems through every solver, in f32 and f64, from zero and from a random start.

use faer::Mat;
use scn_solvers::synthetic::normal_matrix;
use scn_solvers::{Scalar, Sign, Start, certify, encode};

use crate::bounds::Bounds;
use crate::instance::{Instance, ORACLE, rounded, solvers};

/// More than a tile in either precision, and not a multiple of it.
const COLUMNS: usize = 30;

struct Case {
    name: &'static str,
    m: usize,
    n: usize,
    coherence: f64,
    /// The weight λ1 of each atom.
    lambda1: fn(usize) -> f64,
    lambda2: f64,
    sign: Sign,
    /// Modifies the dictionary.
    twist: fn(&mut Mat<f64>),
    /// Solvers to skip, with the reason.
    skip: &'static [(&'static str, &'static str)],
}

fn plain(_: &mut Mat<f64>) {}

const NONE: &[(&str, &str)] = &[];

/// Plain gradient steps take thousands of passes if H is ill-conditioned.
const SLOW: &[(&str, &str)] = &[
    (
        "fista-without-restart",
        "more passes than the limit on coherent atoms",
    ),
    ("ista", "more passes than the limit on coherent atoms"),
];

/// Atom norms from 1e-3 to 1e2, hence a condition number of 1e10.
const ONE_STEP: &[(&str, &str)] = &[
    ("fista", "one step size for all atoms"),
    ("fista-without-restart", "one step size for all atoms"),
    ("fista-with-backtracking", "one step size for all atoms"),
    ("ista", "one step size for all atoms"),
    ("admm", "one penalty for all atoms"),
];

const CASES: &[Case] = &[
    Case {
        name: "first layer",
        m: 27,
        n: 16,
        coherence: 0.0,
        lambda1: |_| 0.0,
        lambda2: 1e-3,
        sign: Sign::NonNegative,
        twist: plain,
        skip: NONE,
    },
    Case {
        name: "reduction",
        m: 144,
        n: 16,
        coherence: 0.0,
        lambda1: |_| 0.2,
        lambda2: 1e-4,
        sign: Sign::NonNegative,
        twist: plain,
        skip: NONE,
    },
    Case {
        name: "expansion",
        m: 144,
        n: 64,
        coherence: 0.0,
        lambda1: |_| 0.3,
        lambda2: 1e-4,
        sign: Sign::NonNegative,
        twist: plain,
        skip: NONE,
    },
    Case {
        name: "signed",
        m: 40,
        n: 30,
        coherence: 0.1,
        lambda1: |_| 0.2,
        lambda2: 1e-3,
        sign: Sign::Free,
        twist: plain,
        skip: NONE,
    },
    Case {
        name: "overcomplete",
        m: 10,
        n: 25,
        coherence: 0.0,
        lambda1: |_| 0.1,
        lambda2: 0.05,
        sign: Sign::NonNegative,
        twist: plain,
        skip: NONE,
    },
    Case {
        name: "coherent",
        m: 36,
        n: 16,
        coherence: 0.5,
        lambda1: |_| 0.05,
        lambda2: 1e-2,
        sign: Sign::NonNegative,
        twist: plain,
        skip: SLOW,
    },
    Case {
        name: "zero atom",
        m: 9,
        n: 5,
        coherence: 0.0,
        lambda1: |_| 0.1,
        lambda2: 0.0,
        sign: Sign::NonNegative,
        twist: |d| d.col_mut(2).fill(0.0),
        skip: NONE,
    },
    Case {
        name: "atoms of very different norm",
        m: 20,
        n: 6,
        coherence: 0.0,
        lambda1: |_| 1e-3,
        lambda2: 0.0,
        sign: Sign::NonNegative,
        twist: |d| {
            (0..6).for_each(|j| {
                let s = 10f64.powi(j as i32 - 3);
                d.col_mut(j).iter_mut().for_each(|v| *v *= s);
            })
        },
        skip: ONE_STEP,
    },
    Case {
        name: "weights of very different scale, every third zero",
        m: 30,
        n: 18,
        coherence: 0.1,
        lambda1: |j| {
            if j % 3 == 0 {
                0.0
            } else {
                10f64.powi(j as i32 % 8 - 6)
            }
        },
        lambda2: 1e-3,
        sign: Sign::NonNegative,
        twist: plain,
        skip: NONE,
    },
    Case {
        name: "signed, weights of very different scale, every other zero",
        m: 30,
        n: 18,
        coherence: 0.1,
        lambda1: |j| {
            if j % 2 == 0 {
                0.0
            } else {
                10f64.powi(j as i32 % 9 - 7)
            }
        },
        lambda2: 1e-3,
        sign: Sign::Free,
        twist: plain,
        skip: NONE,
    },
    Case {
        name: "every atom twice",
        m: 20,
        n: 12,
        coherence: 0.0,
        lambda1: |_| 0.1,
        lambda2: 0.02,
        sign: Sign::Free,
        twist: |d| {
            for j in 6..12 {
                let twin = d.col(j - 6).to_owned();
                d.col_mut(j).copy_from(&twin);
            }
        },
        skip: NONE,
    },
];

/// Solves a case to a tolerance from either start, and checks that certificate and codes are within
/// what the tolerance and the rounding of the problem itself allow.
fn run<T: Scalar>(case: &Case, tolerance: f64) {
    let mut instance = Instance::random(case.m, case.n, COLUMNS, case.coherence, case.sign, 42);
    (case.twist)(&mut instance.dictionary);
    instance.lambda1 = (0..case.n).map(case.lambda1).collect();
    instance.lambda2 = case.lambda2;
    // Both precisions solve the same problem.
    let single = |matrix: &Mat<f64>| {
        Mat::from_fn(matrix.nrows(), matrix.ncols(), |i, j| {
            f64::from(matrix[(i, j)] as f32)
        })
    };
    instance.dictionary = single(&instance.dictionary);
    instance.signals = single(&instance.signals);
    let exact = instance.exact();
    let problem = instance.problem::<T>();
    let signals = rounded::<T>(&instance.signals);
    let junk = rounded::<T>(&normal_matrix::<f64>(case.n, COLUMNS, 5));
    for solver in solvers::<T>(tolerance, 20_000) {
        if case.skip.iter().any(|(name, _)| *name == solver.name()) {
            continue;
        }
        for start in [Start::Zero, Start::Codes] {
            let what = format!("{}, {}, {start:?}", case.name, solver.name());
            let mut codes = junk.clone();
            let report = encode(&*solver, &problem, &signals, codes.as_mut(), start).unwrap();
            assert!(report.converged(), "{what}: {report:?}");
            let exactly = Mat::from_fn(case.n, COLUMNS, |j, k| codes[(j, k)].to_f64());
            for k in 0..COLUMNS {
                let bounds = Bounds::new::<T>(&instance, &exactly, k, tolerance + ORACLE);
                let signal = signals.as_ref().subcols(k, 1);
                let certificate = certify(&problem, &signal, codes.as_ref().subcols(k, 1)).unwrap();
                let half_square = 0.5 * instance.signals.col(k).norm_l2().powi(2);
                let distance = (exactly.col(k) - exact.col(k)).norm_l2();
                assert!(
                    certificate.residual <= bounds.kkt,
                    "{what}: {certificate:?}, {bounds:?}"
                );
                assert!(
                    certificate.duality_gap * half_square <= bounds.gap,
                    "{what}: {certificate:?}, {bounds:?}"
                );
                assert!(distance <= bounds.code, "{what}: {distance}, {bounds:?}");
            }
        }
    }
}

#[test]
fn double_precision() {
    CASES.iter().for_each(|case| run::<f64>(case, 1e-9));
}

#[test]
fn single_precision() {
    CASES.iter().for_each(|case| run::<f32>(case, 1e-4));
}
