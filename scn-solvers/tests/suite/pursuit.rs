//! Orthogonal matching pursuit, compared with its definition.

use approx::{abs_diff_eq, assert_abs_diff_eq};
use faer::linalg::solvers::SolveLstsq;
use faer::{Mat, Scale};
use num_rational::BigRational;
use num_traits::{FromPrimitive, ToPrimitive};
use proptest::prelude::*;
use scn_solvers::synthetic::{dictionary, normal_matrix};
use scn_solvers::{Omp, OmpStop, Sign};

fn residual(atoms: &Mat<f64>, signal: &Mat<f64>, code: &Mat<f64>) -> Mat<f64> {
    signal - atoms * code
}

/// Applies the greedy rule step by step, with least squares by QR.
fn plain(atoms: &Mat<f64>, signal: &Mat<f64>, count: usize) -> Mat<f64> {
    let mut code = Mat::zeros(atoms.ncols(), 1);
    let mut support: Vec<usize> = Vec::new();
    for _ in 0..count {
        let left = residual(atoms, signal, &code);
        let pull =
            |j: usize| (atoms.col(j).transpose() * left.col(0)).abs() / atoms.col(j).norm_l2();
        let next = (0..atoms.ncols()).filter(|j| !support.contains(j));
        support.extend(next.max_by(|&a, &b| pull(a).total_cmp(&pull(b))));
        let chosen = Mat::from_fn(atoms.nrows(), support.len(), |i, k| atoms[(i, support[k])]);
        let solution = chosen.qr().solve_lstsq(signal);
        for (k, &j) in support.iter().enumerate() {
            code[(j, 0)] = solution[(k, 0)];
        }
    }
    code
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The condition of least squares is below 100 for these atoms, so 1e-12 leaves a factor of 100
    /// above `100 ε`.
    #[test]
    fn signed_pursuit_is_the_definition(count in 1usize..6, seed in 0u64..100_000) {
        let atoms = dictionary::<f64>(20, 12, 0.1, seed);
        let signal = normal_matrix::<f64>(20, 1, seed + 1);
        let stop = OmpStop { atoms: count, residual: 0.0 };
        let mut code = Mat::zeros(12, 1);
        let report = Omp::new(atoms.as_ref(), Sign::Free, stop).unwrap().encode(&signal, code.as_mut()).unwrap();
        let expected = plain(&atoms, &signal, count);
        prop_assert!((&code - &expected).norm_max() <= 1e-12 * (1.0 + expected.norm_max()));
        prop_assert_eq!(report.atoms, count as u64);
        let left = residual(&atoms, &signal, &code).norm_l2() / signal.norm_l2();
        // Codes are below 100.
        prop_assert!(abs_diff_eq!(report.residual, left, epsilon = 1e-12));
    }

    /// The residual asked for is reached, and codes are nonnegative and optimal on their active
    /// set.
    #[test]
    fn nonnegative_pursuit_fits_on_its_support(share in 0.1f64..0.9, seed in 0u64..100_000) {
        let atoms = dictionary::<f64>(20, 30, 0.2, seed);
        let hidden = Mat::from_fn(30, 1, |j, _| if j % 7 == 0 { 1.0 + j as f64 / 10.0 } else { 0.0 });
        let signal = &atoms * &hidden;
        let stop = OmpStop { atoms: 30, residual: share };
        let mut code = Mat::zeros(30, 1);
        let report = Omp::new(atoms.as_ref(), Sign::NonNegative, stop).unwrap().encode(&signal, code.as_mut()).unwrap();
        let left = residual(&atoms, &signal, &code);
        prop_assert!(report.residual <= share && left.norm_l2() <= (share + 1e-7) * signal.norm_l2());
        for j in 0..30 {
            prop_assert!(code[(j, 0)] >= 0.0);
            if code[(j, 0)] > 0.0 {
                prop_assert!((atoms.col(j).transpose() * left.col(0)).abs() <= 1e-12 * signal.norm_l2());
            }
        }
    }
}

