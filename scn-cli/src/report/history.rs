//! Tables, plots and times from the epoch records of a run.

use anyhow::Result;
use scn_net::{EpochRecord, Schedule, TrainingConfig, chosen_epoch};

use super::chart::Dots;
use super::document::Figure;
use super::table::Table;
use crate::readable::{percent, rate};

/// The best epoch of a run, and what chose it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Best<'a> {
    pub(super) record: &'a EpochRecord,
    /// Whether the validation images chose it, and not the test images.
    pub(super) validated: bool,
}

impl<'a> Best<'a> {
    /// Returns the epoch that the validation images chose or, without any, the first epoch with the
    /// lowest test error.
    pub(super) fn of(history: &'a [EpochRecord]) -> Option<Self> {
        if let Some(record) = chosen_epoch(history) {
            return Some(Self {
                record,
                validated: true,
            });
        }
        let tested = history.iter();
        let record = tested.min_by(|a, b| a.test_error.total_cmp(&b.test_error))?;
        Some(Self {
            record,
            validated: false,
        })
    }
}

/// Returns the epochs at which the learning rate drops, up to the last complete epoch.
pub(super) fn drops(training: &TrainingConfig, history: &[EpochRecord]) -> Vec<f64> {
    let (Schedule::Drops, Some(last)) = (training.schedule, history.last()) else {
        return Vec::new();
    };
    let parts = training.drops.iter();
    let epochs = parts.map(|part| part * training.epochs as f64);
    let mut epochs: Vec<f64> = epochs
        .filter(|epoch| (1.0..=last.epoch as f64).contains(epoch))
        .collect();
    epochs.sort_by(f64::total_cmp);
    epochs
}

/// Returns the table of all epochs.
pub(super) fn epochs(history: &[EpochRecord]) -> Table {
    let validated = history
        .iter()
        .any(|record| record.validation_error.is_some());
    let mut columns = vec!["epoch", "learning rate", "training loss", "training error"];
    if validated {
        columns.extend(["validation loss", "validation error"]);
    }
    columns.extend(["test loss", "test error"]);
    let averaged = history.iter().any(|record| record.averaged.is_some());
    if averaged {
        columns.extend([
            "test loss, averaged weights",
            "test error, averaged weights",
        ]);
    }
    columns.push("images/s");
    let caption = match history.len() {
        1 => "The only epoch".to_string(),
        count => format!("All {count} epochs"),
    };
    let mut table = Table::new(caption, &columns);
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "–".to_string());
    for record in history {
        let mut cells = vec![
            record.epoch.to_string(),
            format!("{:.1e}", record.learning_rate),
            format!("{:.4}", record.train_loss),
            percent(record.train_error),
        ];
        if validated {
            let loss = record.validation_loss.map(|loss| format!("{loss:.4}"));
            cells.extend([or_none(loss), or_none(record.validation_error.map(percent))]);
        }
        cells.extend([
            format!("{:.4}", record.test_loss),
            percent(record.test_error),
        ]);
        if averaged {
            let its = record.averaged.as_ref();
            cells.extend([
                or_none(its.map(|its| format!("{:.4}", its.test_loss))),
                or_none(its.map(|its| percent(its.test_error))),
            ]);
        }
        cells.push(rate(record.images_per_second));
        table.push(cells);
    }
    table.fold_if_long();
    table
}

