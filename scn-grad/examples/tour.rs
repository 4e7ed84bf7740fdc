//! A sparse code, its certificate and its derivatives, as in `docs/tour.md`.
//!
//!     cargo run --release -p scn-grad --example tour

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use faer::{Mat, mat};
use scn_grad::{Gradients, Linearization, MaskedCholesky};
use scn_solvers::{Auto, ElasticNet, Problem, Settings, Start, certify_columns, encode};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Three atoms of length 2, one per column, and a signal.
    let dictionary: Mat<f64> = mat![[1.0, 0.6, 0.0], [0.0, 0.8, 1.0]];
    let signal = mat![[2.0], [1.0]];
    let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.1, 0.0))?;

    // Its code.
    let mut code = Mat::zeros(3, 1);
    let solver = Auto::new(Settings::new(1e-9, 1000)?);
    let report = encode(&solver, &problem, &signal, code.as_mut(), Start::Zero)?;
    println!(
        "{} after {} passes: {:.4?}",
        report.status,
        report.passes,
        code.col(0)
    );

    // Its certificate, computed from the code alone, whichever solver found it.
    let certificate = certify_columns(&problem, &signal, code.as_ref())?[0];
    println!(
        "KKT residual {:.0e}, duality gap {:.0e}",
        certificate.residual, certificate.duality_gap
    );
    println!("margin {:.4}", certificate.margin);

    // The derivatives of the first entry of the code.
    let point = Linearization::new(&problem, &signal, code.as_ref())?;
    let cotangent = mat![[1.0], [0.0], [0.0]];
    let mut gradients = Gradients::zeros(&problem);
    let mut signal_gradient = Mat::zeros(2, 1);
    let adjoint = point.vjp(
        &MaskedCholesky,
        cotangent.as_ref(),
        &mut gradients,
        Some(signal_gradient.as_mut()),
    )?;
    assert!(adjoint.converged());
    println!("with respect to the signal: {:.4?}", signal_gradient.col(0));
    println!("with respect to λ1: {:.4}", gradients.shared_lambda1());
    println!(
        "with respect to the dictionary: {:.4?}",
        gradients.dictionary
    );
    Ok(())
}
