//! Differences between configurations.
//!
//! Configurations are compared in serialised form, so a new setting needs no change here.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::Result;
use scn_net::{RunConfig, presets};
use serde::Serialize;
use serde_json::Value;

/// A setting that differs from the preset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    /// Dotted name of the setting.
    pub(crate) setting: String,
    /// Value in this run, or None if it is not set.
    pub(crate) value: Option<String>,
    /// Value in the preset, or None if it is not set.
    pub(crate) preset: Option<String>,
}

impl Change {
    /// Returns the name, the value and the preset's value, for a table.
    pub(crate) fn cells(&self) -> [String; 3] {
        let or_not_set = |value: &Option<String>| {
            let value = value.as_deref();
            value.unwrap_or("not set").to_string()
        };
        [
            self.setting.clone(),
            or_not_set(&self.value),
            or_not_set(&self.preset),
        ]
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [setting, value, preset] = self.cells();
        write!(f, "{setting} {value}")?;
        match self.preset {
            // Omit "instead of not set" after a setting that the preset lacks, such as a limit.
            None => Ok(()),
            Some(_) => write!(f, " instead of {preset}"),
        }
    }
}

/// Returns the settings that differ from the configuration's preset; none without a preset.
pub(crate) fn from_preset(config: &RunConfig) -> Result<Vec<Change>> {
    let Some(name) = config.preset.as_deref() else {
        return Ok(Vec::new());
    };
    let preset = match presets::ANY_IMAGES.contains(&name) {
        false => presets::get(name),
        true => {
            let (dataset, network) = (config.dataset.clone(), &config.network);
            presets::for_images(name, dataset, network.input, network.classes).map(|mut preset| {
                // These settings belong to the images, not to the preset.
                (preset.test_share, preset.pictures) = (config.test_share, config.pictures);
                preset
            })
        }
    };
    match preset {
        Ok(preset) => between(config, &preset),
        // This version does not know the preset, so there is nothing to compare with.
        Err(_) => Ok(Vec::new()),
    }
}

/// Returns the settings that differ from a preset, in the order of [`differing`].
pub(crate) fn between(config: &RunConfig, preset: &RunConfig) -> Result<Vec<Change>> {
    let change = |difference: Difference| {
        let mut values = difference.values.into_iter();
        Change {
            setting: difference.setting,
            value: values.next().flatten(),
            preset: values.next().flatten(),
        }
    };
    Ok(differing(&[config, preset])?
        .into_iter()
        .map(change)
        .collect())
}

/// A setting that differs between configurations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Dotted name of the setting.
    pub(crate) setting: String,
    /// Value in each configuration, or None if it is not set.
    pub(crate) values: Vec<Option<String>>,
}

/// Returns the settings that differ between configurations, sorted by name.
///
/// Settings outside all sections, such as limits, come first.
pub(crate) fn differing(configs: &[&RunConfig]) -> Result<Vec<Difference>> {
    let all: Vec<_> = configs
        .iter()
        .map(|config| settings(config))
        .collect::<Result<_>>()?;
    let mut names: Vec<&String> = all.iter().flat_map(BTreeMap::keys).collect();
    names.sort_by_key(|&name| (name.contains('.'), name));
    names.dedup();
    let values = names.into_iter().map(|name| Difference {
        setting: name.clone(),
        values: all
            .iter()
            .map(|settings| settings.get(name).cloned())
            .collect(),
    });
    let differs = |difference: &Difference| {
        difference
            .values
            .iter()
            .any(|value| *value != difference.values[0])
    };
    Ok(values.filter(differs).collect())
}

fn settings(config: &RunConfig) -> Result<BTreeMap<String, String>> {
    // Serialise to text first: it has the fewest digits that identify an f32. A `Value` would have
    // all digits of its f64.
    let value: Value = serde_json::from_str(&serde_json::to_string(config)?)?;
    let mut all = BTreeMap::new();
    flatten("", &value, &mut all);
    Ok(all)
}

fn flatten(name: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                let separator = if name.is_empty() { "" } else { "." };
                flatten(&format!("{name}{separator}{field}"), value, into);
            }
        }
        // Turn a list of tables into a list for each field.
        Value::Array(entries) if !entries.is_empty() && entries.iter().all(Value::is_object) => {
            let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for entry in entries {
                let mut flat = BTreeMap::new();
                flatten(name, entry, &mut flat);
                for (field, value) in flat {
                    fields.entry(field).or_default().push(value);
                }
            }
            let joined = |(field, values): (String, Vec<String>)| (field, values.join(", "));
            into.extend(fields.into_iter().map(joined));
        }
        Value::Null => {}
        Value::String(text) => {
            into.insert(name.to_string(), text.clone());
        }
        value => {
            into.insert(name.to_string(), value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences(config: &RunConfig) -> Vec<String> {
        let changes = from_preset(config).unwrap();
        changes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn only_what_differs_is_listed() {
        let mut config = presets::get("cifar10-scn1").unwrap();
        assert!(from_preset(&config).unwrap().is_empty());
        config.set("training.learning_rate", "0.05").unwrap();
        config.set("train_limit", "100").unwrap();
        assert_eq!(
            from_preset(&config)
                .unwrap()
                .iter()
                .map(Change::cells)
                .collect::<Vec<_>>(),
            [
                ["train_limit", "100", "not set"],
                ["training.learning_rate", "0.05", "0.1"]
            ]
        );
        config.network.layers.truncate(2);
        let [name, ours, _] = from_preset(&config).unwrap()[1].cells();
        assert_eq!((&*name, &*ours), ("network.layers.atoms", "16, 16"));
        config.preset = None;
        assert!(from_preset(&config).unwrap().is_empty());
    }

    #[test]
    fn changes_are_sentences_with_both_values() {
        let mut config = presets::get("cifar10-scn1").unwrap();
        config.set("network.solver.tolerance", "1e-3").unwrap();
        config.set("training.epochs", "20").unwrap();
        config.set("test_limit", "5000").unwrap();
        assert_eq!(
            sentences(&config),
            [
                "test_limit 5000",
                "network.solver.tolerance 0.001 instead of 0.0001",
                "training.epochs 20 instead of 200",
            ]
        );
        // The other way round: the preset has a setting that the run lacks.
        let preset = presets::get("cifar10-scn1").unwrap();
        let less = between(&preset, &config).unwrap();
        assert_eq!(less[0].to_string(), "test_limit not set instead of 5000");
    }

    #[test]
    fn several_configurations_are_compared_setting_by_setting() {
        let preset = presets::get("digits").unwrap();
        let mut slow = preset.clone();
        slow.set("training.learning_rate", "0.01").unwrap();
        let mut short = preset.clone();
        short.set("training.learning_rate", "0.01").unwrap();
        short.set("train_limit", "9").unwrap();
        let found = differing(&[&preset, &slow, &short]).unwrap();
        let some = |value: &str| Some(value.to_string());
        let rows: Vec<_> = found
            .iter()
            .map(|row| (&*row.setting, &*row.values))
            .collect();
        assert_eq!(
            rows,
            [
                ("train_limit", &[None, None, some("9")][..]),
                (
                    "training.learning_rate",
                    &[some("0.1"), some("0.01"), some("0.01")]
                ),
            ]
        );
        assert!(differing(&[&slow, &slow]).unwrap().is_empty());
    }
}
