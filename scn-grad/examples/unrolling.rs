//! Measures the cost and the error of differentiating codes through the iterations that computed
//! them, compared with the implicit adjoint.
//!
//! Both compute `dLoss/dD` and `dLoss/dx` of `Loss = sum of u_j a_j` over the codes `a` of 2,000
//! signals.
//!
//! Unrolling runs K steps of FISTA, keeps the iterates, and goes back through them. With
//! `H = D'D + λ2 I`, `c = D'x` and the step size t = 1/L, held fixed,
//!
//! ```text
//! z_k = a_{k-1} + β_k (a_{k-1} - a_{k-2}),   a_k = max(0, z_k - t (H z_k - c + λ1))
//!
//! backwards, with g the adjoint of a_k where a_k > 0 and 0 elsewhere:
//! adjoint of z_k = g - t H g,   adjoint of c += t g,   adjoint of H -= t g z_k'
//! ```
//!
//! The implicit adjoint solves one linear system per column at the solved code, and keeps only the
//! code.
//!
//! Errors are relative, in the Frobenius norm, against the derivative at f64 codes that are exact
//! up to rounding. Times are for codes and derivative together, the best of five. *Stored* is what
//! a network would keep until its loss is known: all K iterates of all columns, or the codes.
//!
//!     cargo run --release -p scn-grad --example unrolling

use std::error::Error;
use std::time::Instant;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par, unzip, zip};
use rayon::prelude::*;
use scn_grad::{Gradients, Linearization, MaskedAuto, MaskedCholesky, MaskedSolver};
use scn_solvers::synthetic::{Workload, normal_matrix};
use scn_solvers::{ActiveSet, Auto, ElasticNet, Problem, Scalar, Settings, Solver, Start, encode};

const ROWS: usize = 144;
const ATOMS: usize = 64;
const COLUMNS: usize = 2000;

/// `dLoss/dD` (m × n) and `dLoss/dx` (m × P).
type Derivative<T> = (Mat<T>, Mat<T>);

#[expect(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn Error>> {
    let work = Workload::<f32>::new((ROWS, ATOMS), COLUMNS, 0.0, Some(0.25), 1);
    let (signals, cotangent) = (&work.signals, &normal_matrix(ATOMS, COLUMNS, 9));
    let penalty = ElasticNet::nonnegative(work.lambda1, work.lambda2);
    let problem = Problem::new(work.dictionary.as_ref(), penalty)?;

    // The same numbers in f64, hence the same problem.
    let wide = |matrix: &Mat<f32>| {
        Mat::from_fn(matrix.nrows(), matrix.ncols(), |i, j| {
            f64::from(matrix[(i, j)])
        })
    };
    let wide_penalty = ElasticNet::nonnegative(work.lambda1.into(), work.lambda2.into());
    let exact = implicit(
        &Problem::new(wide(&work.dictionary).as_ref(), wide_penalty)?,
        &wide(signals),
        &wide(cotangent),
        &ActiveSet::new(Settings::new(1e-12, 1000)?),
        &MaskedCholesky,
    )?;

    let threads = rayon::current_num_threads();
    println!("{ROWS} x {ATOMS}, {COLUMNS} columns, a quarter active, f32, {threads} threads\n");
    println!("                     error of dLoss/dD  of dLoss/dx  stored, MiB     ms");
    let line = |name: String, stored: usize, ((dictionary, signals), seconds)| {
        let error = |found, exact: &Mat<f64>| (wide(found) - exact).norm_l2() / exact.norm_l2();
        println!(
            "{name:<20} {:>17.1e}  {:>11.1e}  {:>11.1}  {:>5.1}",
            error(&dictionary, &exact.0),
            error(&signals, &exact.1),
            (stored * size_of::<f32>()) as f64 / f64::from(1 << 20),
            1e3 * seconds,
        );
    };
    for steps in [10, 20, 50, 100, 200] {
        let found = timed(|| Ok(unrolled(&problem, signals, cotangent, steps)))?;
        let name = format!("unrolled, K = {steps}");
        line(name, steps * ATOMS * COLUMNS, found);
    }
    for tolerance in [1e-2, 1e-3, 1e-4, 1e-5, 1e-6] {
        let settings = Settings::new(tolerance, 1000)?;
        let (solver, adjoint) = (Auto::new(settings), MaskedAuto::new(settings));
        let found = timed(|| implicit(&problem, signals, cotangent, &solver, &adjoint))?;
        line(
            format!("implicit, to {tolerance:.0e}"),
            ATOMS * COLUMNS,
            found,
        );
    }
    Ok(())
}

/// Runs five times; returns the result and the seconds of the fastest run.
fn timed<R>(run: impl Fn() -> Result<R, Box<dyn Error>>) -> Result<(R, f64), Box<dyn Error>> {
    let once = || {
        let start = Instant::now();
        run().map(|result| (result, start.elapsed().as_secs_f64()))
    };
    let mut best = once()?;
    for _ in 1..5 {
        best.1 = once()?.1.min(best.1);
    }
    Ok(best)
}

