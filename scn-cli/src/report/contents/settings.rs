//! The section on the configuration: what differs from the preset, and all of it.

use std::collections::BTreeMap;

use anyhow::Result;
use scn_net::{RunConfig, presets};
use serde_json::Value;

use crate::report::document::{Block, Table};

/// A setting by its name with dots, as it is in this run and in its preset.
pub(super) type Change = [String; 3];

/// Settings that are not those of the preset; none for a run without one.
pub(super) fn changed(config: &RunConfig) -> Result<Vec<Change>> {
    let preset = config.preset.as_deref();
    // A preset that this version does not know has nothing to compare with.
    let Some(Ok(preset)) = preset.map(presets::get) else {
        return Ok(Vec::new());
    };
    let (ours, theirs) = (settings(config)?, settings(&preset)?);
    let names = ours.keys().chain(theirs.keys());
    let mut changes: Vec<Change> = names
        .filter(|&name| ours.get(name) != theirs.get(name))
        .map(|name| {
            let value = |all: &BTreeMap<String, String>| {
                all.get(name)
                    .cloned()
                    .unwrap_or_else(|| "not set".to_string())
            };
            [name.clone(), value(&ours), value(&theirs)]
        })
        .collect();
    changes.sort();
    changes.dedup();
    Ok(changes)
}

/// The section.
pub(super) fn blocks(config: &RunConfig, changed: Vec<Change>) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    if !changed.is_empty() {
        let mut table = Table::new("What differs from the preset", &["", "this run", "preset"]);
        changed.into_iter().for_each(|change| table.push(change));
        blocks.push(Block::Table(table));
    }
    blocks.push(Block::Code(config.to_toml()?));
    Ok(blocks)
}

fn settings(config: &RunConfig) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    flatten("", &serde_json::to_value(config)?, &mut all);
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
        // A list of tables: each field as a list.
        Value::Array(entries) if entries.iter().all(Value::is_object) => {
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

    #[test]
    fn only_what_differs_is_listed() {
        let mut config = presets::get("cifar10-scn1").unwrap();
        assert!(changed(&config).unwrap().is_empty());
        config.set("training.learning_rate", "0.05").unwrap();
        config.set("train_limit", "100").unwrap();
        assert_eq!(
            changed(&config).unwrap(),
            [
                ["train_limit", "100", "not set"],
                ["training.learning_rate", "0.05", "0.1"]
            ]
        );
        config.network.layers.truncate(2);
        assert_eq!(
            changed(&config).unwrap()[0][..2],
            ["network.layers.atoms", "16, 16"]
        );
        config.preset = None;
        assert!(changed(&config).unwrap().is_empty());
    }
}
