//! Settings as text: `config.toml` and single settings by name.

use super::run::RunConfig;
use crate::error::ConfigError;

impl RunConfig {
    /// Parses and validates a configuration.
    ///
    /// # Errors
    /// Returns an error if the text is not TOML, or has an unknown key or a value of the wrong type
    /// or out of range.
    ///
    /// # Example
    ///
    /// ```
    /// use scn_net::RunConfig;
    ///
    /// let text = r#"
    ///     dataset = "digits"
    ///     training = { epochs = 2 }
    ///
    ///     [network]
    ///     input = [1, 8, 8]
    ///     classes = 10
    ///     layers = [{ atoms = 8 }, { atoms = 16, stride = 2 }]
    /// "#;
    /// let config = RunConfig::from_toml(text)?;
    /// assert_eq!((config.training.epochs, config.training.batch_size), (2, 128));
    /// assert_eq!(RunConfig::from_toml(&config.to_toml()?)?, config);
    /// # Ok::<(), scn_net::ConfigError>(())
    /// ```
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let mut config: Self = toml::from_str(text).map_err(|error| ConfigError::Syntax {
            message: error.to_string().trim().to_string(),
        })?;
        config.validate()?;
        config.network.spell_out();
        Ok(config)
    }

    /// Returns the configuration as TOML that [`from_toml`](Self::from_toml) reads, with every
    /// setting written out.
    ///
    /// # Errors
    /// Returns an error for a seed of 2⁶³ or more, which TOML cannot hold.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        let mut config = self.clone();
        config.network.spell_out();
        toml::to_string(&config).map_err(|error| ConfigError::Syntax {
            message: error.to_string(),
        })
    }

    /// Changes one setting by its dotted name: `set("training.learning_rate", "0.05")`. The value
    /// is parsed as TOML, or taken as a string if it is not TOML.
    ///
    /// # Errors
    /// Returns an error if the key is not a setting or the value does not fit it. The configuration
    /// is then unchanged.
    ///
    /// # Example
    ///
    /// ```
    /// use scn_net::{ConfigError, presets};
    ///
    /// let mut config = presets::get("digits")?;
    /// config.set("training.learning_rate", "0.05")?;
    /// assert_eq!(config.training.learning_rate, 0.05);
    ///
    /// let refused = config.set("training.epochs", "0");
    /// assert!(matches!(refused, Err(ConfigError::Range { .. })));
    /// assert_eq!(config.training.epochs, 30);
    /// # Ok::<(), scn_net::ConfigError>(())
    /// ```
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), ConfigError> {
        let refuse = |message: String| ConfigError::Set {
            key: key.to_string(),
            value: value.to_string(),
            message,
        };
        let parsed = toml::from_str::<toml::Table>(&format!("value = {value}"))
            .ok()
            .and_then(|mut table| table.remove("value"))
            .unwrap_or_else(|| toml::Value::String(value.to_string()));
        let mut config = self.clone();
        if key.starts_with("network.learned.") {
            // A section that is off starts with its defaults.
            config.network.learned.get_or_insert_default();
        }
        let mut root = toml::Table::try_from(&config).map_err(|error| refuse(error.to_string()))?;
        let (path, name) = match key.rsplit_once('.') {
            Some((path, name)) => (path.split('.').collect(), name),
            None => (Vec::new(), key),
        };
        let mut table = &mut root;
        for part in path {
            table = match table.get_mut(part) {
                Some(toml::Value::Table(inner)) => inner,
                _ => return Err(refuse(format!("there is no section {part}"))),
            };
        }
        table.insert(name.to_string(), parsed);
        let mut changed: Self = root
            .try_into()
            .map_err(|error: toml::de::Error| refuse(error.message().to_string()))?;
        changed.validate()?;
        changed.network.spell_out();
        *self = changed;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DictionaryInit, LearnedConfig, NormPlacement};
    use crate::presets;

    #[test]
    fn every_preset_survives_toml() {
        for name in presets::names() {
            let config = presets::get(&name).unwrap();
            assert_eq!(
                RunConfig::from_toml(&config.to_toml().unwrap()).unwrap(),
                config,
                "{name}"
            );
        }
    }

    #[test]
    fn settings_are_set_by_name() {
        let mut config = presets::get("digits").unwrap();
        config.set("training.learning_rate", "0.05").unwrap();
        config.set("network.batch_norm.placement", "after").unwrap();
        config.set("train_limit", "100").unwrap();
        config.set("input.contrast", "10").unwrap();
        assert_eq!(config.training.learning_rate, 0.05);
        assert_eq!(config.network.batch_norm.placement, NormPlacement::After);
        assert_eq!(config.train_limit, Some(100));
        assert_eq!(config.input.contrast, Some(10.0));
        assert_eq!(config.input.whitening, None);
    }

    /// The settings of dictionary learning are written if dictionaries are learned; other files
    /// stay as they were.
    #[test]
    fn the_settings_of_learning_are_written_where_they_count() {
        let mut config = presets::get("digits").unwrap();
        assert!(!config.to_toml().unwrap().contains("learned"));
        let mut other_order = config.clone();

        config.set("network.dictionary", "learned").unwrap();
        let defaults = LearnedConfig::default();
        assert_eq!(config.network.learned, Some(defaults));
        config.set("network.learned.images", "100").unwrap();
        let expected = LearnedConfig {
            images: 100,
            ..defaults
        };
        assert_eq!(config.network.learned, Some(expected));
        let text = config.to_toml().unwrap();
        assert!(text.contains("[network.learned]\nimages = 100\n"), "{text}");
        assert_eq!(RunConfig::from_toml(&text).unwrap(), config);

        other_order.set("network.learned.images", "100").unwrap();
        other_order.set("network.dictionary", "learned").unwrap();
        assert_eq!(other_order, config);

        // A configuration made by a program or read from an older file, without the section.
        let mut built = presets::get("digits").unwrap();
        built.network.dictionary = DictionaryInit::Learned;
        let read = RunConfig::from_toml(&built.to_toml().unwrap()).unwrap();
        assert_eq!(read.network.learned, Some(defaults));
    }

    #[test]
    fn wrong_settings_are_refused_and_change_nothing() {
        let config = presets::get("digits").unwrap();
        for (key, value, says) in [
            (
                "training.learning_rat",
                "0.05",
                "unknown field `learning_rat`",
            ),
            ("training.learning_rate", "fast", "invalid type"),
            (
                "training.learning_rate",
                "-1",
                "training.learning_rate must be positive, but is -1",
            ),
            (
                "input.contrast",
                "0",
                "input.contrast must be positive, but is 0",
            ),
            (
                "input.whitening",
                "nan",
                "input.whitening must be positive, but is NaN",
            ),
            ("trainings.epochs", "3", "there is no section trainings"),
            ("network.learned.image", "3", "unknown field `image`"),
            (
                "network.learned.windows",
                "0",
                "network.learned.windows must be at least 1, but is 0",
            ),
            (
                "network.learned.lambda1",
                "1",
                "network.learned.lambda1 must be in [0, 1), but is 1",
            ),
            ("network.window", "2", "network.window must be odd"),
            (
                "dataset",
                "mnist",
                "network.input must be [1, 28, 28], the image shape of mnist, but is [1, 8, 8]",
            ),
        ] {
            let mut changed = config.clone();
            let message = changed.set(key, value).unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
            assert_eq!(changed, config);
        }
    }
}