/// Returns the derivative through the optimality conditions.
fn implicit<T: Scalar>(
    problem: &Problem<T>,
    signals: &Mat<T>,
    cotangent: &Mat<T>,
    solver: &dyn Solver<T>,
    adjoint: &dyn MaskedSolver<T>,
) -> Result<Derivative<T>, Box<dyn Error>> {
    let mut codes = Mat::zeros(ATOMS, COLUMNS);
    let report = encode(solver, problem, signals, codes.as_mut(), Start::Zero)?;
    let mut gradients = Gradients::zeros(problem);
    let mut by_signals = Mat::zeros(ROWS, COLUMNS);
    let adjoint_report = Linearization::new(problem, signals, codes.as_ref())?.vjp(
        adjoint,
        cotangent.as_ref(),
        &mut gradients,
        Some(by_signals.as_mut()),
    )?;
    if !(report.converged() && adjoint_report.converged()) {
        return Err("codes or adjoint did not converge".into());
    }
    Ok((gradients.dictionary, by_signals))
}

/// Returns the derivative through K steps of FISTA (Beck, Teboulle, SIAM J. Imaging Sciences 2
/// (2009)) from zero.
fn unrolled(
    problem: &Problem<f32>,
    signals: &Mat<f32>,
    cotangent: &Mat<f32>,
    steps: usize,
) -> Derivative<f32> {
    let next = |s: f32| (1.0 + (1.0 + 4.0 * s * s).sqrt()) / 2.0;
    let lengths = std::iter::successors(Some(1.0), |&s| Some(next(s)));
    let factors = lengths.map(|s| (s - 1.0) / next(s));
    let momentum: Vec<f32> = std::iter::once(0.0).chain(factors).take(steps).collect();

    // Few columns at a time keep an iterate in the L1 cache: the best case for unrolling.
    let tasks: Vec<_> = (0..COLUMNS).step_by(50).collect();
    let adjoints: Vec<(Mat<f32>, Mat<f32>)> = tasks
        .par_iter()
        .map(|&first| {
            let signals = signals.subcols(first, 50);
            let cotangent = cotangent.subcols(first, 50).to_owned();
            unrolled_columns(problem, signals, cotangent, &momentum)
        })
        .collect();

    let mut by_gram = Mat::<f32>::zeros(ATOMS, ATOMS);
    let mut by_correlations = Mat::zeros(ATOMS, COLUMNS);
    for (&first, (gram, correlations)) in tasks.iter().zip(&adjoints) {
        by_gram += gram;
        by_correlations
            .subcols_mut(first, 50)
            .copy_from(correlations);
    }
    // D enters through H = D'D + λ2 I and c = D'x.
    let symmetric = &by_gram + by_gram.transpose();
    let by_dictionary = problem.dictionary() * symmetric + signals * by_correlations.transpose();
    (by_dictionary, problem.dictionary() * by_correlations)
}

/// Returns the adjoints of `H` and `c` for some columns.
fn unrolled_columns(
    problem: &Problem<f32>,
    signals: MatRef<'_, f32>,
    cotangent: Mat<f32>,
    momentum: &[f32],
) -> (Mat<f32>, Mat<f32>) {
    let (step, lambda1) = (1.0 / problem.lipschitz(), problem.lambda1()[0]);
    let zeros = || Mat::<f32>::zeros(ATOMS, signals.ncols());
    let correlations = problem.dictionary().transpose() * signals;

    // `iterates[k + 1]` is a_k; the first two are a_{-1} and a_0.
    let mut iterates = vec![zeros(), zeros()];
    let extrapolated = |iterates: &[Mat<f32>], k: usize| {
        let mut point = iterates[k].clone();
        zip!(&mut point, &iterates[k - 1])
            .for_each(|unzip!(z, before)| *z += momentum[k - 1] * (*z - before));
        point
    };
    for k in 1..=momentum.len() {
        let point = extrapolated(&iterates, k);
        let mut code = point.clone();
        add_product(&mut code, -step, problem.gram(), point.as_ref());
        zip!(&mut code, &correlations)
            .for_each(|unzip!(a, c)| *a = (*a + step * (c - lambda1)).max(0.0));
        iterates.push(code);
    }

    let (mut by_gram, mut by_correlations) = (Mat::zeros(ATOMS, ATOMS), zeros());
    // The adjoint of a_k, and the part of that of a_{k-1} that is known so far.
    let (mut adjoint, mut earlier) = (cotangent, zeros());
    for k in (1..=momentum.len()).rev() {
        zip!(&mut adjoint, &iterates[k + 1])
            .for_each(|unzip!(g, a)| *g = if *a > 0.0 { *g } else { 0.0 });
        let point = extrapolated(&iterates, k);
        add_product(&mut by_gram, -step, adjoint.as_ref(), point.transpose());
        let mut by_point = adjoint.clone();
        add_product(&mut by_point, -step, problem.gram(), adjoint.as_ref());
        let momentum = momentum[k - 1];
        zip!(&mut by_correlations, &mut adjoint, &mut earlier, &by_point).for_each(
            |unzip!(c, g, earlier, z)| {
                *c += step * *g;
                *g = *earlier + (1.0 + momentum) * z;
                *earlier = -momentum * z;
            },
        );
    }
    (by_gram, by_correlations)
}

/// Computes `into += factor * left * right`.
fn add_product(into: &mut Mat<f32>, factor: f32, left: MatRef<'_, f32>, right: MatRef<'_, f32>) {
    matmul(into.as_mut(), Accum::Add, left, right, factor, Par::Seq);
}
