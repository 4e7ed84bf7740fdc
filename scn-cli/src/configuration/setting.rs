//! Descriptions of the settings from the types that parse them: name, type, default, choices,
//! meaning.

use scn_net::RunConfig;
use serde_json::Value;

use super::value::{float, text};

/// A table of `config.toml`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    /// Doc comment of its type, in Markdown.
    pub(crate) description: String,
    /// Settings in the order in which they are written.
    pub(crate) settings: Vec<Setting>,
}

/// A key of `config.toml`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setting {
    pub(crate) name: String,
    /// Doc comment of its field or, without one, of its type, in Markdown.
    pub(crate) description: String,
    /// Whether the setting may be absent, which means that it is off.
    pub(crate) optional: bool,
    /// Value if the setting is absent, as TOML.
    pub(crate) default: Option<String>,
    /// Example of a value, as TOML.
    pub(crate) example: String,
    pub(crate) kind: Kind,
}

/// The kind of value that a key has.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Value {
        /// The type in words.
        words: String,
        choices: Vec<Choice>,
    },
    Table(Table),
    /// A list of tables.
    List(Table),
}

/// A possible value of a setting.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Choice {
    /// The value, as TOML.
    pub(crate) value: String,
    /// The meaning of the value, in Markdown.
    pub(crate) description: String,
}

/// Returns all settings of a run.
pub(crate) fn all() -> Table {
    of(schemars::schema_for!(RunConfig))
}

/// Returns all settings in a schema.
pub(crate) fn of(schema: schemars::Schema) -> Table {
    let schema = Value::from(schema);
    table(&schema, &schema["$defs"])
}

impl Table {
    /// Returns the table itself, without a name, and all tables in it with their dotted names. Each
    /// table comes after the one that contains it.
    pub(crate) fn sections(&self) -> Vec<Section<'_>> {
        let mut found = vec![Section {
            name: String::new(),
            list: false,
            optional: false,
            table: self,
        }];
        for setting in &self.settings {
            let (below, list) = match &setting.kind {
                Kind::Value { .. } => continue,
                Kind::Table(below) => (below, false),
                Kind::List(below) => (below, true),
            };
            for (index, mut section) in below.sections().into_iter().enumerate() {
                let dot = if section.name.is_empty() { "" } else { "." };
                section.name = format!("{}{dot}{}", setting.name, section.name);
                if index == 0 {
                    section.list = list;
                    section.optional = setting.optional;
                }
                found.push(section);
            }
        }
        found
    }
}

/// A table with its dotted name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Section<'a> {
    /// Dotted name; empty for the top-level settings.
    pub(crate) name: String,
    /// Whether it is a list of tables.
    pub(crate) list: bool,
    /// Whether the table may be absent.
    pub(crate) optional: bool,
    pub(crate) table: &'a Table,
}

impl Section<'_> {
    /// Returns the heading of the table in TOML.
    pub(crate) fn heading(&self) -> String {
        if self.list {
            format!("[[{}]]", self.name)
        } else {
            format!("[{}]", self.name)
        }
    }

    /// Returns the settings that are neither tables nor lists of tables.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&Setting, &str, &[Choice])> {
        let settings = self.table.settings.iter();
        settings.filter_map(move |setting| match &setting.kind {
            Kind::Value { words, choices } => Some((setting, words.as_str(), choices.as_slice())),
            Kind::Table(_) | Kind::List(_) => None,
        })
    }
}

fn table(schema: &Value, types: &Value) -> Table {
    let fields = schema["properties"].as_object().into_iter().flatten();
    Table {
        description: description(schema),
        settings: fields
            .map(|(name, field)| setting(name, field, types))
            .collect(),
    }
}

fn setting(name: &str, field: &Value, types: &Value) -> Setting {
    let (shape, optional) = without_null(field);
    let shape = resolved(shape, types);
    let single = shape["format"] == "float";
    let kind = kind(shape, types);
    let written = |value: &Value| if single { float(value) } else { text(value) };
    let default = Some(&field["default"]).filter(|default| !default.is_null());
    let example = match &field["examples"] {
        Value::Array(examples) => examples.first(),
        _ => None,
    };
    let default = default.map(written);
    let example = example.map(written).or_else(|| default.clone());
    Setting {
        name: name.to_string(),
        description: match description(field) {
            own if own.is_empty() => description(shape),
            own => own,
        },
        optional,
        example: example.unwrap_or_else(|| placeholder(shape, types)),
        default,
        kind,
    }
}

