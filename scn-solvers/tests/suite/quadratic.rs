//! Problems posed by their Gram matrix.

use approx::abs_diff_eq;
use faer::Mat;
use scn_solvers::{
    Auto, ElasticNet, EncodeError, Problem, ProblemError, Scalar, Settings, Sign, Start,
    encode_correlations,
};

use crate::instance::{Instance, ORACLE, rounded, solvers};

/// Solves the same problem with and without its dictionary.
fn agrees<T: Scalar>(tolerance: f64) {
    for sign in [Sign::NonNegative, Sign::Free] {
        let instance = Instance::random(20, 13, 60, 0.2, sign, 4);
        let exact = instance.exact();
        let gram = rounded::<T>(&(instance.dictionary.transpose() * &instance.dictionary));
        let correlations = rounded::<T>(&(instance.dictionary.transpose() * &instance.signals));
        let penalty = instance.problem::<T>().penalty().clone();
        let problem = Problem::from_gram(gram.as_ref(), penalty).unwrap();
        assert_eq!((problem.rows(), problem.atoms()), (0, 13));
        for solver in solvers::<T>(tolerance, 20_000) {
            let mut codes = Mat::<T>::zeros(13, 60);
            let into = codes.as_mut();
            let report =
                encode_correlations(&*solver, &problem, correlations.as_ref(), into, Start::Zero);
            assert!(report.unwrap().converged(), "{}", solver.name());
            // The condition is below (1 + 13)/0.05 = 280 and correlations are below 10. Rounding
            // them and H adds ε of that.
            let bound = 280.0 * 10.0 * (tolerance + ORACLE + 13.0 * T::EPSILON.to_f64());
            for k in 0..60 {
                for j in 0..13 {
                    let (found, expected) = (codes[(j, k)].to_f64(), exact[(j, k)]);
                    assert!(
                        abs_diff_eq!(found, expected, epsilon = bound),
                        "{}: {found} {expected}, bound {bound}",
                        solver.name()
                    );
                }
            }
        }
    }
}

#[test]
fn a_gram_matrix_does_for_a_dictionary() {
    agrees::<f64>(1e-10);
    agrees::<f32>(1e-4);
}

#[test]
fn wrong_input_is_an_error_that_names_it() {
    let pose = |gram: &Mat<f64>| {
        Problem::from_gram(gram.as_ref(), ElasticNet::nonnegative(0.1, 0.1)).map(drop)
    };
    assert_eq!(
        pose(&Mat::zeros(2, 3)),
        Err(ProblemError::NotSquare { rows: 2, atoms: 3 })
    );
    let mut gram = Mat::<f64>::identity(3, 3);
    gram[(0, 2)] = 0.5;
    assert!(matches!(
        pose(&gram),
        Err(ProblemError::NotSymmetric { .. })
    ));
    gram[(2, 0)] = 0.5;
    assert_eq!(pose(&gram), Ok(()));
    (gram[(0, 2)], gram[(2, 0)]) = (1.5, 1.5);
    assert!(
        matches!(pose(&gram), Err(ProblemError::Indefinite { found }) if abs_diff_eq!(found, -0.5, epsilon = 1e-12))
    );
    gram[(1, 1)] = f64::NAN;
    assert!(matches!(
        pose(&gram),
        Err(ProblemError::Dictionary {
            row: 1,
            atom: 1,
            ..
        })
    ));

    let problem = Problem::from_gram(
        Mat::<f64>::identity(3, 3).as_ref(),
        ElasticNet::signed(0.1, 0.0),
    );
    let problem = problem.unwrap();
    let solver = Auto::new(Settings::default());
    let mut codes = Mat::zeros(3, 4);
    let encode = |correlations: &Mat<f64>, codes: &mut Mat<f64>| {
        let (c, a) = (correlations.as_ref(), codes.as_mut());
        encode_correlations(&solver, &problem, c, a, Start::Zero)
    };
    assert_eq!(
        encode(&Mat::zeros(2, 4), &mut codes),
        Err(EncodeError::CorrelationLength {
            expected: 3,
            found: 2
        })
    );
    assert!(matches!(
        encode(&Mat::zeros(3, 5), &mut codes),
        Err(EncodeError::CodesShape { .. })
    ));
    // A problem posed by its Gram matrix has no signals.
    let signals = Mat::<f64>::zeros(3, 4);
    let refused = scn_solvers::encode(&solver, &problem, &signals, codes.as_mut(), Start::Zero);
    assert!(matches!(
        refused,
        Err(EncodeError::SignalLength { expected: 0, .. })
    ));
}
