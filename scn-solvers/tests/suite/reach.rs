//! Wherever any method reaches a tolerance, [`Auto`] does.

use faer::Mat;
use scn_solvers::testing::{dictionary, normal_matrix};
use scn_solvers::{Auto, ElasticNet, Problem, Scalar, Settings, Sign, Start, encode};

use crate::instance::solvers;

/// Passes that the others are allowed.
const PASSES: u32 = 1000;

/// As many as fill a tile, in either precision, and some more.
const COLUMNS: usize = 50;

/// Columns that `auto` leaves unconverged although another method solves them.
fn missed<T: Scalar>(
    (rows, atoms): (usize, usize),
    coherence: f64,
    share: f64,
    sign: Sign,
    tolerance: f64,
) -> usize {
    let atoms = dictionary::<T>(rows, atoms, coherence, 5);
    let signals = normal_matrix::<T>(rows, COLUMNS, 6);
    let correlations = atoms.transpose() * &signals;
    let penalty = ElasticNet {
        sign,
        ..ElasticNet::nonnegative(
            T::from_f64(share * correlations.norm_max().to_f64()),
            T::ZERO,
        )
    };
    let problem = Problem::new(atoms.as_ref(), penalty).unwrap();
    let unconverged = |solver: &dyn scn_solvers::Solver<T>| {
        let mut codes = Mat::zeros(problem.atoms(), COLUMNS);
        let report = encode(solver, &problem, &signals, codes.as_mut(), Start::Zero).unwrap();
        report.unconverged
    };
    let by_auto = unconverged(&Auto::new(Settings::new(tolerance, PASSES).unwrap()));
    if by_auto.is_empty() {
        return 0;
    }
    let mut missed = by_auto.clone();
    missed.clear();
    for solver in solvers::<T>(tolerance, PASSES) {
        let theirs = unconverged(&*solver);
        let better = by_auto.iter().filter(|column| !theirs.contains(column));
        let better: Vec<usize> = better.copied().collect();
        if !better.is_empty() {
            eprintln!(
                "{rows} x {}, coherence {coherence}, {share}, {sign:?}, {tolerance}: {} solves {} of {} that auto does not",
                problem.atoms(),
                solver.name(),
                better.len(),
                by_auto.len(),
            );
        }
        missed.extend(better);
    }
    missed.sort_unstable();
    missed.dedup();
    missed.len()
}

fn wherever_any_method_does<T: Scalar>(tolerances: &[f64]) {
    let mut all = 0;
    for shape in [(64, 16), (64, 64), (64, 256), (20, 40), (32, 256)] {
        for coherence in [0.0, 0.5, 0.9, 0.99] {
            for share in [1e-4, 1e-3, 2e-3, 1e-2, 0.1] {
                for sign in [Sign::NonNegative, Sign::Free] {
                    for &tolerance in tolerances {
                        all += missed::<T>(shape, coherence, share, sign, tolerance);
                    }
                }
            }
        }
    }
    assert_eq!(all, 0);
}

#[test]
fn auto_reaches_what_any_method_reaches() {
    wherever_any_method_does::<f32>(&[1e-3, 1e-4, 1e-5, 1e-6]);
    wherever_any_method_does::<f64>(&[1e-4, 1e-9]);
}
