//! Shows what safe screening could save: the fraction of atoms that the Gap Safe rule proves
//! inactive after some sweeps, for each column and for all columns of a tile together. A kernel
//! could skip only the latter atoms.
//!
//!     cargo run --release -p scn-solvers --features synthetic --example screening
//!
//! With λ1 > 0, the equivalent lasso has the residual `ρ` with `d_j'ρ = c_j - (H a)_j`, and `sρ` is
//! dual feasible for `s = min(1, λ1 / max_j d_j'ρ)`. Atom j is zero at the optimum if
//! `s d_j'ρ + sqrt(2 gap) sqrt(H_jj) < λ1`: Ndiaye, Fercoq, Gramfort, Salmon, "Gap safe screening
//! rules for sparsity enforcing penalties", J. Machine Learning Research 18 (2017).

use faer::{ColRef, Mat};
use scn_solvers::synthetic::Workload;
use scn_solvers::tile::Real;
use scn_solvers::{Auto, CoordinateDescent, ElasticNet, Problem, Settings, Start, encode};

const COLUMNS: usize = 960;

#[expect(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tile = f32::tile();
    println!("fraction of atoms proved inactive: per column / in all {tile} columns of a tile\n");
    println!("    shape  active  sweeps for 1e-4   after 4          after 8          after 16");
    for shape in [(27, 16), (144, 64), (576, 16), (288, 128)] {
        for active in [0.25, 0.05] {
            let work = Workload::<f64>::new(shape, COLUMNS, 0.0, Some(active), 1);
            let penalty = ElasticNet::nonnegative(work.lambda1, work.lambda2);
            let problem = Problem::new(work.dictionary.as_ref(), penalty)?;
            let mut codes = Mat::zeros(shape.1, COLUMNS);
            let solver = Auto::new(Settings::new(1e-4, 1000)?);
            let report = encode(
                &solver,
                &problem,
                &work.signals,
                codes.as_mut(),
                Start::Zero,
            )?;
            let mut line = format!(
                "{:>9}  {:>4.0} %  {:>15.1}",
                format!("{} x {}", shape.0, shape.1),
                100.0 * active,
                report.mean_passes()
            );
            for sweeps in [4, 8, 16] {
                let solver = CoordinateDescent::new(Settings::new(1e-14, sweeps)?);
                let _ = encode(
                    &solver,
                    &problem,
                    &work.signals,
                    codes.as_mut(),
                    Start::Zero,
                )?;
                let screened: Vec<Vec<bool>> = (0..COLUMNS)
                    .map(|k| proved_inactive(&problem, &work, k, codes.col(k)))
                    .collect();
                let per_column = share(screened.iter().flatten().copied());
                let per_tile = share(screened.chunks(tile).flat_map(|columns| {
                    (0..shape.1).map(|j| columns.iter().all(|column| column[j]))
                }));
                line += &format!(
                    "   {:>4.0} % / {:>4.1} %",
                    100.0 * per_column,
                    100.0 * per_tile
                );
            }
            println!("{line}");
        }
    }
    Ok(())
}

fn share(which: impl Iterator<Item = bool>) -> f64 {
    let (yes, all) = which.fold((0.0, 0.0), |(yes, all), is| {
        (yes + f64::from(u8::from(is)), all + 1.0)
    });
    yes / all
}

/// Applies the rule to one column.
fn proved_inactive(
    problem: &Problem<f64>,
    work: &Workload<f64>,
    column: usize,
    code: ColRef<'_, f64>,
) -> Vec<bool> {
    let lambda1 = work.lambda1;
    let signal = work.signals.col(column);
    let correlations = work.dictionary.transpose() * signal;
    let pull = &correlations - problem.gram() * code;
    let largest = pull.iter().copied().fold(0.0, f64::max);
    let s = (lambda1 / largest).min(1.0);
    let residual = signal - &work.dictionary * code;
    // ||ρ||², where the equivalent lasso adds the rows sqrt(λ2) a below the signal.
    let square = residual.squared_norm_l2() + work.lambda2 * code.squared_norm_l2();
    let with_signal: f64 = residual.iter().zip(signal.iter()).map(|(r, x)| r * x).sum();
    let primal = 0.5 * square + lambda1 * code.iter().sum::<f64>();
    let dual = s * with_signal - 0.5 * s * s * square;
    let radius = (2.0 * (primal - dual).max(0.0)).sqrt();
    let bound = |j: usize| s * pull[j] + radius * problem.diagonal()[j].sqrt();
    (0..code.nrows()).map(|j| bound(j) < lambda1).collect()
}
