//! The lines of the epochs, in 80 columns. They come one at a time, so their widths are fixed.

use std::time::Duration;

use scn_net::EpochRecord;

use crate::readable::{clock, mean, percent};

/// Two lines above those of the epochs.
pub(super) fn heading(record: &EpochRecord) -> [String; 2] {
    let pair = |name: &str| format!(" {name:>17}");
    let columns = format!(" {:>8} {:>8}", "loss", "error");
    let (mut above, mut below) = (
        format!("{:14}", ""),
        format!("{:>5} {:>8}", "epoch", "rate"),
    );
    for name in sets(record) {
        above.push_str(&pair(name));
        below.push_str(&columns);
    }
    if record.validation_error.is_none() {
        below.push_str(&format!(" {:>7} {:>8}", "active", "images/s"));
    }
    below.push_str(&format!(" {:>8}", "time"));
    [above, below]
}

/// The images that an epoch was measured on.
fn sets(record: &EpochRecord) -> impl Iterator<Item = &'static str> {
    let validation = record.validation_error.map(|_| "validation");
    std::iter::once("training")
        .chain(validation)
        .chain(std::iter::once("test"))
}

/// The line of an epoch that ended `time` after the start. Validation takes the place of active share
/// and speed.
pub(super) fn row(record: &EpochRecord, time: Duration) -> String {
    let pair = |loss: f64, error: f64| format!(" {loss:>8.4} {:>8}", percent(error));
    let mut row = format!("{:>5} {:>8.1e}", record.epoch, record.learning_rate);
    row.push_str(&pair(record.train_loss, record.train_error));
    let validation = record.validation_loss.zip(record.validation_error);
    if let Some((loss, error)) = validation {
        row.push_str(&pair(loss, error));
    }
    row.push_str(&pair(record.test_loss, record.test_error));
    if validation.is_none() {
        let active = mean(record.layers.iter().map(|layer| layer.active));
        let active = format!("{:.1} %", 100.0 * active);
        row.push_str(&format!(" {active:>7} {:>8.0}", record.images_per_second));
    }
    row.push_str(&format!(" {:>8}", clock(time)));
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_stand_above_their_columns_and_fit_a_terminal() {
        let mut record = EpochRecord::default();
        (record.epoch, record.learning_rate) = (200, 1e-3);
        (record.train_loss, record.train_error) = (0.1234, 0.0512);
        (record.test_loss, record.test_error) = (10.5, 1.0);
        record.images_per_second = 12345.0;
        let hours = Duration::from_secs(100 * 3600 - 1);
        for validation in [None, Some(0.25)] {
            (record.validation_loss, record.validation_error) = (validation, validation);
            let [above, below] = heading(&record);
            let row = row(&record, hours);
            assert_eq!(row.chars().count(), below.chars().count());
            assert!(below.chars().count() <= 80, "{below}");
            // The name of a pair ends where its second column ends.
            let end = |line: &str, word: &str| line.find(word).unwrap() + word.len();
            assert_eq!(end(&above, "training"), end(&below, "error"));
            assert_eq!(end(&above, "training"), end(&row, "5.12 %"));
            assert_eq!(end(&above, "test"), end(&row, "100.00 %"));
        }
    }
}
