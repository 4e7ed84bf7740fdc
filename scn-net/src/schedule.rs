//! The learning rate over a run.

use crate::config::TrainingConfig;

/// The learning rate of a step, counted from 0, of a run of `steps`: multiplied by `drop_factor` at each of the parts `drops` of
/// the run that has been reached, after a linear rise over the first `warm_up_steps`.
pub fn learning_rate(config: &TrainingConfig, step: u64, steps: u64) -> f64 {
    let reached = config
        .drops
        .iter()
        .filter(|&&part| step >= (part * steps as f64).round() as u64)
        .count();
    let rate = config.learning_rate * config.drop_factor.powi(reached as i32);
    if step < config.warm_up_steps {
        rate * (step + 1) as f64 / config.warm_up_steps as f64
    } else {
        rate
    }
}

#[cfg(test)]
mod tests {
    use crate::presets;

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
