//! The settings of a run as TOML, with a comment for each.

use anyhow::Result;
use scn_net::RunConfig;
use serde_json::{Map, Value};

use super::prose::{comment, paragraphs, plain};
use super::setting::{self, Kind, Setting, Table};
use super::value::text;

/// Returns the settings in the format of `RunConfig::from_toml`. Settings that are off are
/// comments.
///
/// # Errors
/// Returns an error if TOML cannot represent a number.
pub(crate) fn annotated(config: &RunConfig) -> Result<String> {
    config.to_toml()?;
    // Serialise to text first: it has the fewest digits that identify an f32. A `Value` would have
    // all digits of its f64.
    let values: Map<String, Value> = serde_json::from_str(&serde_json::to_string(config)?)?;
    let mut out = comment(
        "Settings for `scn train --config FILE.toml`. `man scn-config` and docs/configuration.md \
         describe them in full.",
        0,
    );
    write_table(&mut out, "", &setting::all(), Some(&values));
    Ok(out)
}

/// Writes the settings of a table, then the tables in it. A table without values is off.
fn write_table(out: &mut String, name: &str, table: &Table, values: Option<&Map<String, Value>>) {
    let value_of = |setting: &Setting| values.and_then(|values| values.get(&setting.name));
    for setting in &table.settings {
        if !matches!(setting.kind, Kind::Table(_)) {
            out.push('\n');
            explain(out, setting);
            write_value(out, setting, value_of(setting));
        }
    }
    for setting in &table.settings {
        let Kind::Table(below) = &setting.kind else {
            continue;
        };
        let dot = if name.is_empty() { "" } else { "." };
        let name = format!("{name}{dot}{}", setting.name);
        let values = value_of(setting).and_then(Value::as_object);
        out.push('\n');
        explain(out, setting);
        out.push_str(&match values {
            Some(_) => format!("[{name}]\n"),
            None => format!("# [{name}]  # off\n"),
        });
        write_table(out, &name, below, values);
    }
}

/// Writes the meaning of a setting, in comments.
fn explain(out: &mut String, setting: &Setting) {
    let first = |description: &str| {
        let paragraphs = paragraphs(description);
        plain(paragraphs.first().map_or("", String::as_str))
    };
    out.push_str(&comment(&first(&setting.description), 0));
    match &setting.kind {
        Kind::Value { choices, .. } => {
            for choice in choices {
                let text = format!("{}: {}", choice.value, first(&choice.description));
                out.push_str(&comment(text.trim_end_matches([':', ' ']), 2));
            }
        }
        Kind::List(entry) => {
            for field in &entry.settings {
                let text = format!("{}: {}", field.name, first(&field.description));
                out.push_str(&comment(&text, 2));
            }
        }
        Kind::Table(_) => {}
    }
}

