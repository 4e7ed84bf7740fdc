//! Settings that are valid, but may not do what the user expects.

use std::fmt;

use scn_data::{LastBatch, Subset};

use crate::config::{
    BatchNormConfig, DictionaryInit, Moments, RunConfig, Schedule, TrainingConfig,
};
use crate::presets;
use crate::schedule::drop_step;

/// A setting that is valid, but may not do what the user expects. It is displayed as one line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingWarning {
    /// The learning rate drops within the first epoch.
    EarlyDrops {
        /// The steps after which the rate drops.
        after: Vec<u64>,
        /// Number of steps per epoch.
        steps: u64,
    },
    /// The run ends no later than its warm-up.
    WarmUpIsWholeRun {
        /// Number of steps of the warm-up.
        warm_up: u64,
        /// Number of steps of the run.
        steps: u64,
    },
    /// Drops are set, but the schedule is a cosine.
    DropsUnused,
    /// A batch has more images than the training set.
    BatchExceedsImages {
        /// Number of images per batch.
        batch: usize,
        /// Number of training images.
        images: usize,
    },
    /// A group has more images than a batch.
    GroupExceedsBatch {
        /// Number of images per group.
        group: usize,
        /// Number of images per batch.
        batch: usize,
    },
    /// The number of batches for estimated moments is set, but inference uses running moments.
    EstimationUnused,
    /// Settings for learning dictionaries are given, but dictionaries are not learned.
    LearnedUnused,
    /// A stratified subset is requested, but all images are used.
    SubsetUnused,
}

impl fmt::Display for SettingWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EarlyDrops { after, steps } => {
                let places: Vec<String> = after.iter().map(u64::to_string).collect();
                write!(
                    f,
                    "the learning rate drops within the first epoch, after {} of its {steps} steps: \
                     training.drops are fractions of the run, which has few epochs",
                    places.join(" and ")
                )
            }
            Self::WarmUpIsWholeRun { warm_up, steps } => write!(
                f,
                "training.warm_up_steps is {warm_up}, but the run has {steps} steps: the warm-up \
                 never ends"
            ),
            Self::DropsUnused => f.write_str(
                "training.drops and training.drop_factor have no effect: training.schedule is \
                 cosine",
            ),
            Self::BatchExceedsImages { batch, images } => write!(
                f,
                "training.batch_size is {batch}, but there are {images} training images: each \
                 epoch is a single step"
            ),
            Self::GroupExceedsBatch { group, batch } => write!(
                f,
                "network.batch_norm.group is {group}, but a batch has {batch} images: each batch is \
                 one group"
            ),
            Self::EstimationUnused => f.write_str(
                "network.batch_norm.estimation_batches has no effect: network.batch_norm.moments \
                 is running",
            ),
            Self::LearnedUnused => {
                f.write_str("network.learned has no effect: network.dictionary is not learned")
            }
            Self::SubsetUnused => f.write_str(
                "subset = stratified has no effect: neither train_limit nor test_limit is set",
            ),
        }
    }
}

impl RunConfig {
    /// Returns the settings that are valid, but may not do what the user expects.
    ///
    /// `images` is the number of training images of the data set. The run uses those that
    /// `train_limit` and `training.validation` leave. Presets give no warnings on their own data
    /// sets.
    ///
    /// ```
    /// let mut config = scn_net::presets::get("digits")?;
    /// assert!(config.warnings(1437).is_empty());
    /// config.training.epochs = 1;
    /// let warnings = config.warnings(1437);
    /// assert!(
    ///     warnings[0]
    ///         .to_string()
    ///         .starts_with("the learning rate drops within the first epoch")
    /// );
    /// # Ok::<(), scn_net::ConfigError>(())
    /// ```
    pub fn warnings(&self, images: usize) -> Vec<SettingWarning> {
        let mut found = Vec::new();
        let training = &self.training;
        let limited = images.min(self.train_limit.unwrap_or(images));
        let images = match training.validation {
            None => limited,
            Some(share) => (limited as f64 * (1.0 - share)).round() as usize,
        };
        let batch = training.batch_size;
        let per_epoch = match training.last_batch {
            LastBatch::Dropped => images.checked_div(batch),
            LastBatch::Kept => (batch > 0).then(|| images.div_ceil(batch)),
        };
        let per_epoch = per_epoch.unwrap_or(0) as u64;
        let steps = training.epochs.saturating_mul(per_epoch);
        if training.schedule == Schedule::Drops {
            let places = training.drops.iter().map(|&part| drop_step(part, steps));
            let mut after: Vec<u64> = places.filter(|&step| step < per_epoch).collect();
            if !after.is_empty() {
                after.sort_unstable();
                found.push(SettingWarning::EarlyDrops {
                    after,
                    steps: per_epoch,
                });
            }
        }
        if training.warm_up_steps > 0 && training.warm_up_steps >= steps {
            found.push(SettingWarning::WarmUpIsWholeRun {
                warm_up: training.warm_up_steps,
                steps,
            });
        }
        if training.schedule == Schedule::Cosine && self.drops_are_given() {
            found.push(SettingWarning::DropsUnused);
        }
        if batch > images {
            found.push(SettingWarning::BatchExceedsImages { batch, images });
        }
        let norm = &self.network.batch_norm;
        if let Some(group) = norm.group
            && group > batch
        {
            found.push(SettingWarning::GroupExceedsBatch { group, batch });
        }
        let estimated = BatchNormConfig::default().estimation_batches;
        if norm.moments == Moments::Running && norm.estimation_batches != estimated {
            found.push(SettingWarning::EstimationUnused);
        }
        let learned = self.network.dictionary == DictionaryInit::Learned;
        if self.network.learned.is_some() && !learned {
            found.push(SettingWarning::LearnedUnused);
        }
        let limited = self.train_limit.is_some() || self.test_limit.is_some();
        if self.subset == Subset::Stratified && !limited {
            found.push(SettingWarning::SubsetUnused);
        }
        found
    }

