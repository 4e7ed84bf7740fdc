//! Range checks of all settings.

use scn_data::{DataSource, Dataset, Draw, PictureConfig};

use super::network::{Lambda1Config, NetworkConfig};
use super::run::RunConfig;
use super::training::TrainingConfig;
use crate::error::ConfigError;

/// Entries that the Gram matrices of any network may have: 64 MiB in f32.
const MOST_GRAM: u64 = 1 << 24;

/// Entries per weight that the Gram matrices may have, if that is more than [`MOST_GRAM`]. A Gram
/// matrix is n/m times as large as its dictionary, so a small file could ask for any amount of
/// memory. Dictionaries in use have n/m of at most about ten.
const GRAM_PER_WEIGHT: u64 = 256;

impl RunConfig {
    /// Checks that every setting is in range, and that the network fits the data set.
    ///
    /// # Errors
    /// Returns an error for the first setting that is out of range or does not fit.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.network.validate()?;
        let training = &self.training;
        check(
            "training.batch_size",
            "at least 1",
            training.batch_size,
            training.batch_size >= 1,
        )?;
        check(
            "training.epochs",
            "from 1 to 1000000000",
            training.epochs,
            (1..=1_000_000_000).contains(&training.epochs),
        )?;
        check(
            "training.learning_rate",
            "positive",
            training.learning_rate,
            positive(training.learning_rate),
        )?;
        check(
            "training.drop_factor",
            "positive",
            training.drop_factor,
            positive(training.drop_factor),
        )?;
        for &drop in &training.drops {
            check(
                "training.drops",
                "fractions of the run between 0 and 1",
                drop,
                drop > 0.0 && drop < 1.0,
            )?;
        }
        check(
            "training.momentum",
            "in [0, 1)",
            training.momentum,
            (0.0..1.0).contains(&training.momentum),
        )?;
        let decay = training.weight_decay;
        check(
            "training.weight_decay",
            "at least 0",
            decay,
            decay.is_finite() && decay >= 0.0,
        )?;
        self.validate_tools()?;
        for (key, tolerance) in [
            ("training.loosest_tolerance", training.loosest_tolerance),
            (
                "training.loosest_adjoint_tolerance",
                training.loosest_adjoint_tolerance,
            ),
        ] {
            check(key, "positive", tolerance, positive(f64::from(tolerance)))?;
        }
        for (key, constant) in [
            ("input.contrast", self.input.contrast),
            ("input.whitening", self.input.whitening),
        ] {
            let constant = constant.unwrap_or(1.0);
            check(key, "positive", constant, positive(constant))?;
        }
        check(
            "input.draw",
            "batch or image while network.batch_norm.group is off",
            "group",
            self.input.draw != Draw::Group || self.network.batch_norm.group.is_some(),
        )?;
        for (key, limit) in [
            ("train_limit", self.train_limit),
            ("test_limit", self.test_limit),
        ] {
            check(key, "at least 1", limit.unwrap_or(1), limit != Some(0))?;
        }
        self.validate_data()?;
        self.validate_choice()?;
        match self.dataset.name() {
            // The images of other sources are checked once they are read.
            None => Ok(()),
            Some(name) => self.expect_images(name.shape(), name.classes()),
        }
    }

    /// Checks that the network takes the images of a data set.
    ///
    /// # Errors
    /// Returns an error if `network.input` or `network.classes` does not fit.
    pub fn fits(&self, data: &Dataset) -> Result<(), ConfigError> {
        self.expect_images(data.train.shape(), data.train.classes())
    }

    /// Checks that the network takes images of this shape and this number of classes.
    fn expect_images(&self, shape: [usize; 3], classes: usize) -> Result<(), ConfigError> {
        let input = self.network.input;
        let expected = format!("{shape:?}, the image shape of {}", self.dataset);
        check(
            "network.input",
            &expected,
            format!("{input:?}"),
            input == shape,
        )?;
        let expected = format!("{classes}, the number of classes of {}", self.dataset);
        check(
            "network.classes",
            &expected,
            self.network.classes,
            self.network.classes == classes,
        )
    }

    /// Checks the settings that determine which images there are.
    fn validate_data(&self) -> Result<(), ConfigError> {
        let folder = matches!(self.dataset, DataSource::Folder(_));
        let only = "off unless dataset is folder:DIR";
        if let Some(share) = self.test_share {
            check("test_share", only, share, folder)?;
            check("test_share", "between 0 and 1", share, in_unit(share))?;
        }
        let pictures = &self.pictures;
        if *pictures != PictureConfig::default() {
            check("pictures", only, "given", folder)?;
        }
        let sides = pictures.size.unwrap_or([1, 1]);
        check(
            "pictures.size",
            "a height and a width from 1 to 4096",
            format!("{sides:?}"),
            sides.iter().all(|side| (1..=4096).contains(side)),
        )
    }

    /// Checks the settings of clipping, label smoothing, mixup and averaging.
    fn validate_tools(&self) -> Result<(), ConfigError> {
        let TrainingConfig {
            clip_norm,
            label_smoothing,
            mixup,
            average_decay,
            ..
        } = self.training;
        let norm = clip_norm.unwrap_or(1.0);
        check("training.clip_norm", "positive", norm, positive(norm))?;
        check_label_smoothing(label_smoothing)?;
        let alpha = mixup.unwrap_or(1.0);
        check(
            "training.mixup",
            "in (0, 1000]",
            alpha,
            alpha > 0.0 && alpha <= 1000.0,
        )?;
        let decay = average_decay.unwrap_or(0.5);
        check(
            "training.average_decay",
            "between 0 and 1",
            decay,
            in_unit(decay),
        )
    }

    /// Checks the settings for choosing the best epoch.
    fn validate_choice(&self) -> Result<(), ConfigError> {
        let TrainingConfig {
            validation,
            patience,
            ..
        } = self.training;
        if let Some(share) = validation {
            check(
                "training.validation",
                "between 0 and 1",
                share,
                in_unit(share),
            )?;
        }
        if let Some(epochs) = patience {
            check("training.patience", "at least 1", epochs, epochs >= 1)?;
            let expected = "off while training.validation is off";
            check("training.patience", expected, epochs, validation.is_some())?;
        }
        Ok(())
    }
}

