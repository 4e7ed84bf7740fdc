//! Invariance under changes of units. Scaling D by s, x by t, λ1 by s t and λ2 by s² scales the
//! codes by t/s. Powers of two are exact, so results are bit-identical as long as numbers stay
//! within the range of their type.

use faer::{Mat, Scale};
use scn_solvers::synthetic::{dictionary, normal_matrix};
use scn_solvers::{
    ColumnCertificate, ElasticNet, Omp, OmpStop, Problem, Report, Scalar, Sign, Solver, Start,
    certify_columns, encode,
};

use crate::instance::solvers;

const ROWS: usize = 12;
const ATOMS: usize = 20;
const COLUMNS: usize = 30;

/// The units of dictionary and signals, as exponents of two.
#[derive(Debug, Clone, Copy)]
struct Units {
    dictionary: i32,
    signals: i32,
}

struct Solved<T> {
    codes: Mat<T>,
    report: Report,
    certificates: Vec<ColumnCertificate>,
}

fn power<T: Scalar>(exponent: i32) -> T {
    T::from_f64(2.0_f64.powi(exponent))
}

/// Solves a problem in the given units, whose last signal is zero.
fn solve<T: Scalar>(solver: &dyn Solver<T>, sign: Sign, units: Units) -> Solved<T> {
    let (s, t) = (power::<T>(units.dictionary), power::<T>(units.signals));
    let atoms = dictionary::<T>(ROWS, ATOMS, 0.2, 1) * Scale(s);
    let mut signals = normal_matrix::<T>(ROWS, COLUMNS, 2) * Scale(t);
    signals.col_mut(COLUMNS - 1).fill(T::ZERO);
    let penalty = ElasticNet {
        sign,
        ..ElasticNet::nonnegative(T::from_f64(0.1) * s * t, T::from_f64(0.05) * s * s)
    };
    let problem = Problem::new(atoms.as_ref(), penalty).unwrap();
    // The start is in these units too, and arbitrary where the code is known.
    let mut codes = normal_matrix::<T>(ATOMS, COLUMNS, 3) * Scale(t / s);
    let report = encode(solver, &problem, &signals, codes.as_mut(), Start::Codes).unwrap();
    let certificates = certify_columns(&problem, &signals, codes.as_ref()).unwrap();
    Solved {
        codes,
        report,
        certificates,
    }
}

fn units_do_not_matter<T: Scalar>(tolerance: f64, largest: Units) {
    for sign in [Sign::NonNegative, Sign::Free] {
        for solver in solvers::<T>(tolerance, 20_000) {
            let none = Units {
                dictionary: 0,
                signals: 0,
            };
            let expected = solve(&*solver, sign, none);
            assert!(
                expected.report.converged(),
                "{}: {:?}",
                solver.name(),
                expected.report
            );
            let zero = expected.certificates[COLUMNS - 1];
            assert_eq!(
                (zero.residual, zero.duality_gap, zero.active),
                (0.0, 0.0, 0)
            );
            for (s, t) in [(1, 0), (-1, 0), (0, 1), (0, -1), (1, -1), (-1, 1), (-1, -1)] {
                let units = Units {
                    dictionary: s * largest.dictionary,
                    signals: t * largest.signals,
                };
                let what = format!("{}, {sign:?}, {units:?}", solver.name());
                let found = solve(&*solver, sign, units);
                let back = power::<T>(units.dictionary - units.signals);
                assert!(&found.codes * Scale(back) == expected.codes, "{what}");
                assert_eq!(found.report, expected.report, "{what}");
                assert_eq!(found.certificates, expected.certificates, "{what}");
            }
        }
    }
}

/// Covers every solver and every certificate.
#[test]
fn units_do_not_change_a_bit() {
    // Leave room for the squares of codes, which some solvers compare.
    let (dictionary, signals) = (20, 15);
    units_do_not_matter::<f32>(
        1e-4,
        Units {
            dictionary,
            signals,
        },
    );
    let (dictionary, signals) = (200, 150);
    units_do_not_matter::<f64>(
        1e-9,
        Units {
            dictionary,
            signals,
        },
    );
}

/// Even if products leave the range of the type, no code is falsely reported as converged. The
/// check is a certificate in `f64`, with dictionary, signals and λ scaled back exactly.
fn out_of_range_is_not_converged<T: Scalar>(exponents: &[i32], tolerance: f64) {
    for &exponent in exponents {
        for solver in solvers::<T>(tolerance, 500) {
            let units = Units {
                dictionary: exponent,
                signals: 0,
            };
            let what = format!("{}, {units:?}", solver.name());
            let Solved { codes, report, .. } = solve(&*solver, Sign::NonNegative, units);
            assert!(codes.is_all_finite(), "{what}");
            let (s, s_again) = (2.0_f64.powi(-exponent), 2.0_f64.powi(exponent));
            let wide = |matrix: Mat<T>| {
                Mat::from_fn(matrix.nrows(), matrix.ncols(), |i, j| {
                    matrix[(i, j)].to_f64()
                })
            };
            let atoms = wide(dictionary::<T>(ROWS, ATOMS, 0.2, 1) * Scale(power(exponent)));
            let mut signals = wide(normal_matrix::<T>(ROWS, COLUMNS, 2));
            signals.col_mut(COLUMNS - 1).fill(0.0);
            let lambda1 = (T::from_f64(0.1) * power::<T>(exponent)).to_f64() * s;
            let lambda2 =
                (T::from_f64(0.05) * power::<T>(exponent) * power::<T>(exponent)).to_f64() * s * s;
            let penalty = ElasticNet::nonnegative(lambda1, lambda2);
            let problem = Problem::new((atoms * Scale(s)).as_ref(), penalty).unwrap();
            let codes = wide(codes) * Scale(s_again);
            let certificates = certify_columns(&problem, &signals, codes.as_ref()).unwrap();
            for (column, certificate) in certificates.iter().enumerate() {
                let certified = certificate.residual <= tolerance;
                assert!(
                    certified || report.unconverged.contains(&column),
                    "{what}, column {column}: {certificate:?}, {report:?}"
                );
            }
        }
    }
}

#[test]
fn nothing_out_of_range_is_called_converged() {
    out_of_range_is_not_converged::<f32>(&[-50, -58, -60, -62, -66, -72, -80, 55, 60, 62], 1e-4);
    out_of_range_is_not_converged::<f64>(&[-500, -510, -520, -535, 500, 505], 1e-4);
}

/// Pursuits are invariant too.
#[test]
fn units_do_not_change_a_pursuit() {
    for sign in [Sign::NonNegative, Sign::Free] {
        let solve = |s: i32, t: i32| {
            let atoms = dictionary::<f64>(ROWS, ATOMS, 0.2, 1) * Scale(power::<f64>(s));
            let signals = normal_matrix::<f64>(ROWS, COLUMNS, 2) * Scale(power::<f64>(t));
            let stop = OmpStop {
                atoms: 5,
                residual: 0.2,
            };
            let omp = Omp::new(atoms.as_ref(), sign, stop).unwrap();
            let mut codes = Mat::zeros(ATOMS, COLUMNS);
            let report = omp.encode(&signals, codes.as_mut()).unwrap();
            (codes * Scale(power::<f64>(s - t)), report)
        };
        let expected = solve(0, 0);
        for (s, t) in [(300, 0), (-300, 0), (0, 400), (0, -400), (200, -200)] {
            assert_eq!(solve(s, t), expected, "{sign:?}, {s}, {t}");
        }
    }
}