/// Plots the fraction of active code entries in each layer, in the first and in the last epoch.
pub(super) fn active_share(history: &[EpochRecord]) -> Result<Figure> {
    let shares = history.last().map_or(&[][..], |last| &last.layers);
    let shares = shares.iter().map(|layer| layer.active);
    let (least, most) = shares.fold((1.0, 0.0), |(least, most): (f64, f64), share| {
        (least.min(share), most.max(share))
    });
    let percent = |record: Option<&EpochRecord>| {
        let layers = record.map_or(&[][..], |record| &record.layers);
        layers.iter().map(|layer| 100.0 * layer.active).collect()
    };
    let name = |record: Option<&EpochRecord>| {
        record.map_or(String::new(), |record| format!("epoch {}", record.epoch))
    };
    let first = history.first().filter(|_| history.len() > 1);
    let dots = Dots {
        categories: "layer",
        values: "active entries in %",
        before: (name(first), percent(first)),
        after: (name(history.last()), percent(history.last())),
    };
    let before = match first {
        Some(_) => "in the first epoch (rings) and in the last (dots). Last epoch",
        None => "in the only epoch",
    };
    Ok(Figure {
        file: "active-share.svg".to_string(),
        description: format!(
            "Fraction of active code entries in each layer {before}: {:.1} % to {:.1} %.",
            100.0 * least,
            100.0 * most
        ),
        drawing: dots.draw()?,
    })
}

/// Returns the total time of all training steps in seconds, or None if the time of an epoch was not
/// recorded.
pub(super) fn training_time(history: &[EpochRecord]) -> Option<f64> {
    let times = history.iter().map(|record| record.seconds);
    let known = !history.is_empty() && times.clone().all(|seconds| seconds > 0.0);
    known.then(|| times.sum())
}

/// Returns the images per second over all epochs. This is the harmonic mean over the epochs,
/// because each has the same number of images.
pub(super) fn training_rate(history: &[EpochRecord]) -> Option<f64> {
    let per_image = history.iter().map(|record| 1.0 / record.images_per_second);
    (!history.is_empty()).then(|| history.len() as f64 / per_image.sum::<f64>())
}

#[cfg(test)]
mod tests {
    use scn_net::presets;

    use super::*;

    #[test]
    fn the_best_epoch_is_the_chosen_one_or_the_first_of_the_lowest() {
        let epoch = |epoch, test_error, validation: Option<f64>| {
            let mut record = EpochRecord::default();
            (record.epoch, record.test_error) = (epoch, test_error);
            (record.validation_error, record.validation_loss) = (validation, validation);
            record
        };
        let tested = [
            epoch(1, 0.3, None),
            epoch(2, 0.1, None),
            epoch(3, 0.1, None),
        ];
        let best = Best::of(&tested).unwrap();
        assert_eq!((best.record.epoch, best.validated), (2, false));
        let chosen = [epoch(1, 0.3, Some(0.1)), epoch(2, 0.1, Some(0.2))];
        let best = Best::of(&chosen).unwrap();
        assert_eq!((best.record.epoch, best.validated), (1, true));
        assert!(Best::of(&[]).is_none());
    }

    #[test]
    fn only_drops_that_a_run_has_come_to_are_told() {
        let training = presets::get("cifar10-scn1").unwrap().training;
        let mut record = EpochRecord::default();
        for (epoch, expected) in [(79, &[][..]), (80, &[80.0]), (200, &[80.0, 160.0])] {
            record.epoch = epoch;
            assert_eq!(drops(&training, &[record.clone()]), expected);
        }
        assert!(drops(&training, &[]).is_empty());
        let cosine = presets::get("cifar10-scn1-cosine").unwrap().training;
        assert!(drops(&cosine, &[record]).is_empty());
    }

    #[test]
    fn rate_of_a_run_is_its_images_by_its_time() {
        let epoch = |images_per_second, seconds| {
            let mut record = EpochRecord::default();
            record.images_per_second = images_per_second;
            record.seconds = seconds;
            record
        };
        // Each epoch has 600 images.
        let history = [epoch(300.0, 2.0), epoch(100.0, 6.0)];
        assert_eq!(training_time(&history), Some(8.0));
        assert_eq!(training_rate(&history), Some(150.0));
        let unknown = [epoch(300.0, 2.0), epoch(100.0, 0.0)];
        assert_eq!(training_time(&unknown), None);
        assert_eq!(training_rate(&unknown), Some(150.0));
        assert_eq!((training_time(&[]), training_rate(&[])), (None, None));
    }
}