impl NetworkConfig {
    /// Checks that every setting is in range.
    ///
    /// # Errors
    /// Returns an error for the first setting that is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let sides = self.input.iter().all(|side| (1..=1 << 16).contains(side));
        check(
            "network.input",
            "three sizes from 1 to 65536",
            format!("{:?}", self.input),
            sides,
        )?;
        check(
            "network.classes",
            "from 2 to 65535",
            self.classes,
            (2..=65535).contains(&self.classes),
        )?;
        check(
            "network.window",
            "odd, at most 255",
            self.window,
            self.window % 2 == 1 && self.window <= 255,
        )?;
        check(
            "network.lambda2",
            "at least 0",
            self.lambda2,
            self.lambda2.is_finite() && self.lambda2 >= 0.0,
        )?;
        let Lambda1Config { initial, rate, .. } = self.lambda1;
        check(
            "network.lambda1.initial",
            "at least 0",
            initial,
            initial.is_finite() && initial >= 0.0,
        )?;
        check(
            "network.lambda1.rate",
            "at least 0",
            rate,
            rate.is_finite() && rate >= 0.0,
        )?;
        self.validate_learned()?;
        let norm = self.batch_norm;
        check(
            "network.batch_norm.rate",
            "in (0, 1]",
            norm.rate,
            norm.rate > 0.0 && norm.rate <= 1.0,
        )?;
        check(
            "network.batch_norm.epsilon",
            "positive",
            norm.epsilon,
            positive(norm.epsilon.into()),
        )?;
        let batches = norm.estimation_batches;
        check(
            "network.batch_norm.estimation_batches",
            "at least 1",
            batches,
            batches >= 1,
        )?;
        let group = norm.group.unwrap_or(1);
        check("network.batch_norm.group", "at least 1", group, group >= 1)?;
        let solver = self.solver;
        check(
            "network.solver.tolerance",
            "positive",
            solver.tolerance,
            positive(solver.tolerance.into()),
        )?;
        let tolerance = solver.adjoint_tolerance;
        check(
            "network.solver.adjoint_tolerance",
            "positive",
            tolerance,
            positive(tolerance.into()),
        )?;
        check(
            "network.solver.max_passes",
            "at least 1",
            solver.max_passes,
            solver.max_passes >= 1,
        )?;
        let layers = self.layers.len();
        check(
            "network.layers",
            "from 1 to 1024 layers",
            layers,
            (1..=1024).contains(&layers),
        )?;
        for layer in &self.layers {
            check(
                "network.layers.atoms",
                "from 1 to 65536",
                layer.atoms,
                (1..=1 << 16).contains(&layer.atoms),
            )?;
            check(
                "network.layers.stride",
                "from 1 to 255",
                layer.stride,
                (1..=255).contains(&layer.stride),
            )?;
        }
        let (weights, gram) = self.sizes();
        let most = MOST_GRAM.max(GRAM_PER_WEIGHT * weights);
        check(
            "network.layers.atoms",
            &format!("so small that D'D of all layers has at most {most} entries"),
            format!("so large that it has {gram}"),
            gram <= most,
        )
    }

    /// Checks the settings of dictionary learning.
    fn validate_learned(&self) -> Result<(), ConfigError> {
        let learned = self.learned.unwrap_or_default();
        for (key, count) in [
            ("network.learned.images", learned.images as u64),
            ("network.learned.windows", learned.windows as u64),
            ("network.learned.epochs", learned.epochs),
        ] {
            check(key, "at least 1", count, count >= 1)?;
        }
        let lambda1 = learned.lambda1;
        let below_one = (0.0..1.0).contains(&lambda1);
        check("network.learned.lambda1", "in [0, 1)", lambda1, below_one)
    }

    /// Returns the number of weights of all dictionaries and the classifier, and the number of
    /// entries of all Gram matrices `D'D`.
    pub(crate) fn sizes(&self) -> (u64, u64) {
        let patch = (self.window * self.window) as u64;
        let (mut weights, mut gram, mut channels) = (0, 0, self.input[0] as u64);
        for layer in &self.layers {
            // Cannot overflow: at most 1024 layers of 2^16 channels, 2^16 positions and 2^16 atoms.
            let atoms = layer.atoms as u64;
            weights += channels * patch * atoms;
            gram += atoms * atoms;
            channels = atoms;
        }
        (weights + self.classes as u64 * channels, gram)
    }
}

/// Checks that label smoothing is in [0, 1), also after rounding to f32.
pub(crate) fn check_label_smoothing(share: f64) -> Result<(), ConfigError> {
    let below_one = (0.0..1.0).contains(&share) && (share as f32) < 1.0;
    check("training.label_smoothing", "in [0, 1)", share, below_one)
}

/// Whether a number lies strictly between 0 and 1.
fn in_unit(share: f64) -> bool {
    share > 0.0 && share < 1.0
}

fn positive(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

fn check(
    key: &str,
    expected: &str,
    found: impl std::fmt::Display,
    holds: bool,
) -> Result<(), ConfigError> {
    if holds {
        return Ok(());
    }
    Err(ConfigError::Range {
        key: key.to_string(),
        expected: expected.to_string(),
        found: found.to_string(),
    })
}
