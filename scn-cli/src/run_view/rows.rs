//! The table of epochs, in 80 columns. Rows are printed one at a time, so column widths are fixed.

use std::time::Duration;

use scn_net::EpochRecord;

use crate::readable::{clock, mean, percent};
use crate::table::{Column, Rows, right};

/// Returns the columns of the table.
///
/// With validation images, their loss and error replace active fraction and throughput. With
/// averaged weights, their test error replaces the active fraction or, with validation images, the
/// validation loss.
fn columns(record: &EpochRecord) -> Rows {
    let mut columns = vec![(right("epoch"), 5), (right("rate"), 7)];
    let named = |images: &str, what: &str| right(format!("{images}\n{what}"));
    let pair = |images: &str, width: usize| -> [(Column, usize); 2] {
        ["loss", "error"].map(|what| (named(images, what), width))
    };
    let (validated, averaged) = (record.validation_error.is_some(), record.averaged.is_some());
    columns.extend(pair("training", 8));
    if validated {
        let measured = pair("validation", 10).into_iter();
        columns.extend(measured.skip(usize::from(averaged)));
    }
    columns.extend(pair("test", 8));
    if averaged {
        columns.push((named("averaged", "error"), 8));
    }
    if !validated {
        let activity = [(right("active"), 7), (right("images/s"), 8)].into_iter();
        columns.extend(activity.skip(usize::from(averaged)));
    }
    columns.push((right("time"), 8));
    Rows::new(columns)
}

/// Returns the two lines of the heading.
pub(super) fn heading(record: &EpochRecord) -> Vec<String> {
    columns(record).heading()
}

/// Returns the row of an epoch that ended `time` after the start.
pub(super) fn row(record: &EpochRecord, time: Duration) -> String {
    let pair = |loss: f64, error: f64| {
        // Keep the columns aligned even if a run diverges.
        let loss = match loss {
            loss if loss < 100.0 => format!("{loss:.4}"),
            loss => format!("{loss:.1e}"),
        };
        [loss, percent(error)]
    };
    let mut cells = vec![
        record.epoch.to_string(),
        format!("{:.1e}", record.learning_rate),
    ];
    cells.extend(pair(record.train_loss, record.train_error));
    let validation = record.validation_loss.zip(record.validation_error);
    let averaged = record.averaged.as_ref();
    if let Some((loss, error)) = validation {
        let measured = pair(loss, error).into_iter();
        cells.extend(measured.skip(usize::from(averaged.is_some())));
    }
    cells.extend(pair(record.test_loss, record.test_error));
    cells.extend(averaged.map(|averaged| percent(averaged.test_error)));
    if validation.is_none() {
        if averaged.is_none() {
            let active = mean(record.layers.iter().map(|layer| layer.active));
            cells.push(format!("{:.1} %", 100.0 * active));
        }
        cells.push(format!("{:.0}", record.images_per_second));
    }
    cells.push(clock(time));
    columns(record).row(cells)
}

#[cfg(test)]
mod tests {
    use scn_net::AveragedRecord;

    use super::*;
    use crate::table::WIDTH;

    #[test]
    fn headings_stand_above_their_columns_and_fit_a_terminal() {
        let mut record = EpochRecord::default();
        (record.epoch, record.learning_rate) = (200, 1e-3);
        (record.train_loss, record.train_error) = (0.1234, 0.0512);
        (record.test_loss, record.test_error) = (4_183_811.0, 1.0);
        record.images_per_second = 12345.0;
        let hours = Duration::from_secs(100 * 3600 - 1);
        let averaged = AveragedRecord::default();
        for (validation, averaged) in [
            (None, None),
            (Some(0.25), None),
            (None, Some(averaged.clone())),
            (Some(0.25), Some(averaged)),
        ] {
            (record.validation_loss, record.validation_error) = (validation, validation);
            record.averaged = averaged;
            let [above, below] = heading(&record).try_into().unwrap();
            let row = row(&record, hours);
            assert_eq!(row.chars().count(), below.chars().count());
            assert!(below.chars().count() <= WIDTH, "{below}");
            // Loss and error must stand below the images that they are measured on.
            let ends = |line: &str, word: &str| {
                let ends = line.match_indices(word).map(|(at, _)| at + word.len());
                ends.collect::<Vec<_>>()
            };
            let measured = [ends(&below, "loss"), ends(&below, "error")].concat();
            for images in ["training", "test"] {
                let ends = ends(&above, images);
                assert_eq!(ends.len(), 2);
                assert!(ends.iter().all(|end| measured.contains(end)), "{above}");
            }
            assert_eq!(ends(&above, "training")[1], ends(&row, "5.12 %")[0]);
            assert_eq!(ends(&above, "test")[1], ends(&row, "100.00 %")[0]);
        }
    }
}
