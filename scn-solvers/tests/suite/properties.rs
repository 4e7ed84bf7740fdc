//! Properties of every code, on random problems in f64.

use approx::abs_diff_eq;
use faer::Mat;
use proptest::prelude::*;
use scn_solvers::synthetic::normal_matrix;
use scn_solvers::{Sign, Solver, certify};

use crate::instance::{Instance, solvers};

/// Tight, but above rounding: sums of a few dozen terms in f64 have errors of 1e-15 times their
/// size.
const TOLERANCE: f64 = 1e-10;

/// An error in the residual causes an error in the code that is larger by the condition of `H`, at
/// most `(1 + n + λ2)/λ2 < 500` here, relative to the size of the code, which is below `max|c|/λ2`.
const CODE_TOLERANCE: f64 = 1e-6;

fn sign() -> impl Strategy<Value = Sign> {
    prop_oneof![Just(Sign::NonNegative), Just(Sign::Free)]
}

fn instance() -> impl Strategy<Value = Instance> {
    (
        1usize..14,
        1usize..14,
        1usize..4,
        0.0f64..0.6,
        sign(),
        0u64..100_000,
    )
        .prop_map(|(m, n, columns, coherence, sign, seed)| {
            Instance::random(m, n, columns, coherence, sign, seed)
        })
        .prop_filter("a signal at right angles to all atoms", Instance::is_seen)
}

fn check_close(a: &Mat<f64>, b: &Mat<f64>, what: &str) -> Result<(), TestCaseError> {
    prop_assert_eq!(a.shape(), b.shape());
    let epsilon = CODE_TOLERANCE * (1.0 + b.norm_max());
    for (a, b) in a.col_iter().zip(b.col_iter()) {
        for (a, b) in a.iter().zip(b.iter()) {
            prop_assert!(abs_diff_eq!(a, b, epsilon = epsilon), "{what}: {a} {b}");
        }
    }
    Ok(())
}

