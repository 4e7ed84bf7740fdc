//! Adjoint and JVP against central differences, against each other and against the differentiated
//! iteration, with every solver for the codes and for the linear systems, in f64.

use approx::{abs_diff_eq, assert_abs_diff_eq};

use crate::point::{self, Point, inner};
use faer::Mat;
use proptest::prelude::*;
use scn_grad::{
    Gradients, Linearization, MaskedAuto, MaskedCholesky, MaskedConjugateGradient,
    MaskedGaussSeidel, MaskedSolver, Tangent,
};
use scn_solvers::synthetic::normal_matrix;
use scn_solvers::{
    Admm, Auto, CoordinateDescent, Fista, Ista, Lars, Settings, Sign, Solver, Start, encode,
};

/// Returns every solver for the linear systems, with nearly full precision.
fn masked_solvers() -> [Box<dyn MaskedSolver<f64>>; 5] {
    point::masked_solvers(Settings::new(1e-13, 10_000).unwrap())
}

fn sign() -> impl Strategy<Value = Sign> {
    prop_oneof![Just(Sign::NonNegative), Just(Sign::Free)]
}

/// Distance from a kink below which no differences are taken: the step is 1e-5, and a point moves
/// by a moderate multiple of the step.
const MARGIN: f64 = 1e-3;
const STEP: f64 = 1e-5;

/// Central differences err by `h²/6` times the third derivative and by `ε/h` times the loss: here
/// about 1e-10 and 1e-11, times constants that grow with the condition number of `H_LL`. 1e-6
/// relative to the largest entry leaves room for that, but not for a wrong term.
const DIFFERENCE_TOLERANCE: f64 = 1e-6;

