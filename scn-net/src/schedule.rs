//! The learning rate over a run, and tolerances that follow it.

use crate::config::{SolverConfig, TrainingConfig};

/// The learning rate of a step, counted from 0, of a run of `steps`: multiplied by `drop_factor` at each of the parts `drops` of
/// the run that has been reached, after a linear rise over the first `warm_up_steps`.
pub fn learning_rate(config: &TrainingConfig, step: u64, steps: u64) -> f64 {
    let reached = drops_reached(config, step, steps) as i32;
    let rate = config.learning_rate * config.drop_factor.powi(reached);
    if step < config.warm_up_steps {
        rate * (step + 1) as f64 / config.warm_up_steps as f64
    } else {
        rate
    }
}

/// To what codes and adjoint are solved in a step: to the tolerances given, divided by `drop_factor` for each drop of the rate that is still to
/// come, but no worse than `loosest_tolerance` and `loosest_adjoint_tolerance`, unless those given are.
///
/// An error in a gradient moves the weights by itself times the rate: at a rate a hundred times as large as in the end, far larger
/// ones are smaller than the noise of the batch.
pub fn tolerances(
    config: &TrainingConfig,
    solver: SolverConfig,
    step: u64,
    steps: u64,
) -> SolverConfig {
    let ahead = config.drops.len() - drops_reached(config, step, steps);
    let factor = config.drop_factor.powi(-(ahead as i32)).max(1.0) as f32;
    let loosened = |tolerance: f32, loosest: f32| (factor * tolerance).min(loosest.max(tolerance));
    SolverConfig {
        tolerance: loosened(solver.tolerance, config.loosest_tolerance),
        adjoint_tolerance: loosened(solver.adjoint_tolerance, config.loosest_adjoint_tolerance),
        ..solver
    }
}

fn drops_reached(config: &TrainingConfig, step: u64, steps: u64) -> usize {
    let reached = |&&part: &&f64| step >= (part * steps as f64).round() as u64;
    config.drops.iter().filter(reached).count()
}

#[cfg(test)]
mod tests {
    use crate::config::SolverConfig;
    use crate::presets;

    #[test]
    fn tolerances_fall_with_the_rate() {
        let mut config = presets::get("cifar10-scn1").unwrap().training;
        config.loosest_tolerance = 5e-3;
        config.loosest_adjoint_tolerance = 1e-5;
        let solver = SolverConfig::default();
        let at = |step| super::tolerances(&config, solver, step, 100);
        for (step, tolerance) in [(0, 5e-3), (40, 1e-3), (80, 1e-4), (99, 1e-4)] {
            let found = at(step);
            assert!((found.tolerance / tolerance - 1.0).abs() < 1e-5, "{step}");
            // What is asked for anyway is no worse than that.
            assert_eq!(found.adjoint_tolerance, solver.adjoint_tolerance);
        }
    }

    /// 0.1, divided by 10 after epochs 80 and 160 of 200.
    #[test]
    fn the_papers_schedule() {
        let config = presets::get("cifar10-scn1").unwrap().training;
        let per_epoch = 391;
        let at = |epoch: u64, step: u64| {
            super::learning_rate(&config, epoch * per_epoch + step, 200 * per_epoch)
        };
        for (epoch, rate) in [
            (0, 0.1),
            (79, 0.1),
            (80, 0.01),
            (159, 0.01),
            (160, 0.001),
            (199, 0.001),
        ] {
            for step in [0, per_epoch - 1] {
                assert!(
                    (at(epoch, step) / rate - 1.0).abs() < 1e-12,
                    "epoch {epoch}"
                );
            }
        }
    }

    #[test]
    fn warm_up_rises_to_the_rate() {
        let mut config = presets::get("digits").unwrap().training;
        config.warm_up_steps = 4;
        let rates: Vec<f64> = (0..5)
            .map(|step| super::learning_rate(&config, step, 100))
            .collect();
        assert_eq!(rates, [0.025, 0.05, 0.07500000000000001, 0.1, 0.1]);
    }
}
