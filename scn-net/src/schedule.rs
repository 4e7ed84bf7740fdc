//! The learning rate of a run, and the tolerances that follow it.

use std::f64::consts::PI;

use crate::config::{Schedule, SolverConfig, TrainingConfig};

/// Reference rate of the cosine schedule for tolerances, as a fraction of the initial rate, because
/// the final rate is zero. Two drops by a factor of ten end at the same rate.
const LAST_OF_COSINE: f64 = 0.01;

/// Returns the learning rate of a step, counted from 0, in a run of `steps` steps.
///
/// During the first `warm_up_steps`, the rate of the schedule is multiplied by a factor that rises
/// linearly to 1.
///
/// | schedule | rate of step t of T |
/// |---|---|
/// | drops | `learning_rate` times `drop_factor` for each of the fractions `drops` of the run that has been reached |
/// | cosine | `learning_rate` (1 + cos(π t / T)) / 2 |
///
/// # Example
///
/// ```
/// use approx::assert_relative_eq;
/// use scn_net::{Schedule, TrainingConfig, learning_rate};
///
/// // By default, the rate starts at 0.1 and falls to a tenth after 40 % and 80 % of the steps.
/// let mut training = TrainingConfig::new(200);
/// assert_relative_eq!(learning_rate(&training, 39, 100), 0.1);
/// assert_relative_eq!(learning_rate(&training, 40, 100), 0.01);
/// assert_relative_eq!(learning_rate(&training, 80, 100), 0.001);
///
/// training.schedule = Schedule::Cosine;
/// assert_relative_eq!(learning_rate(&training, 50, 100), 0.05);
/// ```
pub fn learning_rate(config: &TrainingConfig, step: u64, steps: u64) -> f64 {
    let rate = config.learning_rate * remaining(config, step, steps);
    if step < config.warm_up_steps {
        rate * (step + 1) as f64 / config.warm_up_steps as f64
    } else {
        rate
    }
}

/// Returns `solver` with the tolerances of codes and adjoint in a step.
///
/// The given tolerances are multiplied by the current rate over the final rate, but loosened no
/// further than to `loosest_tolerance` and `loosest_adjoint_tolerance`. Given tolerances that are
/// already looser stay as they are.
///
/// An error in a gradient moves the weights by the error times the rate. At a rate a hundred times
/// the final one, even much larger errors are smaller than the noise of the batch.
pub fn tolerances(
    config: &TrainingConfig,
    solver: SolverConfig,
    step: u64,
    steps: u64,
) -> SolverConfig {
    let last = match config.schedule {
        Schedule::Drops => remaining(config, steps, steps),
        Schedule::Cosine => LAST_OF_COSINE,
    };
    let factor = (remaining(config, step, steps) / last).max(1.0) as f32;
    let loosened = |tolerance: f32, loosest: f32| (factor * tolerance).min(loosest.max(tolerance));
    SolverConfig {
        tolerance: loosened(solver.tolerance, config.loosest_tolerance),
        adjoint_tolerance: loosened(solver.adjoint_tolerance, config.loosest_adjoint_tolerance),
        ..solver
    }
}

/// Returns the step, counted from 0, at which the rate drops after a fraction of a run of `steps`
/// steps.
pub(crate) fn drop_step(part: f64, steps: u64) -> u64 {
    (part * steps as f64).round() as u64
}

/// Returns the fraction of the initial rate that remains at a step, without warm-up.
fn remaining(config: &TrainingConfig, step: u64, steps: u64) -> f64 {
    match config.schedule {
        Schedule::Drops => {
            let reached = |&&part: &&f64| step >= drop_step(part, steps);
            let drops = config.drops.iter().filter(reached).count();
            config.drop_factor.powi(drops as i32)
        }
        Schedule::Cosine => 0.5 + 0.5 * (PI * step as f64 / steps as f64).cos(),
    }
}

#[cfg(test)]
mod tests {
    use approx::{abs_diff_eq, assert_abs_diff_eq};

    use crate::config::{Schedule, SolverConfig};
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
            assert!(
                abs_diff_eq!(found.tolerance / tolerance, 1.0, epsilon = 1e-5),
                "{step}"
            );
            // A given tolerance that exceeds the loosest one stays as it is.
            assert_eq!(found.adjoint_tolerance, solver.adjoint_tolerance);
        }
    }

    /// The rate is 0.1, divided by 10 after epochs 80 and 160 of 200.
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
                    abs_diff_eq!(at(epoch, step) / rate, 1.0, epsilon = 1e-12),
                    "epoch {epoch}"
                );
            }
        }
    }

    #[test]
    fn a_cosine_falls_to_zero_and_tolerances_with_it() {
        let mut config = presets::get("cifar10-scn1").unwrap().training;
        config.schedule = Schedule::Cosine;
        config.loosest_tolerance = 5e-3;
        let solver = SolverConfig::default();
        // cos(π/3) = 1/2 and cos(π/2) = 0. For the last step, cos(π (1 - h)) = -1 + (π h)²/2 + ...,
        // with h = 1/600.
        for (step, part) in [(0, 1.0), (200, 0.75), (300, 0.5), (400, 0.25)] {
            let rate = super::learning_rate(&config, step, 600);
            assert!(
                abs_diff_eq!(rate / (0.1 * part), 1.0, epsilon = 1e-12),
                "{step}"
            );
            let tolerance = super::tolerances(&config, solver, step, 600).tolerance;
            let expected = 5e-3_f32.min(part as f32 * 1e-2);
            assert!(
                abs_diff_eq!(tolerance / expected, 1.0, epsilon = 1e-5),
                "{step}"
            );
        }
        let last = super::learning_rate(&config, 599, 600);
        let expected = 0.1 * (std::f64::consts::PI / 600.0).powi(2) / 4.0;
        assert_abs_diff_eq!(last / expected, 1.0, epsilon = 1e-4);
        assert_eq!(super::tolerances(&config, solver, 599, 600), solver);
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
