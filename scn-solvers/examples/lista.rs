//! Compares the gap of learned ISTA before and after training, on held-out signals, with coordinate
//! descent at the same number of products with n × n matrices.
//!
//!     cargo run --release -p scn-solvers --features synthetic --example lista

#![allow(clippy::print_stdout, reason = "an example shows its result")]

use faer::{Mat, MatRef};
use scn_solvers::synthetic::Workload;
use scn_solvers::{
    CoordinateDescent, ElasticNet, Lista, ListaTraining, Problem, Settings, Start,
    encode_correlations,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let work = Workload::<f64>::new((36, 24), 5000, 0.0, Some(0.25), 1);
    let penalty = ElasticNet::nonnegative(work.lambda1, work.lambda2);
    let problem = Problem::new(work.dictionary.as_ref(), penalty)?;
    let correlations = work.dictionary.transpose() * &work.signals;
    let (known, held_out) = correlations.as_ref().split_at_col(4000);

    println!(
        "fraction of the way from the zero code to the optimum that is left; 36 x 24, a quarter active\n"
    );
    println!(
        "layers   ISTA      LISTA     coordinate descent, twice as many sweeps: largest KKT residual"
    );
    for layers in [1, 2, 4, 8] {
        let mut lista = Lista::new(&problem, layers, Settings::default());
        let untrained = lista.gap(&problem, held_out)?;
        lista.train(&problem, known, &ListaTraining::default(), &mut |_| ())?;
        let trained = lista.gap(&problem, held_out)?;
        let (gap, residual) = sweeps(&problem, held_out, 2 * layers as u32)?;
        println!("{layers:>6}   {untrained:.1e}   {trained:.1e}   {gap:.1e}: {residual:.1e}");
    }
    Ok(())
}

/// Returns the gap after `count` sweeps, as [`Lista::gap`], and the largest KKT residual.
fn sweeps(
    problem: &Problem<f64>,
    correlations: MatRef<'_, f64>,
    count: u32,
) -> Result<(f64, f64), Box<dyn std::error::Error>> {
    let value = |max_passes: u32| -> Result<(f64, f64), Box<dyn std::error::Error>> {
        let solver = CoordinateDescent::new(Settings::new(1e-10, max_passes)?);
        let mut codes = Mat::zeros(problem.atoms(), correlations.ncols());
        let report =
            encode_correlations(&solver, problem, correlations, codes.as_mut(), Start::Zero)?;
        let fitted = problem.gram() * &codes;
        let mut sum = 0.0;
        for k in 0..codes.ncols() {
            for j in 0..codes.nrows() {
                let pull = 0.5 * fitted[(j, k)] - correlations[(j, k)] + problem.lambda1()[j];
                sum += codes[(j, k)] * pull;
            }
        }
        Ok((sum, report.residual))
    };
    let ((reached, residual), (best, _)) = (value(count)?, value(10_000)?);
    Ok(((reached - best) / -best, residual))
}
