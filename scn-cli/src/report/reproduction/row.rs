//! A reproduced network of the paper.

use anyhow::Result;
use scn_data::LastBatch;
use scn_net::{EpochRecord, RunConfig, presets};

use crate::readable::thousands;
use crate::report::changes::{self, Change};
use crate::report::paper::{self, Published};

/// A network of the paper, and its run.
pub(crate) struct Row {
    /// The preset with the paper's settings.
    pub(crate) preset: String,
    /// The settings of the run.
    pub(crate) config: RunConfig,
    /// Records of the epochs so far.
    pub(crate) history: Vec<EpochRecord>,
    /// Training and test images of the data set, if it could be opened.
    pub(crate) images: Option<[usize; 2]>,
    /// Reason why the run failed, if it did.
    pub(crate) failure: Option<String>,
}

impl Row {
    /// Returns the paper's figures for this network.
    pub(crate) fn published(&self) -> Option<Published> {
        paper::result(&self.preset)
    }

    /// Returns the name of the network in the paper.
    pub(crate) fn network(&self) -> &str {
        self.published().map_or(&self.preset, |row| row.network)
    }

    /// Whether all epochs are complete.
    pub(crate) fn finished(&self) -> bool {
        self.history.len() as u64 >= self.config.training.epochs
    }

    /// Returns the test error after the last epoch.
    pub(crate) fn test_error(&self) -> Option<f64> {
        self.history.last().map(|record| record.test_error)
    }

    /// Returns the lowest test error after any epoch.
    pub(crate) fn lowest_test_error(&self) -> Option<f64> {
        let errors = self.history.iter().map(|record| record.test_error);
        errors.min_by(f64::total_cmp)
    }

    /// Returns the number of training images in an epoch, if known.
    pub(crate) fn trained_on(&self) -> Option<usize> {
        let written = || {
            let record = self.history.last()?;
            let images = record.images_per_second * record.seconds;
            (images >= 1.0).then_some(images.round() as usize)
        };
        let of_data = self
            .images
            .map(|[train, _]| limited(train, self.config.train_limit));
        of_data.or_else(written)
    }

    /// Returns the number of test images, if known.
    pub(crate) fn tested_on(&self) -> Option<usize> {
        self.images
            .map(|[_, test]| limited(test, self.config.test_limit))
    }

    /// Formats how many of its epochs are done.
    pub(crate) fn epochs(&self) -> String {
        let (done, all) = (self.history.len(), self.config.training.epochs);
        format!("{done} of {all}")
    }

    /// Formats the progress of the run, and whether it failed.
    pub(crate) fn state(&self) -> String {
        let failed = match &self.failure {
            Some(_) if !self.finished() => ", failed",
            _ => "",
        };
        format!("{} epochs{failed}", self.epochs())
    }

    /// Returns the settings that differ from the paper's.
    pub(crate) fn changes(&self) -> Result<Vec<Change>> {
        changes::between(&self.config, &presets::get(&self.preset)?)
    }

    /// Returns how this run differs from the paper's experiment; empty for a complete run with the
    /// paper's settings.
    pub(crate) fn differences(&self) -> Result<Vec<String>> {
        let mut notes = Vec::new();
        if !self.finished() {
            notes.push(self.state());
        }
        notes.extend(self.changes()?.iter().map(ToString::to_string));
        let Some(whole) = paper::images(&self.config.dataset) else {
            return Ok(notes);
        };
        let kept = self.config.training.last_batch == LastBatch::Kept;
        let [train, test] = whole;
        let counted = [
            (
                "trained",
                self.trained_on().filter(|_| kept),
                // A limit is a changed setting, which is already listed above.
                limited(train, self.config.train_limit),
            ),
            (
                "tested",
                self.tested_on(),
                limited(test, self.config.test_limit),
            ),
        ];
        for (done, count, expected) in counted {
            if let Some(count) = count.filter(|&count| count != expected) {
                notes.push(format!(
                    "{done} on {} images instead of {}",
                    thousands(count),
                    thousands(expected)
                ));
            }
        }
        Ok(notes)
    }
}

fn limited(count: usize, limit: Option<usize>) -> usize {
    limit.map_or(count, |limit| limit.min(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a run with the paper's settings and these test errors.
    fn run(preset: &str, test_errors: &[f64]) -> Row {
        let epoch = |(index, &test_error): (usize, &f64)| {
            let mut record = EpochRecord::default();
            record.epoch = index as u64 + 1;
            record.test_error = test_error;
            record.images_per_second = 1000.0;
            record.seconds = 60.0;
            record
        };
        Row {
            preset: preset.to_string(),
            config: presets::get(preset).unwrap(),
            history: test_errors.iter().enumerate().map(epoch).collect(),
            images: None,
            failure: None,
        }
    }

    #[test]
    fn only_a_full_run_has_no_differences() {
        let mut row = run("mnist-scn4", &[0.01; 25]);
        assert!(row.differences().unwrap().is_empty());
        assert_eq!((row.trained_on(), row.tested_on()), (Some(60_000), None));
        row.images = Some([60_000, 10_000]);
        assert!(row.differences().unwrap().is_empty());

        row.history.truncate(24);
        assert_eq!(row.differences().unwrap(), ["24 of 25 epochs"]);
        row.config.training.epochs = 3;
        row.config.train_limit = Some(256);
        assert_eq!(
            row.differences().unwrap(),
            ["train_limit 256", "training.epochs 3 instead of 25"]
        );
        assert_eq!(
            (row.trained_on(), row.tested_on()),
            (Some(256), Some(10_000))
        );
    }

    #[test]
    fn a_data_set_with_other_images_is_a_difference() {
        let mut row = run("cifar10-scn1", &[0.01; 200]);
        row.images = Some([50_000, 100]);
        let notes = row.differences().unwrap();
        assert_eq!(notes, ["tested on 100 images instead of 10,000"]);
        row.config.test_limit = Some(1000);
        assert_eq!(
            row.differences().unwrap(),
            ["test_limit 1000", "tested on 100 images instead of 1,000"]
        );
        row.config.test_limit = None;
        // Without data, the number comes from the records: 60,000 images in an epoch.
        row.images = None;
        let notes = row.differences().unwrap();
        assert_eq!(notes, ["trained on 60,000 images instead of 50,000"]);
    }

    #[test]
    fn errors_at_the_end_and_on_the_way_are_told_apart() {
        let row = run("mnist-scn4", &[0.3, 0.1, 0.2]);
        assert_eq!(
            (row.test_error(), row.lowest_test_error()),
            (Some(0.2), Some(0.1))
        );
        let row = run("mnist-scn4", &[]);
        assert_eq!((row.test_error(), row.lowest_test_error()), (None, None));
    }
}