fn every_solver() -> Vec<Box<dyn Solver<f64>>> {
    solvers(TOLERANCE, 200_000)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Lemma 1 holds for the returned codes, evaluated from the definition.
    #[test]
    fn optimality_conditions_hold(mut instance in instance(), scatter in 0u64..1000) {
        let weights = normal_matrix::<f64>(instance.lambda1.len(), 1, scatter);
        for (j, lambda1) in instance.lambda1.iter_mut().enumerate() {
            *lambda1 = weights[(j, 0)].max(0.0); // zero for about half of them
        }
        for solver in every_solver() {
            let (codes, report) = instance.solve(&*solver);
            prop_assert!(report.converged(), "{}: {report:?}", solver.name());
            for column in 0..codes.ncols() {
                let (correlations, gradient) = instance.correlations_and_gradient(&codes, column);
                let scale = correlations.iter().fold(0.0, |largest: f64, c| largest.max(c.abs()));
                // The solver met its tolerance in its own arithmetic; this one rounds differently.
                let tolerance = (TOLERANCE + 1e-13) * scale;
                for (j, &g) in gradient.iter().enumerate() {
                    let (a, lambda1) = (codes[(j, column)], instance.lambda1[j]);
                    let diagonal = 1.0 + instance.lambda2; // unit-norm atoms
                    if instance.sign == Sign::NonNegative {
                        prop_assert!(a >= 0.0);
                        prop_assert!(g + lambda1 >= -tolerance, "{}: g = {g}", solver.name());
                        let least = (diagonal * a).min(g + lambda1);
                        prop_assert!(abs_diff_eq!(least, 0.0, epsilon = tolerance));
                    } else if diagonal * a.abs() > tolerance {
                        prop_assert!(abs_diff_eq!(g, -lambda1 * a.signum(), epsilon = tolerance));
                    } else {
                        prop_assert!(g.abs() <= lambda1 + tolerance);
                    }
                }
            }
        }
    }

    #[test]
    fn solvers_agree(instance in instance()) {
        let exact = instance.exact();
        for solver in every_solver() {
            check_close(&instance.solve(&*solver).0, &exact, solver.name())?;
        }
    }

    /// For n = 1, a = max(d'x - λ1, 0) / (d'd + λ2), or its signed counterpart.
    #[test]
    fn a_single_atom_has_a_closed_form(m in 1usize..9, scale in 0.1f64..10.0, sign in sign(), seed in 0u64..100_000) {
        let mut instance = Instance::random(m, 1, 5, 0.0, sign, seed);
        instance.dictionary = normal_matrix::<f64>(m, 1, seed) * faer::Scale(scale);
        let square = instance.dictionary.norm_l2().powi(2) + instance.lambda2;
        for solver in every_solver() {
            let (codes, _) = instance.solve(&*solver);
            for column in 0..5 {
                let c: f64 = (0..m).map(|i| instance.dictionary[(i, 0)] * instance.signals[(i, column)]).sum();
                let above = (c - 0.1).max(0.0);
                let expected = if sign == Sign::Free { above + (c + 0.1).min(0.0) } else { above } / square;
                let epsilon = 2.0 * TOLERANCE * c.abs() / square + 1e-14;
                prop_assert!(abs_diff_eq!(codes[(0, column)], expected, epsilon = epsilon));
            }
        }
    }

    /// Scaling (x, λ1) by s scales the codes by s.
    #[test]
    fn codes_scale_with_signal_and_lambda1(instance in instance(), scale in 1e-3f64..1e3) {
        let mut scaled = instance.clone();
        scaled.signals = &instance.signals * faer::Scale(scale);
        scaled.lambda1.iter_mut().for_each(|lambda1| *lambda1 *= scale);
        for solver in every_solver() {
            let codes = scaled.solve(&*solver).0 * faer::Scale(1.0 / scale);
            check_close(&codes, &instance.solve(&*solver).0, solver.name())?;
        }
    }

    /// Reordered atoms have reordered codes.
    #[test]
    fn permuted_atoms_permute_the_codes(instance in instance(), turn in 0usize..14) {
        let n = instance.lambda1.len();
        let source = |j: usize| (j * (n - 1) + turn) % n; // j -> turn - j mod n, a permutation
        let mut permuted = instance.clone();
        permuted.dictionary = Mat::from_fn(instance.dictionary.nrows(), n, |i, j| instance.dictionary[(i, source(j))]);
        for solver in every_solver() {
            let codes = instance.solve(&*solver).0;
            let expected = Mat::from_fn(n, codes.ncols(), |j, k| codes[(source(j), k)]);
            check_close(&permuted.solve(&*solver).0, &expected, solver.name())?;
        }
    }

    /// With the same atom twice and λ2 = 0, the codes are not unique but the objective is.
    #[test]
    fn duplicate_atoms_share_one_optimum(m in 3usize..12, n in 1usize..6, sign in sign(), seed in 0u64..100_000) {
        let mut single = Instance::random(m.max(n + 1), n, 2, 0.0, sign, seed);
        single.lambda2 = 0.0;
        let mut doubled = single.clone();
        doubled.dictionary = Mat::from_fn(single.dictionary.nrows(), 2 * n, |i, j| single.dictionary[(i, j % n)]);
        doubled.lambda1 = vec![0.1; 2 * n];
        prop_assume!(single.is_seen());
        let exact = single.exact();
        for solver in every_solver() {
            let (codes, report) = doubled.solve(&*solver);
            prop_assert!(report.converged(), "{}: {report:?}", solver.name());
            for column in 0..2 {
                let (ours, best) = (doubled.objective(&codes, column), single.objective(&exact, column));
                let epsilon = 1e-7 * (1.0 + best);
                prop_assert!(abs_diff_eq!(ours, best, epsilon = epsilon), "{}: {ours} {best}", solver.name());
            }
        }
    }

    /// If λ1 >= max |D'x|, the code is exactly zero.
    #[test]
    fn a_large_lambda1_leaves_nothing(mut instance in instance(), beyond in 1.0001f64..10.0) {
        let zeros = Mat::zeros(instance.lambda1.len(), instance.signals.ncols());
        let columns = 0..instance.signals.ncols();
        let largest = columns
            .flat_map(|column| instance.correlations_and_gradient(&zeros, column).0)
            .fold(0.0, |largest: f64, c| largest.max(c.abs()));
        instance.lambda1.fill(beyond * largest);
        for solver in every_solver() {
            let (codes, report) = instance.solve(&*solver);
            prop_assert!(report.converged());
            prop_assert_eq!(codes.norm_max(), 0.0);
        }
    }

    /// Signed codes are the differences of nonnegative codes over [D, -D].
    #[test]
    fn signed_codes_are_nonnegative_codes_of_both_signs(m in 2usize..10, n in 1usize..8, seed in 0u64..100_000) {
        let signed = Instance::random(m, n, 2, 0.2, Sign::Free, seed);
        prop_assume!(signed.is_seen());
        let mut both = signed.clone();
        both.sign = Sign::NonNegative;
        both.dictionary = Mat::from_fn(m, 2 * n, |i, j| {
            if j < n { signed.dictionary[(i, j)] } else { -signed.dictionary[(i, j - n)] }
        });
        both.lambda1 = vec![0.1; 2 * n];
        // At most one of each pair is active (λ1 > 0), so λ2 has the same effect on both problems.
        let codes = both.exact();
        let difference = Mat::from_fn(n, 2, |j, k| codes[(j, k)] - codes[(n + j, k)]);
        for solver in every_solver() {
            check_close(&signed.solve(&*solver).0, &difference, solver.name())?;
        }
    }

    /// The duality gap bounds the distance from the optimal objective, and vanishes at the optimum.
    #[test]
    fn the_duality_gap_bounds_the_error(instance in instance(), noise in 0.0f64..0.5, seed in 0u64..1000) {
        let exact = instance.exact();
        let problem = instance.problem::<f64>();
        let bump = normal_matrix::<f64>(exact.nrows(), exact.ncols(), seed);
        let moved = Mat::from_fn(exact.nrows(), exact.ncols(), |j, k| {
            let a = exact[(j, k)] + noise * bump[(j, k)];
            if instance.sign == Sign::NonNegative { a.max(0.0) } else { a }
        });
        for column in 0..exact.ncols() {
            let signal = instance.signals.as_ref().subcols(column, 1);
            let half_square = 0.5 * signal.norm_l2().powi(2);
            let gap = |codes: &Mat<f64>| {
                certify(&problem, &signal, codes.as_ref().subcols(column, 1)).unwrap().duality_gap * half_square
            };
            let error = instance.objective(&moved, column) - instance.objective(&exact, column);
            prop_assert!(gap(&moved) >= error - 1e-12 * half_square, "gap {} error {error}", gap(&moved));
            prop_assert!(gap(&exact) <= 1e-10 * half_square.max(1.0), "gap {}", gap(&exact));
        }
    }
}
