//! Wherever some solver reaches a tolerance, [`Auto`] does too.

use faer::Mat;
use scn_solvers::synthetic::{dictionary, normal_matrix};
use scn_solvers::{
    Auto, ElasticNet, Problem, Scalar, Settings, Sign, Solver, Start, Status, encode,
};

use crate::instance::solvers;

/// The pass limit of every solver.
const PASSES: u32 = 1000;

/// Enough columns to fill a tile in either precision, and some more.
const COLUMNS: usize = 50;

/// Lists the columns that other solvers solve and `auto` leaves unconverged.
fn missed<T: Scalar>(
    (rows, atoms): (usize, usize),
    coherence: f64,
    share: f64,
    sign: Sign,
    tolerance: f64,
) -> Vec<String> {
    let atoms = dictionary::<T>(rows, atoms, coherence, 5);
    let signals = normal_matrix::<T>(rows, COLUMNS, 6);
    let correlations = atoms.transpose() * &signals;
    let lambda1 = share * correlations.norm_max().to_f64();
    let penalty = ElasticNet {
        sign,
        ..ElasticNet::nonnegative(T::from_f64(lambda1), T::ZERO)
    };
    let problem = Problem::new(atoms.as_ref(), penalty).unwrap();
    let unconverged = |solver: &dyn Solver<T>| {
        let mut codes = Mat::zeros(problem.atoms(), COLUMNS);
        let report = encode(solver, &problem, &signals, codes.as_mut(), Start::Zero).unwrap();
        report.unconverged
    };
    let by_auto = unconverged(&Auto::new(Settings::new(tolerance, PASSES).unwrap()));
    if by_auto.is_empty() {
        return Vec::new();
    }
    let others = solvers::<T>(tolerance, PASSES).into_iter();
    others
        .filter_map(|solver| {
            let theirs = unconverged(&*solver);
            let better = by_auto.iter().filter(|column| !theirs.contains(column));
            let better: Vec<&usize> = better.collect();
            (!better.is_empty()).then(|| {
                let name = solver.name();
                format!("{name}: {better:?} of {rows} x {}, {coherence}, {share}, {sign:?}, {tolerance}", problem.atoms())
            })
        })
        .collect()
}

fn wherever_any_method_does<T: Scalar>(tolerances: &[f64]) {
    let mut all = Vec::new();
    for shape in [(64, 16), (64, 64), (20, 40), (32, 256)] {
        for coherence in [0.0, 0.5, 0.9, 0.99] {
            for share in [1e-3, 1e-2, 0.1] {
                for sign in [Sign::NonNegative, Sign::Free] {
                    for &tolerance in tolerances {
                        all.extend(missed::<T>(shape, coherence, share, sign, tolerance));
                    }
                }
            }
        }
    }
    assert!(all.is_empty(), "{all:#?}");
}

#[test]
fn auto_reaches_what_any_method_reaches() {
    wherever_any_method_does::<f32>(&[1e-4, 1e-6]);
    wherever_any_method_does::<f64>(&[1e-4, 1e-9]);
}

/// In single precision, with four times as many atoms as rows and a λ1 of a thousandth of the
/// largest correlation, codes are large. Exact solvers converge. The others may be slow, but they
/// do not stall before the pass limit.
#[test]
fn small_penalties_are_solved_in_single_precision() {
    for share in [1e-3, 2e-3] {
        let atoms = dictionary::<f32>(64, 256, 0.0, 5);
        let signals = normal_matrix::<f32>(64, COLUMNS, 6);
        let largest = (atoms.transpose() * &signals).norm_max();
        let penalty = ElasticNet::nonnegative(share * largest, 0.0);
        let problem = Problem::new(atoms.as_ref(), penalty).unwrap();
        for solver in solvers::<f32>(1e-4, PASSES) {
            let mut codes = Mat::zeros(256, COLUMNS);
            let report = encode(&*solver, &problem, &signals, codes.as_mut(), Start::Zero).unwrap();
            let sure = ["auto", "active-set", "lars"].contains(&solver.name());
            assert!(
                report.converged() || !sure && report.status == Status::PassLimit,
                "{}: {report:?}",
                solver.name()
            );
        }
    }
}
