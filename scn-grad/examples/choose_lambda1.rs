//! Chooses λ1 by the derivative of a validation loss, and compares with a grid search.
//!
//! Noisy images of digits `x = s + noise` are encoded over a dictionary of other digits, and `D a`
//! is the denoised image. The loss is the remaining error on images kept for validation,
//!
//! ```text
//! a        = argmin over a >= 0 of 1/2 ||x - D a||² + λ1 sum a_j + λ2/2 ||a||²
//! Loss(λ1) = 1/(2P) sum ||s - D a||²
//! dLoss/da = D'(D a - s) / P,   from which the adjoint computes dLoss/dλ1
//! ```
//!
//! The minimum is where the slope `dLoss/dlog λ1 = λ1 dLoss/dλ1` is zero. The secant method looks
//! for it: log λ1 moves to the zero of the line through the last two slopes, λ1 by a factor of four
//! at most. Last comes what no grid could do: one λ1 per atom, 128 in all, by gradient descent on
//! their logarithms from the λ1 just found.
//!
//! The adjoint systems are factorised. Digits overlap, so atoms are far from orthogonal and
//! Gauss-Seidel is slow; few atoms are active at a time, so factorisations are cheap.
//!
//!     cargo run --release -p scn-grad --example choose_lambda1

use std::error::Error;
use std::ops::Range;
use std::path::Path;
use std::time::Instant;

use faer::{Mat, MatRef, Scale};
use scn_data::{DatasetName, ImageSet};
use scn_grad::{Gradients, Linearization, MaskedCholesky};
use scn_solvers::synthetic::normal_matrix;
use scn_solvers::{Auto, ElasticNet, Lambda1, Problem, Settings, Start};
use scn_solvers::{encode, encode_grid, lambda1_grid};

const PIXELS: usize = 64;
const ATOMS: usize = 128;
const LAMBDA2: f64 = 1e-3;
const DESCENT_STEPS: usize = 30;
const DESCENT_RATE: f64 = 50.0;

/// Images without and with noise, one per column.
struct Pictures {
    clean: Mat<f64>,
    noisy: Mat<f64>,
}

impl Pictures {
    /// Takes pixels from 0 to 1, and adds normal noise of standard deviation 1/4.
    fn new(images: &ImageSet, range: Range<usize>, seed: u64) -> Self {
        let mut clean = Mat::zeros(PIXELS, range.len());
        for (k, image) in range.clone().enumerate() {
            for (entry, pixel) in clean
                .col_mut(k)
                .iter_mut()
                .zip(images.image(image).values())
            {
                *entry = f64::from(pixel / images.brightest());
            }
        }
        let noise = normal_matrix::<f64>(PIXELS, range.len(), seed) * Scale(0.25);
        let noisy = &clean + noise;
        Self { clean, noisy }
    }

    fn len(&self) -> usize {
        self.clean.ncols()
    }

    /// Returns the loss and dLoss/da.
    fn loss(&self, problem: &Problem<f64>, codes: MatRef<'_, f64>) -> (f64, Mat<f64>) {
        let dictionary = problem.dictionary();
        let error = (dictionary * codes - &self.clean) * Scale(1.0 / self.len() as f64);
        let loss = 0.5 * self.len() as f64 * error.squared_norm_l2();
        (loss, dictionary.transpose() * error)
    }
}

