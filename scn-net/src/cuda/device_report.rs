//! The report of a device on a step, as words that processes exchange.

use crate::report::{Activity, AdjointActivity, LayerTimes, StepReport};

/// The report of a device on a step.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DeviceReport {
    pub(super) report: StepReport,
    /// The index of the first parameter whose gradient is not finite on this device.
    pub(super) broken: Option<usize>,
}

/// Number of words of a step, besides those of its layers.
const OF_STEP: usize = 3;
/// Number of words of a sparse coding layer.
pub(super) const OF_ACTIVITY: usize = 6;
const OF_ADJOINT: usize = 4;

impl DeviceReport {
    /// Returns the report as words, without the times of layers. The number of words is the same on
    /// all devices with the same network.
    pub(super) fn words(&self) -> Vec<u64> {
        let StepReport {
            loss,
            errors,
            activity,
            adjoint,
            ..
        } = &self.report;
        let broken = self.broken.map_or(0, |index| index as u64 + 1);
        let of_step = [loss.to_bits(), *errors as u64, broken];
        let of_layers = activity.iter().flat_map(activity_words);
        let of_adjoint = adjoint.iter().flat_map(adjoint_words);
        of_step
            .into_iter()
            .chain(of_layers)
            .chain(of_adjoint)
            .collect()
    }

    /// Returns the report with these words, given the number of sparse coding layers and the times
    /// of all layers.
    pub(super) fn of_words(words: &[u64], layers: usize, times: Vec<LayerTimes>) -> Self {
        let (of_step, of_layers) = words.split_at(OF_STEP.min(words.len()));
        let of_step = |word| of_step.get(word).copied().unwrap_or(0);
        let (activity, adjoint) = of_layers.split_at((layers * OF_ACTIVITY).min(of_layers.len()));
        Self {
            broken: (of_step(2) as usize).checked_sub(1),
            report: StepReport {
                loss: f64::from_bits(of_step(0)),
                errors: of_step(1) as usize,
                activity: activities(activity),
                adjoint: adjoint.as_chunks().0.iter().map(adjoint_of).collect(),
                times,
            },
        }
    }
}

/// Returns the words for the activity of a sparse coding layer.
pub(super) fn activity_words(done: &Activity) -> [u64; OF_ACTIVITY] {
    [
        done.active.to_bits(),
        done.lambda1.to_bits(),
        done.passes.to_bits(),
        done.residual.to_bits(),
        done.unconverged as u64,
        done.columns as u64,
    ]
}

/// Returns the activities of sparse coding layers with these words.
pub(super) fn activities(words: &[u64]) -> Vec<Activity> {
    let of_layer =
        |&[active, lambda1, passes, residual, unconverged, columns]: &[u64; OF_ACTIVITY]| {
            Activity {
                active: f64::from_bits(active),
                lambda1: f64::from_bits(lambda1),
                passes: f64::from_bits(passes),
                residual: f64::from_bits(residual),
                unconverged: unconverged as usize,
                columns: columns as usize,
                times: Default::default(),
            }
        };
    words.as_chunks().0.iter().map(of_layer).collect()
}

fn adjoint_words(done: &AdjointActivity) -> [u64; OF_ADJOINT] {
    [
        done.passes.to_bits(),
        done.residual.to_bits(),
        done.factorised as u64,
        done.unconverged as u64,
    ]
}

fn adjoint_of(&[passes, residual, factorised, unconverged]: &[u64; OF_ADJOINT]) -> AdjointActivity {
    AdjointActivity {
        passes: f64::from_bits(passes),
        residual: f64::from_bits(residual),
        factorised: factorised as usize,
        unconverged: unconverged as usize,
        times: Default::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_all_but_the_times() {
        let activity = |active| Activity {
            active,
            lambda1: 0.1,
            passes: 7.5,
            residual: f64::NAN,
            unconverged: 3,
            columns: 144,
            times: Default::default(),
        };
        let adjoint = AdjointActivity {
            passes: 2.5,
            residual: 1e-7,
            factorised: 1,
            unconverged: 2,
            times: Default::default(),
        };
        for broken in [None, Some(0), Some(4)] {
            let report = StepReport {
                loss: -0.0,
                errors: 5,
                activity: vec![activity(0.25), activity(1e-300)],
                adjoint: vec![adjoint; 2],
                times: Vec::new(),
            };
            let sent = DeviceReport { report, broken };
            let words = sent.words();
            let found = DeviceReport::of_words(&words, 2, Vec::new());
            assert_eq!(found.words(), words);
            assert_eq!(found.broken, broken);
            assert_eq!(found.report.adjoint, sent.report.adjoint);
            assert_eq!(found.report.activity.len(), 2);
        }
    }
}
