//! What the records of a run's epochs show: curves, tables and times.

use anyhow::Result;
use scn_net::EpochRecord;

use super::chart;
use super::document::{Figure, Table};
use crate::readable::{percent, rate};

/// The plot of training and test error by epoch.
pub(super) fn learning_curve(history: &[EpochRecord]) -> Result<Figure> {
    let errors = |error: fn(&EpochRecord) -> f64| {
        let (first, last) = (history.first(), history.last());
        let at = |record: Option<&EpochRecord>| record.map_or(String::new(), |r| percent(error(r)));
        format!("from {} to {}", at(first), at(last))
    };
    Ok(Figure {
        file: "learning-curve.svg".to_string(),
        description: format!(
            "Errors over {} epochs: training, dotted, {}; test, solid, {}.",
            history.len(),
            errors(|record| record.train_error),
            errors(|record| record.test_error)
        ),
        svg: chart::learning_curve(history)?,
    })
}

/// The table of all epochs.
pub(super) fn epochs(history: &[EpochRecord]) -> Table {
    let validated = history
        .iter()
        .any(|record| record.validation_error.is_some());
    let mut columns = vec!["epoch", "rate", "training loss", "training error"];
    if validated {
        columns.extend(["validation loss", "validation error"]);
    }
    columns.extend(["test loss", "test error", "images/s"]);
    let mut table = Table::new(format!("All {} epochs", history.len()), &columns);
    for record in history {
        let mut cells = vec![
            record.epoch.to_string(),
            format!("{:.1e}", record.learning_rate),
            format!("{:.4}", record.train_loss),
            percent(record.train_error),
        ];
        if validated {
            let or_none = |text: Option<String>| text.unwrap_or_else(|| "–".to_string());
            let loss = record.validation_loss.map(|loss| format!("{loss:.4}"));
            cells.extend([or_none(loss), or_none(record.validation_error.map(percent))]);
        }
        cells.extend([
            format!("{:.4}", record.test_loss),
            percent(record.test_error),
            rate(record.images_per_second),
        ]);
        table.push(cells);
    }
    table.fold_if_long();
    table
}

/// The plot of the active share of each layer, in the first epoch and in the last.
pub(super) fn active_share(history: &[EpochRecord]) -> Result<Figure> {
    let shares = history.last().map_or(&[][..], |last| &last.layers);
    let shares = shares.iter().map(|layer| layer.active);
    let (least, most) = shares.fold((1.0, 0.0), |(least, most): (f64, f64), share| {
        (least.min(share), most.max(share))
    });
    Ok(Figure {
        file: "active-share.svg".to_string(),
        description: format!(
            "Share of active codes of each layer in the first epoch, dotted, and in the last, solid: {:.1} % to {:.1} %.",
            100.0 * least,
            100.0 * most
        ),
        svg: chart::active_share(history)?,
    })
}

/// Seconds of all training steps; none where an epoch's time was not written down.
pub(super) fn training_time(history: &[EpochRecord]) -> Option<f64> {
    let times = history.iter().map(|record| record.seconds);
    let known = !history.is_empty() && times.clone().all(|seconds| seconds > 0.0);
    known.then(|| times.sum())
}

/// Images per second over all epochs: the harmonic mean of theirs, as each has as many images.
pub(super) fn training_rate(history: &[EpochRecord]) -> Option<f64> {
    let per_image = history.iter().map(|record| 1.0 / record.images_per_second);
    (!history.is_empty()).then(|| history.len() as f64 / per_image.sum::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_of_a_run_is_its_images_by_its_time() {
        let epoch = |images_per_second, seconds| {
            let mut record = EpochRecord::default();
            record.images_per_second = images_per_second;
            record.seconds = seconds;
            record
        };
        // Six hundred images each.
        let history = [epoch(300.0, 2.0), epoch(100.0, 6.0)];
        assert_eq!(training_time(&history), Some(8.0));
        assert_eq!(training_rate(&history), Some(150.0));
        let unknown = [epoch(300.0, 2.0), epoch(100.0, 0.0)];
        assert_eq!(training_time(&unknown), None);
        assert_eq!(training_rate(&unknown), Some(150.0));
        assert_eq!((training_time(&[]), training_rate(&[])), (None, None));
    }
}