fn check_direction(
    point: &Point,
    what: &str,
    analytic: f64,
    size: f64,
    nudge: impl Fn(&mut Point, f64),
) -> Result<(), TestCaseError> {
    let at = |step: f64| {
        let mut moved = point.clone();
        nudge(&mut moved, step);
        moved.loss()
    };
    let difference = (at(STEP) - at(-STEP)) / (2.0 * STEP);
    let epsilon = DIFFERENCE_TOLERANCE * size.max(1.0);
    prop_assert!(
        abs_diff_eq!(difference, analytic, epsilon = epsilon),
        "{what}: analytic {analytic}, difference {difference}"
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn central_differences(
        m in 2usize..12, n in 1usize..12, columns in 1usize..4, lambda2 in 0.05f64..0.5, sign in sign(), seed in 0u64..10_000,
    ) {
        let point = Point::random(m, n, columns, lambda2, sign, seed);
        prop_assume!(point.margin() > MARGIN);
        for solver in masked_solvers() {
            let (gradients, signal_gradient) = point.gradients(&*solver);

            let direction = normal_matrix::<f64>(m, n, seed + 10);
            let analytic = inner(gradients.dictionary.as_ref(), direction.as_ref());
            let size = gradients.dictionary.norm_l2() * direction.norm_l2();
            check_direction(&point, "dictionary", analytic, size, |p, h| p.dictionary += faer::Scale(h) * &direction)?;

            let direction = normal_matrix::<f64>(m, columns, seed + 11);
            let analytic = inner(signal_gradient.as_ref(), direction.as_ref());
            let size = signal_gradient.norm_l2() * direction.norm_l2();
            check_direction(&point, "signals", analytic, size, |p, h| p.signals += faer::Scale(h) * &direction)?;

            for j in 0..n {
                let analytic = gradients.lambda1[j];
                check_direction(&point, "lambda1", analytic, analytic.abs(), |p, h| p.lambda1[j] += h)?;
            }
            let shared = gradients.shared_lambda1();
            check_direction(&point, "shared lambda1", shared, shared.abs(), |p, h| {
                p.lambda1.iter_mut().for_each(|value| *value += h);
            })?;
            let analytic = gradients.lambda2;
            check_direction(&point, "lambda2", analytic, analytic.abs(), |p, h| p.lambda2 += h)?;
        }
    }

    /// Tests `<u, J v> = <J' u, v>` for every direction v, with every solver for the two systems.
    #[test]
    fn the_vjp_is_the_transposed_jvp(
        m in 2usize..12, n in 1usize..12, columns in 1usize..60, lambda2 in 0.05f64..0.5, sign in sign(), seed in 0u64..10_000,
    ) {
        let point = Point::random(m, n, columns, lambda2, sign, seed);
        let directions = (
            normal_matrix::<f64>(m, n, seed + 10),
            normal_matrix::<f64>(m, columns, seed + 11),
            normal_matrix::<f64>(n, 1, seed + 12),
        );
        let lambda1: Vec<f64> = directions.2.col(0).iter().copied().collect();
        let tangent = Tangent {
            dictionary: Some(directions.0.as_ref()),
            signals: Some(directions.1.as_ref()),
            lambda1: Some(&lambda1),
            lambda2: 0.7,
        };
        for solver in masked_solvers() {
            let pushed = inner(point.push(&*solver, &tangent).as_ref(), point.cotangent.as_ref());
            let (gradients, signal_gradient) = point.gradients(&*solver);
            let parts = [
                inner(gradients.dictionary.as_ref(), directions.0.as_ref()),
                inner(signal_gradient.as_ref(), directions.1.as_ref()),
                gradients.lambda1.iter().zip(&lambda1).map(|(a, b)| a * b).sum(),
                0.7 * gradients.lambda2,
            ];
            let pulled: f64 = parts.iter().sum();
            // Sums of up to m n + m P terms. Both sides contain an error of y: 1e-13 of the largest
            // u times the condition number of H_LL.
            let size = parts.iter().map(|part: &f64| part.abs()).sum::<f64>().max(point.cotangent.norm_l2());
            let epsilon = 1e-12 * size.max(1.0);
            prop_assert!(abs_diff_eq!(pushed, pulled, epsilon = epsilon), "{}: {pushed} {pulled}", solver.name());
        }
    }

    /// Compares the JVP with central differences of the codes.
    #[test]
    fn the_jvp_is_the_difference(
        m in 2usize..10, n in 1usize..10, columns in 1usize..4, lambda2 in 0.05f64..0.5, sign in sign(), seed in 0u64..10_000,
    ) {
        let point = Point::random(m, n, columns, lambda2, sign, seed);
        prop_assume!(point.margin() > MARGIN);
        let dictionary = normal_matrix::<f64>(m, n, seed + 10);
        let signals = normal_matrix::<f64>(m, columns, seed + 11);
        let lambda1 = vec![1.0; n];
        let tangent = Tangent {
            dictionary: Some(dictionary.as_ref()),
            signals: Some(signals.as_ref()),
            lambda1: Some(&lambda1),
            lambda2: 0.5,
        };
        let at = |step: f64| {
            let mut moved = point.clone();
            moved.dictionary += faer::Scale(step) * &dictionary;
            moved.signals += faer::Scale(step) * &signals;
            moved.lambda1.iter_mut().for_each(|value| *value += step);
            moved.lambda2 += 0.5 * step;
            moved.codes()
        };
        // Along such a direction the active set may change, however far the point is from a kink.
        let active = |codes: &Mat<f64>| Mat::from_fn(n, columns, |i, k| f64::from(u8::from(codes[(i, k)] != 0.0)));
        let (ahead, behind) = (at(STEP), at(-STEP));
        prop_assume!(active(&ahead) == active(&behind));
        let difference = (ahead - behind) * faer::Scale(0.5 / STEP);
        let found = point.push(&MaskedCholesky, &tangent);
        let error = (&difference - &found).norm_max();
        prop_assert!(error <= DIFFERENCE_TOLERANCE * found.norm_max().max(1.0), "{error}");
    }

    /// The derivative does not depend on the solver of the codes, up to their accuracy.
    #[test]
    fn every_forward_solver_gives_the_same_gradient(
        m in 3usize..10, n in 2usize..10, sign in sign(), seed in 0u64..10_000,
    ) {
        let point = Point::random(m, n, 5, 0.2, sign, seed);
        prop_assume!(point.margin() > MARGIN);
        let (expected, _) = point.gradients(&MaskedCholesky);
        let settings = Settings::new(1e-13, 100_000).unwrap();
        let solvers: [Box<dyn Solver<f64>>; 6] = [
            Box::new(Auto::new(settings)),
            Box::new(CoordinateDescent::new(settings)),
            Box::new(Fista::new(settings)),
            Box::new(Ista::new(settings)),
            Box::new(Admm::new(settings)),
            Box::new(Lars::new(settings)),
        ];
        let problem = point.problem();
        let signals = point.signals.as_ref();
        for forward in &solvers {
            let mut codes = Mat::zeros(n, 5);
            let report = encode(&**forward, &problem, &signals, codes.as_mut(), Start::Zero).unwrap();
            prop_assert!(report.residual <= 1e-13, "{}: {report:?}", forward.name());
            let linearization = Linearization::new(&problem, &signals, codes.as_ref()).unwrap();
            for masked in masked_solvers() {
                let mut gradients = Gradients::zeros(&problem);
                let report = linearization.vjp(&*masked, point.cotangent.as_ref(), &mut gradients, None).unwrap();
                prop_assert!(report.converged());
                // KKT residuals of 1e-13 change codes by that times the condition number of H_LL,
                // below 60 here, and gradients by as much again.
                let error = (&gradients.dictionary - &expected.dictionary).norm_max();
                prop_assert!(
                    error <= 1e-9 * expected.dictionary.norm_max().max(1.0),
                    "{} {}: {error}", forward.name(), masked.name()
                );
            }
        }
    }

    /// Compares with proximal gradient descent, run to convergence and differentiated step by step
    /// in reverse.
    #[test]
    fn unrolled(m in 2usize..8, n in 1usize..8, lambda2 in 0.1f64..0.5, sign in sign(), seed in 0u64..10_000) {
        let point = Point::random(m, n, 1, lambda2, sign, seed);
        prop_assume!(point.margin() > MARGIN);
        let (gradients, signal_gradient) = point.gradients(&MaskedCholesky);
        let unrolled = Unrolled::differentiate(&point);
        // After k steps the error of the iteration is (1 - λ2/L)^k < 1e-12 at the k chosen; sums of
        // k terms add k ε.
        let close = |a: f64, b: f64, size: f64| abs_diff_eq!(a, b, epsilon = 1e-8 * size.max(1.0));
        for j in 0..n {
            for i in 0..m {
                let size = gradients.dictionary.norm_max();
                prop_assert!(close(gradients.dictionary[(i, j)], unrolled.dictionary[(i, j)], size));
            }
            prop_assert!(close(gradients.lambda1[j], unrolled.lambda1[j], 1.0));
        }
        for i in 0..m {
            prop_assert!(close(signal_gradient[(i, 0)], unrolled.signal[i], signal_gradient.norm_max()));
        }
        prop_assert!(close(gradients.lambda2, unrolled.lambda2, 1.0));
    }

    /// In f32, sweeps and exact solves differ by rounding times the condition number of H_LL, at
    /// most `(1 + coherence n + λ2)/λ2 < 60` here.
    #[test]
    fn masked_solvers_agree_in_single_precision(n in 1usize..20, columns in 1usize..60, seed in 0u64..10_000) {
        let point = Point::random(n + 4, n, columns, 0.1, Sign::NonNegative, seed);
        let codes = point.codes();
        let single = |matrix: &Mat<f64>| Mat::from_fn(matrix.nrows(), matrix.ncols(), |i, j| matrix[(i, j)] as f32);
        let (dictionary, signals, codes) = (single(&point.dictionary), single(&point.signals), single(&codes));
        let problem = scn_solvers::Problem::new(
            dictionary.as_ref(), scn_solvers::ElasticNet::nonnegative(0.2, 0.1)).unwrap();
        let signals = signals.as_ref();
        let linearization = Linearization::new(&problem, &signals, codes.as_ref()).unwrap();
        let cotangent = single(&point.cotangent);
        let solve = |solver: &dyn MaskedSolver<f32>| {
            let mut gradients = Gradients::zeros(&problem);
            let mut out = Mat::zeros(n + 4, columns);
            let report = linearization.vjp(solver, cotangent.as_ref(), &mut gradients, Some(out.as_mut())).unwrap();
            assert!(report.converged());
            out
        };
        let exact = solve(&MaskedCholesky);
        let settings = Settings::new(1e-6, 500).unwrap();
        let bound = 60.0 * (1e-6 + n as f32 * f32::EPSILON) * cotangent.norm_max() * n as f32;
        for solver in [
            &MaskedGaussSeidel::new(settings) as &dyn MaskedSolver<f32>,
            &MaskedConjugateGradient::new(settings),
            &MaskedConjugateGradient::with_symmetric_gauss_seidel(settings),
            &MaskedAuto::new(settings),
        ] {
            let error = (&exact - solve(solver)).norm_max();
            prop_assert!(error <= bound, "{}: {error} > {bound}", solver.name());
        }
    }
}

/// Gradients of `sum cotangent . a_k`, with `a_{k+1} = prox(a_k - (H a_k - c)/L)`, by going back
/// through the steps. `L` is held fixed: at the fixed point its derivative has no effect.
struct Unrolled {
    dictionary: Mat<f64>,
    signal: Vec<f64>,
    lambda1: Vec<f64>,
    lambda2: f64,
}

impl Unrolled {
    fn differentiate(point: &Point) -> Self {
        let problem = point.problem();
        let (m, n) = (problem.rows(), problem.atoms());
        let (gram, dictionary) = (problem.gram(), problem.dictionary());
        let lipschitz = problem.lipschitz();
        let steps = (30.0 * lipschitz / point.lambda2).ceil() as usize;
        let signal: Vec<f64> = (0..m).map(|i| point.signals[(i, 0)]).collect();
        let correlations: Vec<f64> = (0..n)
            .map(|j| (0..m).map(|i| dictionary[(i, j)] * signal[i]).sum())
            .collect();

        let mut trace = vec![vec![0.0; n]];
        for k in 0..steps {
            let code = &trace[k];
            let next = (0..n).map(|j| {
                let g = (0..n).map(|q| gram[(j, q)] * code[q]).sum::<f64>() - correlations[j];
                let free = code[j] - g / lipschitz;
                let threshold = point.lambda1[j] / lipschitz;
                let above = (free - threshold).max(0.0);
                if point.sign == Sign::Free {
                    above + (free + threshold).min(0.0)
                } else {
                    above
                }
            });
            let next = next.collect();
            trace.push(next);
        }

        let mut adjoint: Vec<f64> = (0..n).map(|j| point.cotangent[(j, 0)]).collect();
        let mut correlation_gradient = vec![0.0; n];
        let mut gram_gradient = Mat::<f64>::zeros(n, n);
        let mut lambda1 = vec![0.0; n];
        for k in (0..steps).rev() {
            for j in 0..n {
                let next = trace[k + 1][j];
                let sign = if next == 0.0 { 0.0 } else { next.signum() };
                adjoint[j] *= sign.abs();
                lambda1[j] -= sign * adjoint[j] / lipschitz;
                correlation_gradient[j] += adjoint[j] / lipschitz;
                for q in 0..n {
                    gram_gradient[(j, q)] -= adjoint[j] * trace[k][q] / lipschitz;
                }
            }
            adjoint = (0..n)
                .map(|q| {
                    adjoint[q] - (0..n).map(|j| adjoint[j] * gram[(j, q)]).sum::<f64>() / lipschitz
                })
                .collect();
        }
        let symmetric = &gram_gradient + gram_gradient.transpose();
        let mut dictionary_gradient = dictionary * &symmetric;
        for j in 0..n {
            for i in 0..m {
                dictionary_gradient[(i, j)] += signal[i] * correlation_gradient[j];
            }
        }
        Self {
            dictionary: dictionary_gradient,
            signal: (0..m)
                .map(|i| {
                    (0..n)
                        .map(|j| dictionary[(i, j)] * correlation_gradient[j])
                        .sum()
                })
                .collect(),
            lambda1,
            lambda2: (0..n).map(|j| gram_gradient[(j, j)]).sum(),
        }
    }
}

/// The gradient of a batch is the sum over its columns, and is added to the existing values.
#[test]
fn batches_add_up() {
    let point = Point::random(9, 7, 50, 0.1, Sign::NonNegative, 5);
    let (whole, signal_gradient) = point.gradients(&MaskedCholesky);
    let problem = point.problem();
    let codes = point.codes();
    let mut summed = Gradients::zeros(&problem);
    for k in 0..50 {
        let signal = point.signals.as_ref().subcols(k, 1);
        let linearization =
            Linearization::new(&problem, &signal, codes.as_ref().subcols(k, 1)).unwrap();
        let mut out = Mat::zeros(9, 1);
        let cotangent = point.cotangent.as_ref().subcols(k, 1);
        let report = linearization
            .vjp(&MaskedCholesky, cotangent, &mut summed, Some(out.as_mut()))
            .unwrap();
        assert!(report.converged());
        let rounding = 1e3 * f64::EPSILON * signal_gradient.norm_max();
        assert!((out.as_ref() - signal_gradient.as_ref().subcols(k, 1)).norm_max() <= rounding);
    }
    // Sums of 50 terms in a different order.
    let rounding = 1e3 * f64::EPSILON * whole.dictionary.norm_max();
    assert!((&summed.dictionary - &whole.dictionary).norm_max() <= rounding);
    assert_abs_diff_eq!(summed.lambda2, whole.lambda2, epsilon = rounding);
}

/// Results are bit-identical for any number of threads, on a batch of several tasks.
#[test]
fn threads_do_not_change_a_bit() {
    let problem = Point::random(600, 20, 1, 0.1, Sign::NonNegative, 1).problem();
    let signals = normal_matrix::<f64>(600, 700, 8);
    let signals = signals.as_ref();
    let mut codes = Mat::zeros(20, 700);
    let solver = CoordinateDescent::new(Settings::default());
    assert!(
        encode(&solver, &problem, &signals, codes.as_mut(), Start::Zero)
            .unwrap()
            .converged()
    );
    let cotangent = normal_matrix::<f64>(20, 700, 9);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let point = Linearization::new(&problem, &signals, codes.as_ref()).unwrap();
            let mut gradients = Gradients::zeros(&problem);
            let mut out = Mat::zeros(600, 700);
            let report = point
                .vjp(
                    &MaskedAuto::default(),
                    cotangent.as_ref(),
                    &mut gradients,
                    Some(out.as_mut()),
                )
                .unwrap();
            (gradients, out, report)
        })
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(5));
}
