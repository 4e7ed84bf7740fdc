//! Solves for the codes of a batch of signals and certifies them.
//!
//!     cargo run --release -p scn-solvers --features synthetic --example encode

use faer::Mat;
use scn_solvers::synthetic::{dictionary, normal_matrix};
use scn_solvers::{Auto, ElasticNet, Problem, Settings, Start, certify, encode};

#[expect(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    // 64 unit-norm atoms of length 144, and 20,000 signals, one per column.
    let dictionary = dictionary::<f32>(144, 64, 0.0, 1);
    let signals = normal_matrix::<f32>(144, 20_000, 2);

    let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.5, 1e-3))?;
    let solver = Auto::new(Settings::new(1e-5, 1000)?);
    let mut codes = Mat::zeros(64, 20_000);
    let report = encode(&solver, &problem, &signals, codes.as_mut(), Start::Zero)?;
    let certificate = certify(&problem, &signals, codes.as_ref())?;

    println!(
        "{}: {:.1} passes per column",
        report.status,
        report.mean_passes()
    );
    println!(
        "{:.1} % of the codes are active",
        100.0 * certificate.active
    );
    println!(
        "KKT residual {:.1e}, relative duality gap {:.1e}",
        certificate.residual, certificate.duality_gap
    );
    Ok(())
}