/// A pursuit with enough atoms recovers a signal made of few atoms, in either precision. A signal
/// that is not finite has the zero code and is reported.
#[test]
fn edges() {
    let atoms = dictionary::<f32>(30, 10, 0.0, 3);
    let mut signals = Mat::<f32>::zeros(30, 3);
    for i in 0..30 {
        signals[(i, 0)] = 2.0 * atoms[(i, 4)] - atoms[(i, 7)];
    }
    let stop = OmpStop {
        atoms: 2,
        residual: 0.0,
    };
    let omp = Omp::new(atoms.as_ref(), Sign::Free, stop).unwrap();
    let mut codes = Mat::zeros(10, 3);
    let report = omp.encode(&signals, codes.as_mut()).unwrap();
    assert_eq!((report.columns, report.atoms), (3, 2));
    assert_abs_diff_eq!(codes[(4, 0)], 2.0, epsilon = 1e-6);
    assert_abs_diff_eq!(codes[(7, 0)], -1.0, epsilon = 1e-6);
    signals[(3, 1)] = f32::NAN;
    let report = omp.encode(&signals, codes.as_mut()).unwrap();
    assert!(report.residual.is_nan() && codes.col(1).norm_max() == 0.0);
    assert_abs_diff_eq!(codes[(4, 0)], 2.0, epsilon = 1e-6);
}

/// Atoms that differ by `2^-apart` in one entry lead to codes of size `2^apart`, and the squared
/// norm of the fit loses all digits of the residual. The reported residual matches the code in
/// exact arithmetic, up to the rounding of `x - D a`.
#[test]
fn residuals_of_near_dependent_atoms_are_those_of_the_code() {
    let exact = |value: f64| BigRational::from_f64(value).unwrap();
    for apart in [4, 12, 20, 24] {
        let step = 2.0_f64.powi(-apart);
        let atoms = faer::mat![[1.0, 1.0, 1.0], [0.0, step, 0.0], [0.0, 0.0, step]];
        let signal = faer::mat![[1.0], [0.75], [0.125]];
        for sign in [Sign::NonNegative, Sign::Free] {
            for count in 1..=3 {
                let stop = OmpStop {
                    atoms: count,
                    residual: 0.1,
                };
                let mut code = Mat::zeros(3, 1);
                let omp = Omp::new(atoms.as_ref(), sign, stop).unwrap();
                let report = omp.encode(&signal, code.as_mut()).unwrap();
                let square = |values: &dyn Fn(usize) -> BigRational| -> f64 {
                    let sum: BigRational = (0..3).map(|i| values(i) * values(i)).sum();
                    sum.to_f64().unwrap()
                };
                let left = square(&|i| {
                    let fit = (0..3).map(|j| exact(atoms[(i, j)]) * exact(code[(j, 0)]));
                    exact(signal[(i, 0)]) - fit.sum::<BigRational>()
                });
                let true_residual = (left / square(&|i| exact(signal[(i, 0)]))).sqrt();
                let rounding = 8.0 * f64::EPSILON * (1.0 + code.norm_l1());
                assert!(
                    abs_diff_eq!(report.residual, true_residual, epsilon = rounding),
                    "{apart}, {sign:?}, {count}: {} {true_residual} {code:?}",
                    report.residual
                );
            }
        }
    }
}

/// An atom that is zero to every solver is zero to a pursuit. Codes beyond the range of `f32` are
/// set to zero and reported.
#[test]
fn pursuits_of_tiny_atoms_are_finite() {
    for sign in [Sign::NonNegative, Sign::Free] {
        let mut atoms = dictionary::<f32>(8, 5, 0.1, 1);
        let signals = normal_matrix::<f32>(8, 20, 2);
        let run = |atoms: &Mat<f32>, signals: &Mat<f32>| {
            let stop = OmpStop {
                atoms: 5,
                residual: 0.0,
            };
            let mut codes = Mat::<f32>::zeros(5, signals.ncols());
            let omp = Omp::new(atoms.as_ref(), sign, stop).unwrap();
            let report = omp.encode(signals, codes.as_mut()).unwrap();
            assert!(codes.is_all_finite());
            (codes, report)
        };
        atoms.col_mut(2).fill(0.0);
        let expected = run(&atoms, &signals);
        atoms.col_mut(2).fill(f32::from_bits(1));
        assert_eq!(run(&atoms, &signals), expected);

        let small = dictionary::<f32>(8, 5, 0.1, 1) * Scale(1e-10_f32);
        let mut large = signals.clone();
        large.col_mut(3).iter_mut().for_each(|x| *x *= 1e30);
        let (codes, report) = run(&small, &large);
        assert!(report.residual.is_nan() && codes.col(3).norm_max() == 0.0);
        let zero = run(&small, &Mat::zeros(8, 1));
        assert_eq!((zero.0.norm_max(), zero.1.residual), (0.0, 0.0));
    }
}