#[expect(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn Error>> {
    let digits = scn_data::open(DatasetName::Digits, Path::new(""))?;
    let mut atoms = Pictures::new(&digits.train, 0..ATOMS, 0).clean;
    for mut atom in atoms.col_iter_mut() {
        let norm = atom.norm_l2();
        atom /= Scale(norm);
    }
    let validation = Pictures::new(&digits.train, ATOMS..digits.train.len(), 1);
    let test = Pictures::new(&digits.test, 0..digits.test.len(), 2);
    let mut problem = Problem::new(atoms.as_ref(), ElasticNet::nonnegative(1.0, LAMBDA2))?;
    let settings = Settings::new(1e-6, 1000)?;

    // From the smallest λ1 that leaves all codes zero to a thousandth of it; each solve starts from
    // the previous codes.
    let start = Instant::now();
    let grid = lambda1_grid(&problem, &validation.noisy, 30, 1e-3)?;
    let mut codes = Mat::zeros(ATOMS, validation.len());
    let mut losses = Vec::new();
    encode_grid(
        &Auto::new(settings),
        &problem,
        &validation.noisy,
        &grid,
        codes.as_mut(),
        &mut |point| losses.push((point.lambda1, validation.loss(&problem, point.codes).0)),
    )?;
    let grid_seconds = start.elapsed().as_secs_f64();
    println!("grid:     lambda1      loss");
    for (lambda1, loss) in &losses {
        println!("         {lambda1:>8.5}  {loss:>8.6}");
    }
    let best = losses.iter().min_by(|a, b| a.1.total_cmp(&b.1));
    let of_grid = best.ok_or("an empty grid")?.0;

    println!("\nsecant:   lambda1      loss  slope / loss");
    let start = Instant::now();
    let mut codes = Mat::zeros(ATOMS, validation.len());
    let mut log = (0.1 * grid[0]).ln();
    let mut before: Option<(f64, f64)> = None;
    let mut secant_solves = 0;
    loop {
        problem.set_lambda1(Lambda1::Scalar(log.exp()))?;
        let (loss, gradient) = differentiate(&problem, &validation, &mut codes, settings)?;
        let slope = log.exp() * gradient.iter().sum::<f64>();
        secant_solves += 1;
        println!(
            "         {:>8.5}  {loss:>8.6}  {:>12.1e}",
            log.exp(),
            slope / loss
        );
        if slope.abs() <= 1e-4 * loss {
            break;
        }
        if secant_solves == 30 {
            return Err("no minimum found".into());
        }
        let curvature = before.map_or(0.0, |(log_before, slope_before)| {
            (slope - slope_before) / (log - log_before)
        });
        before = Some((log, slope));
        // Where the loss is concave there is no minimum to aim at: take the longest step allowed.
        let longest = 4.0_f64.ln();
        log -= if curvature > 0.0 {
            (slope / curvature).clamp(-longest, longest)
        } else {
            longest.copysign(slope)
        };
    }
    let secant_seconds = start.elapsed().as_secs_f64();

    let start = Instant::now();
    let mut logs = vec![log; ATOMS];
    for _ in 0..DESCENT_STEPS {
        problem.set_lambda1(per_atom(&logs))?;
        let (_, gradient) = differentiate(&problem, &validation, &mut codes, settings)?;
        for (log, by_lambda1) in logs.iter_mut().zip(gradient) {
            *log -= DESCENT_RATE * log.exp() * by_lambda1;
        }
    }
    let descent_seconds = start.elapsed().as_secs_f64();

    let none = [&validation, &test]
        .map(|set| 0.5 * (&set.noisy - &set.clean).squared_norm_l2() / set.len() as f64);
    println!("\nloss on                validation      test  solves       s");
    println!("noisy images            {:>9.6}  {:>8.6}", none[0], none[1]);
    for (name, lambda1, solves, seconds) in [
        (
            format!("grid, {of_grid:.5}"),
            Lambda1::Scalar(of_grid),
            grid.len(),
            grid_seconds,
        ),
        (
            format!("secant, {:.5}", log.exp()),
            Lambda1::Scalar(log.exp()),
            secant_solves,
            secant_seconds,
        ),
        (
            "one lambda1 per atom".into(),
            per_atom(&logs),
            DESCENT_STEPS,
            descent_seconds,
        ),
    ] {
        problem.set_lambda1(lambda1)?;
        let (on_validation, _) = differentiate(&problem, &validation, &mut codes, settings)?;
        let mut test_codes = Mat::zeros(ATOMS, test.len());
        let (on_test, _) = differentiate(&problem, &test, &mut test_codes, settings)?;
        println!("{name:<22}  {on_validation:>9.6}  {on_test:>8.6}  {solves:>6}  {seconds:>6.3}");
    }
    Ok(())
}

/// Returns one λ1 per atom, given their logarithms.
fn per_atom(logs: &[f64]) -> Lambda1<f64> {
    Lambda1::PerAtom(logs.iter().map(|log| log.exp()).collect())
}

/// Returns the loss and its derivative with respect to the λ1 of each atom. The solve starts from
/// `codes`.
fn differentiate(
    problem: &Problem<f64>,
    pictures: &Pictures,
    codes: &mut Mat<f64>,
    settings: Settings,
) -> Result<(f64, Vec<f64>), Box<dyn Error>> {
    let solver = Auto::new(settings);
    let report = encode(
        &solver,
        problem,
        &pictures.noisy,
        codes.as_mut(),
        Start::Codes,
    )?;
    let (loss, cotangent) = pictures.loss(problem, codes.as_ref());
    let mut gradients = Gradients::zeros(problem);
    let adjoint_report = Linearization::new(problem, &pictures.noisy, codes.as_ref())?.vjp(
        &MaskedCholesky,
        cotangent.as_ref(),
        &mut gradients,
        None,
    )?;
    if !(report.converged() && adjoint_report.converged()) {
        return Err("codes or adjoint did not converge".into());
    }
    Ok((loss, gradients.lambda1))
}
