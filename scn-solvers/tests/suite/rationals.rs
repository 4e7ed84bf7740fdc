//! Codes reported as converged are converged in exact arithmetic, whatever the rounding of the
//! residual that a solver sees.

use approx::assert_abs_diff_eq;
use faer::Mat;
use num_rational::BigRational;
use num_traits::{FromPrimitive, Signed, Zero};
use proptest::prelude::*;
use scn_solvers::{
    ElasticNet, Lambda1, Problem, Scalar, Sign, Start, Status, encode, encode_correlations,
};

use crate::instance::solvers;

/// A problem whose numbers are exact in the tested type.
#[derive(Debug, Clone)]
struct Exact {
    dictionary: Mat<f64>,
    signals: Mat<f64>,
    lambda1: f64,
    lambda2: f64,
    sign: Sign,
}

fn rational(value: f64) -> BigRational {
    BigRational::from_f64(value).expect("a finite number")
}

impl Exact {
    /// Computes the residual of a code from its definition.
    fn residual(&self, code: &[f64], column: usize) -> BigRational {
        let (rows, atoms) = self.dictionary.shape();
        let entry = |i: usize, j: usize| rational(self.dictionary[(i, j)]);
        let code: Vec<BigRational> = code.iter().map(|&a| rational(a)).collect();
        let lambda1 = rational(self.lambda1);
        let lambda2 = rational(self.lambda2);
        let sum = |terms: &mut dyn Iterator<Item = BigRational>| {
            terms.fold(BigRational::zero(), |sum, term| sum + term)
        };
        let misfit: Vec<BigRational> = (0..rows)
            .map(|i| {
                let fit = sum(&mut (0..atoms).map(|j| entry(i, j) * &code[j]));
                fit - rational(self.signals[(i, column)])
            })
            .collect();
        let mut worst = BigRational::zero();
        let mut scale = BigRational::zero();
        for j in 0..atoms {
            let diagonal = sum(&mut (0..rows).map(|i| entry(i, j) * entry(i, j))) + &lambda2;
            let gradient =
                sum(&mut (0..rows).map(|i| entry(i, j) * &misfit[i])) + &lambda2 * &code[j];
            let scaled = diagonal * &code[j];
            let free = &scaled - gradient;
            let above = (&free - &lambda1).max(BigRational::zero());
            let below = (&free + &lambda1).min(BigRational::zero());
            let prox = match self.sign {
                Sign::NonNegative => above,
                Sign::Free => above + below,
            };
            worst = worst.max((scaled - prox).abs());
            let correlation =
                sum(&mut (0..rows).map(|i| entry(i, j) * rational(self.signals[(i, column)])));
            scale = scale.max(correlation.abs());
        }
        if worst.is_zero() {
            worst
        } else if scale.is_zero() {
            rational(f64::MAX)
        } else {
            worst / scale
        }
    }

    fn check<T: Scalar>(&self, tolerance: f64) {
        let narrow = |matrix: &Mat<f64>| {
            Mat::from_fn(matrix.nrows(), matrix.ncols(), |i, j| {
                T::from_f64(matrix[(i, j)])
            })
        };
        let penalty = ElasticNet {
            lambda1: Lambda1::Scalar(T::from_f64(self.lambda1)),
            lambda2: T::from_f64(self.lambda2),
            sign: self.sign,
        };
        let problem = Problem::new(narrow(&self.dictionary).as_ref(), penalty).unwrap();
        let signals = narrow(&self.signals);
        for solver in solvers::<T>(tolerance, 2000) {
            let mut codes = Mat::<T>::zeros(problem.atoms(), signals.ncols());
            let report = encode(&*solver, &problem, &signals, codes.as_mut(), Start::Zero).unwrap();
            for column in (0..signals.ncols()).filter(|k| !report.unconverged.contains(k)) {
                let code: Vec<f64> = codes.col(column).iter().map(|a| a.to_f64()).collect();
                let residual = self.residual(&code, column);
                assert!(
                    residual <= rational(tolerance),
                    "{} in {}: {residual} for {code:?}, {self:?}",
                    solver.name(),
                    std::any::type_name::<T>()
                );
            }
        }
    }
}

