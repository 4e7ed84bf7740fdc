//! Tiles, threads, dirty memory, and errors on wrong input.

use approx::abs_diff_eq;
use faer::Mat;
use proptest::prelude::*;
use scn_solvers::synthetic::{dictionary, normal_matrix};
use scn_solvers::{
    Auto, CoordinateDescent, ElasticNet, EncodeError, Lambda1, Problem, ProblemError, Report,
    Scalar, Settings, SettingsError, Sign, Start, Status, encode,
};

use crate::instance::{Instance, solvers};

fn problem<T: Scalar>(m: usize, n: usize) -> Problem<T> {
    let penalty = ElasticNet::nonnegative(T::from_f64(0.1), T::from_f64(0.01));
    Problem::new(dictionary::<T>(m, n, 0.1, 7).as_ref(), penalty).unwrap()
}

/// Compares each column with the same column solved by itself, for every remainder of tile and
/// panel. They agree within the tolerance but are not bit-identical, because a tile is iterated
/// until all its columns have converged.
fn remainders<T: Scalar>(tolerance: f64) {
    for (m, n) in [(1, 1), (5, 3), (6, 4), (7, 5), (9, 6), (4, 7), (12, 8)] {
        let problem = problem::<T>(m, n);
        for columns in [
            0,
            1,
            T::tile() - 1,
            T::tile(),
            T::tile() + 1,
            8 * T::tile() + 3,
        ] {
            let signals = normal_matrix::<T>(m, columns, 11);
            for solver in solvers::<T>(tolerance, 10_000) {
                let mut codes = Mat::<T>::full(n, columns, T::from_f64(f64::NAN));
                let report =
                    encode(&*solver, &problem, &signals, codes.as_mut(), Start::Zero).unwrap();
                assert!(
                    report.converged() && report.columns == columns,
                    "{}: {report:?}",
                    solver.name()
                );
                for k in (0..columns).step_by(7) {
                    let mut alone = Mat::<T>::zeros(n, 1);
                    let signal = signals.as_ref().subcols(k, 1);
                    let report =
                        encode(&*solver, &problem, &signal, alone.as_mut(), Start::Zero).unwrap();
                    assert!(report.converged());
                    for j in 0..n {
                        let (found, expected) = (codes[(j, k)].to_f64(), alone[(j, 0)].to_f64());
                        // The residuals of both, times the condition (below 20) and max|c| (below
                        // 10).
                        assert!(
                            abs_diff_eq!(found, expected, epsilon = 400.0 * tolerance),
                            "{} ({j}, {k}): {found} {expected}",
                            solver.name()
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn every_remainder_of_tile_and_panel() {
    remainders::<f32>(1e-5);
    remainders::<f64>(1e-10);
}

/// Row-major and column-major codes are bit-identical, whatever the memory held before, for any
/// number of threads.
#[test]
fn layout_dirt_and_threads_do_not_change_a_bit() {
    let problem = problem::<f32>(20, 13);
    let signals = normal_matrix::<f32>(20, 1000, 3);
    for solver in solvers::<f32>(1e-5, 10_000) {
        let run = |threads: usize, dirt: f32, row_major: bool| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let mut codes = Mat::full(13, 1000, dirt);
            let mut transposed = Mat::full(1000, 13, dirt);
            let into = if row_major {
                transposed.as_mut().transpose_mut()
            } else {
                codes.as_mut()
            };
            let report = pool
                .install(|| encode(&*solver, &problem, &signals, into, Start::Zero))
                .unwrap();
            (
                report,
                if row_major {
                    transposed.transpose().to_owned()
                } else {
                    codes
                },
            )
        };
        let reference = run(1, 0.0, false);
        for (threads, dirt, row_major) in [(1, f32::NAN, true), (2, 1e30, false), (3, -5.0, true)] {
            assert_eq!(
                run(threads, dirt, row_major),
                reference,
                "{}, {threads} threads",
                solver.name()
            );
        }
    }
}

#[test]
fn a_warm_start_at_the_solution_is_quick() {
    let instance = Instance::random(30, 20, 50, 0.2, Sign::NonNegative, 5);
    for solver in solvers::<f64>(1e-8, 10_000) {
        let (mut codes, first) = instance.solve(&*solver);
        let problem = instance.problem::<f64>();
        let again = encode(
            &*solver,
            &problem,
            &instance.signals,
            codes.as_mut(),
            Start::Codes,
        )
        .unwrap();
        assert!(first.converged() && again.converged());
        // Backtracking makes two products per pass.
        assert!(again.passes <= 4, "{}: {again:?}", solver.name());
    }
}

/// The start is infeasible: it has negative, infinite and NaN entries, and an active zero atom.
#[test]
fn an_infeasible_start_is_mended() {
    let mut instance = Instance::random(8, 5, 30, 0.0, Sign::NonNegative, 5);
    instance.dictionary.col_mut(3).fill(0.0);
    instance.lambda2 = 0.0;
    let exact = instance.exact();
    for solver in solvers::<f64>(1e-10, 10_000) {
        let mut codes = Mat::from_fn(5, 30, |j, k| {
            [-1.0, f64::INFINITY, f64::NAN, 3.0, 0.5][(j + k) % 5]
        });
        let report = encode(
            &*solver,
            &instance.problem::<f64>(),
            &instance.signals,
            codes.as_mut(),
            Start::Codes,
        )
        .unwrap();
        assert!(report.converged(), "{}: {report:?}", solver.name());
        assert!((&codes - &exact).norm_max() < 1e-7, "{}", solver.name());
        assert!((0..30).all(|k| codes[(3, k)] == 0.0));
    }
}

/// A bad signal is reported, its code is zero, and no other column of its tile is affected.
#[test]
fn signals_that_are_not_finite_stay_alone() {
    let problem = problem::<f32>(6, 9);
    let good = normal_matrix::<f32>(6, 60, 2);
    for poison in [f32::NAN, f32::INFINITY, f32::MAX] {
        let mut bad = good.clone();
        bad[(4, 30)] = poison;
        bad[(5, 30)] = poison;
        let mut zeroed = good.clone();
        zeroed.col_mut(30).fill(0.0);
        for solver in solvers::<f32>(1e-5, 10_000) {
            let mut codes = Mat::zeros(9, 60);
            let report = encode(&*solver, &problem, &bad, codes.as_mut(), Start::Zero).unwrap();
            let mut expected = Mat::zeros(9, 60);
            let _ = encode(&*solver, &problem, &zeroed, expected.as_mut(), Start::Zero).unwrap();
            if poison == f32::MAX && report.status != Status::NonFinite {
                continue; // These correlations did not overflow.
            }
            assert_eq!(report.status, Status::NonFinite, "{}", solver.name());
            assert_eq!(
                (report.unconverged.as_slice(), report.worst_column),
                ([30].as_slice(), 30),
                "{}",
                solver.name()
            );
            assert!(report.residual.is_nan());
            assert_eq!(codes, expected, "{}", solver.name());
        }
    }
}

#[test]
fn running_out_of_passes_is_a_status() {
    let instance = Instance::random(20, 15, 40, 0.5, Sign::NonNegative, 9);
    let (codes, report) =
        instance.solve::<f64>(&CoordinateDescent::new(Settings::new(1e-12, 2).unwrap()));
    assert_eq!((report.status, report.passes), (Status::PassLimit, 2));
    assert!(!report.unconverged.is_empty() && report.residual > 1e-12 && codes.norm_max() > 0.0);
}

/// f32 cannot reach 1e-12: the solve ends long before its limit and reports why.
#[test]
fn rounding_is_recognised() {
    let instance = Instance::random(20, 15, 40, 0.2, Sign::NonNegative, 9);
    for solver in &solvers::<f32>(1e-12, 1_000_000)[..2] {
        let (_, report) = instance.solve(&**solver);
        assert_eq!(report.status, Status::Stalled, "{}", solver.name());
        assert!(report.residual < 1e-5, "{}: {report:?}", solver.name());
    }
}

#[test]
fn wrong_input_is_an_error_that_names_it() {
    let good = Mat::<f64>::identity(3, 2);
    let pose =
        |dictionary: &Mat<f64>, penalty| Problem::new(dictionary.as_ref(), penalty).map(drop);
    let net = ElasticNet::nonnegative(0.1, 0.1);
    assert_eq!(
        pose(&Mat::zeros(0, 2), net.clone()),
        Err(ProblemError::Empty { rows: 0, atoms: 2 })
    );
    let mut bad = good.clone();
    bad[(1, 1)] = f64::INFINITY;
    assert_eq!(
        pose(&bad, net.clone()).unwrap_err().to_string(),
        "the dictionary must be finite, but entry (1, 1) is inf"
    );
    bad[(1, 1)] = 1e200;
    assert!(matches!(
        pose(&bad, net.clone()),
        Err(ProblemError::Gram { atom: 1, .. })
    ));
    assert_eq!(
        pose(&good, ElasticNet::nonnegative(-1.0, 0.1)),
        Err(ProblemError::Lambda1 {
            atom: 0,
            found: -1.0
        })
    );
    assert!(matches!(
        pose(&good, ElasticNet::signed(0.1, f64::NAN)),
        Err(ProblemError::Lambda2 { .. })
    ));
    let per_atom = ElasticNet {
        lambda1: Lambda1::PerAtom(vec![0.1; 3]),
        ..net.clone()
    };
    assert_eq!(
        pose(&good, per_atom),
        Err(ProblemError::Lambda1Length {
            expected: 2,
            found: 3
        })
    );

    let mut problem = Problem::new(good.as_ref(), net.clone()).unwrap();
    assert!(matches!(
        problem.update(bad.as_ref(), net.clone()),
        Err(ProblemError::Gram { .. })
    ));
    assert!(matches!(
        problem.update(Mat::zeros(2, 2).as_ref(), net),
        Err(ProblemError::Shape { .. })
    ));
    assert_eq!(
        (problem.dictionary(), problem.gram()[(1, 1)]),
        (good.as_ref(), 1.1)
    );

    let solver = CoordinateDescent::default();
    let mut codes = Mat::zeros(2, 4);
    let short = Mat::<f64>::zeros(2, 4);
    let length = encode(&solver, &problem, &short, codes.as_mut(), Start::Zero);
    assert_eq!(
        length,
        Err(EncodeError::SignalLength {
            expected: 3,
            found: 2
        })
    );
    let few = Mat::<f64>::zeros(3, 3);
    let shape = encode(&solver, &problem, &few, codes.as_mut(), Start::Zero);
    assert_eq!(
        shape,
        Err(EncodeError::CodesShape {
            expected: (2, 3),
            found: (2, 4)
        })
    );
    assert_eq!(
        Settings::new(0.0, 5),
        Err(SettingsError::Tolerance { found: 0.0 })
    );
    assert!(Settings::new(f64::NAN, 5).is_err());
    assert_eq!(Settings::new(0.1, 0), Err(SettingsError::MaxPasses));
}

fn report() -> impl Strategy<Value = Report> {
    (
        0usize..5,
        0usize..3,
        0u32..9,
        prop_oneof![Just(f64::NAN), 0.0f64..1.0],
        0usize..4,
    )
        .prop_map(|(columns, unconverged, passes, residual, status)| {
            let unconverged = (0..unconverged).collect();
            let status = [
                Status::Converged,
                Status::Stalled,
                Status::PassLimit,
                Status::NonFinite,
            ][status];
            let mut report = Report::empty();
            report.status = status;
            report.columns = columns;
            report.unconverged = unconverged;
            report.passes = passes;
            report.residual = residual;
            report
        })
}

proptest! {
    /// Merging the reports of consecutive tiles gives the same report in any grouping.
    #[test]
    fn merging_reports_is_associative(mut reports in prop::collection::vec(report(), 3)) {
        for (place, report) in reports.iter_mut().enumerate() {
            report.worst_column = place;
            report.columns += 1;
            // Tiles do not overlap.
            report.unconverged.iter_mut().for_each(|column| *column += 10 * place);
        }
        let [a, b, c] = reports.try_into().unwrap();
        let text = |report: &Report| format!("{report:?}");
        let (with_b, with_a) = (a.clone().merge(b.clone()), b.clone().merge(a.clone()));
        prop_assert_eq!(text(&with_b), text(&with_a));
        prop_assert_eq!(text(&with_b.merge(c.clone())), text(&a.clone().merge(b.merge(c))));
        prop_assert_eq!(text(&Report::empty().merge(a.clone())), text(&a));
    }
}

/// If a batch is cut at multiples of the tile, the codes of every column are bit-identical,
/// whatever comes before and after.
#[test]
fn batches_cut_at_tiles_have_the_same_bits() {
    fn cut<T: Scalar>(tolerance: f64) {
        let problem = problem::<T>(20, 24);
        let columns = 5 * T::tile() + 7;
        let signals = normal_matrix::<T>(20, columns, 3);
        for solver in solvers::<T>(tolerance, 10_000) {
            let mut whole = Mat::<T>::zeros(24, columns);
            let _ = encode(&*solver, &problem, &signals, whole.as_mut(), Start::Zero).unwrap();
            for tiles in 1..6 {
                let (left, right) = signals.as_ref().split_at_col(tiles * T::tile());
                for (part, from) in [(left, 0), (right, tiles * T::tile())] {
                    let mut codes = Mat::<T>::zeros(24, part.ncols());
                    let _ = encode(&*solver, &problem, &part, codes.as_mut(), Start::Zero).unwrap();
                    let expected = whole.as_ref().subcols(from, part.ncols());
                    assert!(codes.as_ref() == expected, "{}, {tiles}", solver.name());
                }
            }
        }
    }
    cut::<f32>(1e-5);
    cut::<f64>(1e-9);
}

/// If a batch is cut elsewhere, columns share their tile with different columns, which take more or
/// fewer passes. Two codes of the same signal with residuals of at most r are then within
///
/// ```text
/// ||a - a'||  <=  2 √n r max|c| (1 + L / min H_jj) / μ
/// ```
///
/// with μ and L the smallest and the largest eigenvalue of H. Proof: let
/// `R_j = H_jj a_j - prox(H_jj a_j - g_j)`, `δ_j = R_j / H_jj` and `e = a - a*`. Both `R - g(a)`
/// and `-g(a*)` are subgradients of the penalty, at `a - δ` and at `a*`, so
/// `(R - H e)'(e - δ) >= 0` and `e'He <= R'e + e'Hδ`.
#[test]
fn batches_cut_anywhere_agree_as_the_tolerance_says() {
    fn cut<T: Scalar>(tolerance: f64) {
        for coherence in [0.0, 0.5, 0.9] {
            let atoms = dictionary::<T>(20, 24, coherence, 7);
            let penalty = ElasticNet::nonnegative(T::from_f64(0.1), T::from_f64(0.01));
            let problem = Problem::new(atoms.as_ref(), penalty).unwrap();
            let columns = 3 * T::tile() + 5;
            let signals = normal_matrix::<T>(20, columns, 3);
            let eigenvalues = problem
                .gram()
                .self_adjoint_eigenvalues(faer::Side::Lower)
                .unwrap();
            let smallest = eigenvalues[0].to_f64();
            let largest = eigenvalues[eigenvalues.len() - 1].to_f64();
            let least = problem.diagonal()[..24].iter().map(|d| d.to_f64());
            let least = least.fold(f64::INFINITY, f64::min);
            let solver = Auto::new(Settings::new(tolerance, 1000).unwrap());
            let run = |part: faer::MatRef<'_, T>| {
                let mut codes = Mat::<T>::zeros(24, part.ncols());
                let report = encode(&solver, &problem, &part, codes.as_mut(), Start::Zero).unwrap();
                assert!(report.converged());
                codes
            };
            let whole = run(signals.as_ref());
            let correlations = atoms.transpose() * &signals;
            for width in [1, 3, T::tile() - 1, T::tile() + 1] {
                for first in (0..columns).step_by(width) {
                    let width = width.min(columns - first);
                    let codes = run(signals.as_ref().subcols(first, width));
                    for k in 0..width {
                        let scale = correlations.col(first + k).norm_max().to_f64();
                        let bound =
                            2.0 * 24.0_f64.sqrt() * tolerance * scale * (1.0 + largest / least)
                                / smallest;
                        let apart = (codes.col(k) - whole.col(first + k)).norm_l2().to_f64();
                        assert!(apart <= bound, "{width}, {first}: {apart} {bound}");
                    }
                }
            }
        }
    }
    cut::<f32>(1e-4);
    cut::<f64>(1e-8);
}
