//! Follows the regularisation path of one signal: which atoms become active as λ1 falls.
//!
//!     cargo run --release -p scn-solvers --features synthetic --example path

use faer::Mat;
use scn_solvers::certificate::correlations;
use scn_solvers::synthetic::dictionary;
use scn_solvers::{ElasticNet, Problem, path};

#[expect(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A signal made of atoms 3, 8 and 15, plus a little of all others.
    let dictionary = dictionary::<f64>(40, 20, 0.1, 1);
    let made_of = Mat::from_fn(20, 1, |j, _| match j {
        3 => 2.0,
        8 => -1.5,
        15 => 1.0,
        _ => 0.02,
    });
    let signal: Vec<f64> = (&dictionary * &made_of).col(0).iter().copied().collect();

    let problem = Problem::new(dictionary.as_ref(), ElasticNet::signed(0.0, 1e-3))?;
    let path = path(&problem, &correlations(&problem, &signal), 1000)?;
    println!(
        "{} breakpoints; the first of them:",
        path.breakpoints().len()
    );
    for point in path.breakpoints().iter().take(8) {
        let active = point.code.iter().enumerate().filter(|(_, a)| **a != 0.0);
        let atoms: Vec<String> = active.map(|(j, a)| format!("{j}: {a:+.2}")).collect();
        println!("lambda1 = {:.3}   {}", point.t, atoms.join("  "));
    }
    Ok(())
}