/// Entries are integers up to 3 in size. The last atom equals the first, except for `2^-apart` in
/// one row.
fn instances(apart: std::ops::Range<i32>) -> impl Strategy<Value = Exact> {
    (2usize..5, 2usize..7).prop_flat_map(move |(rows, atoms)| {
        (
            prop::collection::vec(-3i32..=3, rows * atoms),
            prop::collection::vec(-9i32..=9, rows * 3),
            apart.clone(),
            0..rows,
            0u32..6,
            prop::bool::ANY,
            prop::bool::ANY,
        )
            .prop_map(
                move |(entries, values, apart, row, lambda1, ridge, signed)| {
                    let mut dictionary =
                        Mat::from_fn(rows, atoms, |i, j| f64::from(entries[j * rows + i]));
                    let first = dictionary.col(0).to_owned();
                    dictionary.col_mut(atoms - 1).copy_from(&first);
                    dictionary[(row, atoms - 1)] += 2.0_f64.powi(-apart);
                    Exact {
                        dictionary,
                        signals: Mat::from_fn(rows, 3, |i, k| f64::from(values[k * rows + i])),
                        lambda1: f64::from(lambda1) / 1024.0,
                        lambda2: if ridge { 2.0_f64.powi(-10) } else { 0.0 },
                        sign: if signed {
                            Sign::Free
                        } else {
                            Sign::NonNegative
                        },
                    }
                },
            )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn near_twins_in_single_precision(instance in instances(0..12)) {
        instance.check::<f32>(1e-4);
        instance.check::<f32>(1e-6);
    }

    #[test]
    fn near_twins_in_double_precision(instance in instances(0..26)) {
        instance.check::<f64>(1e-4);
        instance.check::<f64>(1e-10);
    }
}

/// `1/2 (a + b)² - a - 2 b` is unbounded below along (-1, 1) if codes may be negative, and no
/// solver reports convergence. With nonnegative codes, the minimum is at (0, 2).
#[test]
fn an_objective_without_a_minimum_is_unbounded() {
    let gram = Mat::<f64>::full(2, 2, 1.0);
    // The second column has minima.
    let correlations = faer::mat![[1.0, 3.0], [2.0, 3.0]];
    for solver in solvers::<f64>(1e-6, 20_000) {
        let solve = |penalty| {
            let problem = Problem::from_gram(gram.as_ref(), penalty).unwrap();
            let mut codes = Mat::zeros(2, 2);
            let report = encode_correlations(
                &*solver,
                &problem,
                correlations.as_ref(),
                codes.as_mut(),
                Start::Zero,
            );
            (codes, report.unwrap())
        };
        let what = solver.name();
        let (codes, report) = solve(ElasticNet::signed(0.0, 0.0));
        assert_eq!(report.status, Status::Unbounded, "{what}: {report:?}");
        assert_eq!(report.unconverged, [0], "{what}: {report:?}");
        assert!(
            codes.is_all_finite() && report.residual == f64::INFINITY,
            "{what}"
        );
        // Along (-1, 1) the penalty rises by 2 λ1 and the rest falls by 1.
        let (_, report) = solve(ElasticNet::signed(0.75, 0.0));
        assert!(report.converged(), "{what}: {report:?}");
        let (_, report) = solve(ElasticNet::signed(0.25, 0.0));
        assert_eq!(report.status, Status::Unbounded, "{what}: {report:?}");
        let (codes, report) = solve(ElasticNet::nonnegative(0.0, 0.0));
        assert!(report.converged(), "{what}: {report:?}");
        assert_abs_diff_eq!(codes[(0, 0)], 0.0, epsilon = 1e-5);
        assert_abs_diff_eq!(codes[(1, 0)], 2.0, epsilon = 1e-5);
        let (_, report) = solve(ElasticNet::signed(0.0, 0.1));
        assert!(report.converged(), "{what}: {report:?}");
    }
}