    /// Whether the drops differ both from those of the preset and from the default.
    fn drops_are_given(&self) -> bool {
        let ours = &self.training;
        let differ = |theirs: &TrainingConfig| {
            ours.drops != theirs.drops || ours.drop_factor != theirs.drop_factor
        };
        let preset = self.preset.as_deref().map(presets::get);
        differ(&TrainingConfig::new(ours.epochs))
            && !matches!(preset, Some(Ok(preset)) if !differ(&preset.training))
    }
}

#[cfg(test)]
mod tests {
    use scn_data::DatasetName;

    use super::*;

    fn training_images(dataset: DatasetName) -> usize {
        match dataset {
            DatasetName::Digits => 1437,
            DatasetName::Mnist => 60_000,
            DatasetName::Stl10 => 5000,
            _ => 50_000,
        }
    }

    /// Returns the warnings about a preset with some settings changed, on its whole data set.
    fn with(preset: &str, settings: &[(&str, &str)]) -> Vec<SettingWarning> {
        let mut config = presets::get(preset).unwrap();
        for (key, value) in settings {
            config.set(key, value).unwrap();
        }
        let images = training_images(config.dataset.name().unwrap());
        config.warnings(images)
    }

    #[test]
    fn no_preset_gives_warnings() {
        for name in presets::names() {
            assert_eq!(with(&name, &[]), [], "{name}");
            assert_eq!(with(&name, &[("training.epochs", "3")]), [], "{name}");
        }
    }

    #[test]
    fn a_run_of_one_epoch_has_its_drops_in_it() {
        // 60,000 images in batches of 128 make 469 steps. The drops are at 0.4 and 0.8 of them.
        let once = with("mnist-scn1", &[("training.epochs", "1")]);
        let expected = SettingWarning::EarlyDrops {
            after: vec![188, 375],
            steps: 469,
        };
        assert_eq!(once, [expected]);
        let text = once[0].to_string();
        assert!(
            text.contains("after 188 and 375 of its 469 steps"),
            "{text}"
        );
        // With two epochs, the first drop is at 0.8 of the first epoch. A drop at the start of the
        // second epoch is expected.
        let twice = with("mnist-scn1", &[("training.epochs", "2")]);
        let expected = SettingWarning::EarlyDrops {
            after: vec![375],
            steps: 469,
        };
        assert_eq!(twice, [expected]);
        let halves = [("training.epochs", "2"), ("training.drops", "[0.5]")];
        assert_eq!(with("mnist-scn1", &halves), []);
        let cosine = [("training.epochs", "1"), ("training.schedule", "cosine")];
        assert_eq!(with("mnist-scn1", &cosine), []);
    }

    #[test]
    fn settings_without_effect_are_told() {
        for (settings, expected) in [
            (
                &[("training.schedule", "cosine"), ("training.drops", "[0.5]")][..],
                SettingWarning::DropsUnused,
            ),
            (
                &[("train_limit", "20")],
                SettingWarning::BatchExceedsImages {
                    batch: 32,
                    images: 20,
                },
            ),
            (
                &[("network.batch_norm.group", "33")],
                SettingWarning::GroupExceedsBatch {
                    group: 33,
                    batch: 32,
                },
            ),
            (
                &[
                    ("network.batch_norm.moments", "running"),
                    ("network.batch_norm.estimation_batches", "8"),
                ],
                SettingWarning::EstimationUnused,
            ),
            (&[("subset", "stratified")], SettingWarning::SubsetUnused),
            (
                &[("network.learned.images", "100")],
                SettingWarning::LearnedUnused,
            ),
        ] {
            let found = with("digits", settings);
            assert_eq!(found, [expected]);
            let text = found[0].to_string();
            assert!(text.len() < 200 && !text.contains('\n'), "{text}");
        }
    }

    #[test]
    fn a_warm_up_must_end_before_the_run() {
        // The run has 469 steps.
        let warm_up = |steps| {
            with(
                "mnist-scn1",
                &[
                    ("training.epochs", "1"),
                    ("training.schedule", "cosine"),
                    ("training.warm_up_steps", steps),
                ],
            )
        };
        assert_eq!(warm_up("468"), []);
        let expected = SettingWarning::WarmUpIsWholeRun {
            warm_up: 469,
            steps: 469,
        };
        assert_eq!(warm_up("469"), [expected]);
    }

    #[test]
    fn settings_that_have_an_effect_give_no_warnings() {
        for settings in [
            // The drops are those of the preset, which are not the default.
            &[("training.schedule", "cosine")][..],
            &[("training.drops", "[0.5]"), ("training.drop_factor", "0.2")],
            &[("network.batch_norm.estimation_batches", "8")],
            &[("subset", "stratified"), ("test_limit", "100")],
            &[("network.batch_norm.group", "32")],
            &[("train_limit", "32")],
            &[
                ("network.dictionary", "learned"),
                ("network.learned.images", "100"),
            ],
        ] {
            assert_eq!(with("digits", settings), [], "{settings:?}");
        }
    }

    #[test]
    fn no_settings_and_no_images_panic() {
        let mut config = presets::get("digits").unwrap();
        config.training.batch_size = 0;
        config.training.epochs = u64::MAX;
        config.training.drops = vec![f64::NAN, -1.0, 2.0];
        for images in [0, 1, usize::MAX] {
            let _ = config.warnings(images);
        }
    }
}