/// Writes a key with its value, or a comment that shows how to switch the setting on.
fn write_value(out: &mut String, setting: &Setting, value: Option<&Value>) {
    let name = &setting.name;
    out.push_str(&match (value, &setting.kind) {
        (None, _) => format!("# {name} = {}  # off\n", setting.example),
        (Some(Value::Array(entries)), Kind::List(_)) => {
            let entry = |entry: &Value| format!("  {},\n", text(entry));
            let entries: String = entries.iter().map(entry).collect();
            format!("{name} = [\n{entries}]\n")
        }
        (Some(value), _) => format!("{name} = {}\n", text(value)),
    });
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use scn_net::presets;
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::*;
    use crate::configuration::prose::WIDTH;

    /// Settings of all kinds that a run may have.
    #[derive(Serialize, JsonSchema)]
    struct Made {
        /// A table that may be absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        inner: Option<Inner>,
        /// A text with its own format.
        form: Form,
        /// A choice that may be absent.
        #[serde(default)]
        choice: Option<Choice>,
    }

    #[derive(Serialize, JsonSchema)]
    struct Inner {
        /// A required setting.
        size: [usize; 2],
        /// An optional setting.
        #[serde(default)]
        #[schemars(example = 0.5)]
        share: Option<f32>,
        /// A [link](crate::x).
        #[serde(default)]
        fit: bool,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    enum Choice {
        /// Documented.
        OneWay,
        /// Documented too.
        Other,
    }

    /// Serialised by hand, as `name` or `folder:DIR`.
    #[derive(Serialize)]
    struct Form(String);

    impl JsonSchema for Form {
        fn schema_name() -> std::borrow::Cow<'static, str> {
            "Form".into()
        }

        fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
            schemars::json_schema!({ "type": "string", "examples": ["folder:DIR"] })
        }
    }

    #[test]
    fn tables_that_are_off_are_comments() {
        let table = setting::of(schemars::schema_for!(Made));
        let write = |value: &Value| {
            let mut out = String::new();
            write_table(&mut out, "", &table, value.as_object());
            out
        };
        let off = write(&json!({ "form": "a" }));
        assert_eq!(
            off,
            r#"
# A text with its own format.
form = "a"

# A choice that may be absent.
#   "one-way": Documented.
#   "other": Documented too.
# choice = "one-way"  # off

# A table that may be absent.
# [inner]  # off

# A required setting.
# size = [1, 1]  # off

# An optional setting.
# share = 0.5  # off

# A link.
# fit = false  # off
"#
        );
        let on =
            json!({ "inner": { "size": [1, 2], "fit": true }, "form": "a", "choice": "other" });
        let written = write(&on);
        assert!(written.contains("\n[inner]\n"), "{written}");
        let read: toml::Table = toml::from_str(&written).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), on);
    }

    #[test]
    fn every_setting_is_there_and_is_read_as_it_was() {
        let all = setting::all();
        for name in presets::names() {
            let config = presets::get(&name).unwrap();
            let written = annotated(&config).unwrap();
            assert_eq!(RunConfig::from_toml(&written).unwrap(), config, "{name}");
            for section in all.sections() {
                // Lists are written in the table that contains them.
                let from = if section.name.is_empty() || section.list {
                    Some(0)
                } else {
                    let heading = section.heading();
                    let on = written.find(&format!("\n{heading}\n"));
                    on.or_else(|| written.find(&format!("\n# {heading}  # off\n")))
                };
                let from = from.unwrap_or_else(|| panic!("{name}: {}", section.heading()));
                for (setting, ..) in section.values() {
                    let found = written[from..].lines().find(|line| {
                        let line = line.trim_start_matches(['#', ' ', '{']);
                        line.starts_with(&format!("{} = ", setting.name))
                            || (section.list && line.contains(&format!(", {} = ", setting.name)))
                    });
                    assert!(found.is_some(), "{name}: {}.{}", section.name, setting.name);
                    assert!(!setting.description.is_empty(), "{}", setting.name);
                }
            }
        }
    }

    #[test]
    fn lines_fit_a_terminal() {
        let written = annotated(&presets::get("stl10-scn4-expansion-first").unwrap()).unwrap();
        for line in written.lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
    }

    /// A setting that is off is switched on by removing its comment mark.
    #[test]
    fn settings_that_are_off_can_be_switched_on() {
        let config = presets::get("digits").unwrap();
        let written = annotated(&config).unwrap();
        for name in [
            "train_limit",
            "test_limit",
            "contrast",
            "whitening",
            "group",
        ] {
            let lines = written.lines();
            let mut off = lines.filter(|line| line.starts_with(&format!("# {name} = ")));
            let line = off.next().unwrap();
            assert!(line.ends_with("  # off") && off.next().is_none(), "{line}");
            let on = written.replace(line, line.trim_start_matches("# "));
            assert_ne!(RunConfig::from_toml(&on).unwrap(), config, "{line}");
        }
    }

    #[test]
    fn the_largest_seed_is_read_as_it_was_or_refused() {
        let mut config = presets::get("digits").unwrap();
        config.seed = u64::MAX;
        if let Ok(written) = annotated(&config) {
            assert_eq!(RunConfig::from_toml(&written).unwrap(), config);
        }
    }
}