/// Returns a possible value of a setting without a default or an example.
fn placeholder(shape: &Value, types: &Value) -> String {
    if let Some(first) = choices(shape).into_iter().next() {
        return first.value;
    }
    let text = match name_of_type(shape) {
        "integer" => "1",
        "number" => "1.0",
        "boolean" => "true",
        "object" => "{}",
        "array" => {
            let entry = placeholder(resolved(&shape["items"], types), types);
            let least = shape["minItems"].as_u64().unwrap_or(0) as usize;
            return format!("[{}]", vec![entry; least].join(", "));
        }
        _ => "\"\"",
    };
    text.to_string()
}

fn kind(shape: &Value, types: &Value) -> Kind {
    if shape["properties"].is_object() {
        return Kind::Table(table(shape, types));
    }
    let items = resolved(&shape["items"], types);
    if items["properties"].is_object() {
        return Kind::List(table(items, types));
    }
    let choices = choices(shape);
    let words = match name_of_type(shape) {
        _ if !choices.is_empty() => "choice".to_string(),
        "array" => {
            let each = words(name_of_type(items));
            let (least, most) = (&shape["minItems"], &shape["maxItems"]);
            if least == most && least.is_u64() {
                format!("list of {least} {each}s")
            } else {
                format!("list of {each}s")
            }
        }
        name => words(name).to_string(),
    };
    Kind::Value { words, choices }
}

fn words(name_of_type: &str) -> &str {
    match name_of_type {
        "boolean" => "true or false",
        "string" => "text",
        other => other,
    }
}

/// Returns `integer`, `number`, `boolean`, `string`, `array` or `object`, or `value` if the schema
/// does not name a type.
fn name_of_type(shape: &Value) -> &str {
    let name = match &shape["type"] {
        Value::Array(several) => several.iter().find(|&name| name != "null"),
        one => Some(one),
    };
    name.and_then(Value::as_str).unwrap_or("value")
}

/// Removes null from a type, and returns whether it was nullable.
fn without_null(field: &Value) -> (&Value, bool) {
    if let Value::Array(several) = &field["anyOf"] {
        let mut others = several.iter().filter(|shape| shape["type"] != "null");
        if let (Some(only), None) = (others.next(), others.next())
            && several.len() > 1
        {
            return (only, true);
        }
    }
    let several = field["type"].as_array();
    let null = several.is_some_and(|several| several.iter().any(|name| name == "null"));
    (field, null)
}

/// Resolves a reference to a type.
fn resolved<'a>(shape: &'a Value, types: &'a Value) -> &'a Value {
    let name = shape["$ref"]
        .as_str()
        .and_then(|name| name.rsplit('/').next());
    name.and_then(|name| types.get(name)).unwrap_or(shape)
}

/// Returns the values that a type lists, or none if it does not list all of them.
fn choices(shape: &Value) -> Vec<Choice> {
    let listed = |shape: &Value, values: Vec<&Value>| {
        let description = description(shape);
        let choice = |value| Choice {
            value: text(value),
            description: description.clone(),
        };
        values.into_iter().map(choice).collect::<Vec<_>>()
    };
    if let Value::Array(variants) = &shape["oneOf"] {
        let below: Vec<Vec<Choice>> = variants.iter().map(choices).collect();
        return if below.iter().any(Vec::is_empty) {
            Vec::new()
        } else {
            below.concat()
        };
    }
    if let Value::Array(values) = &shape["enum"] {
        let values = values.iter().filter(|value| !value.is_null()).collect();
        return listed(&Value::Null, values);
    }
    match &shape["const"] {
        Value::Null => Vec::new(),
        value => listed(shape, vec![value]),
    }
}

fn description(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or("").to_string()
}
