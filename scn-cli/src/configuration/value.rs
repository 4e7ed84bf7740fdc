//! Values in TOML.

use serde_json::Value;

/// Formats a value on one line.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => toml::Value::String(text.clone()).to_string(),
        Value::Array(entries) => {
            let entries: Vec<String> = entries.iter().map(text).collect();
            format!("[{}]", entries.join(", "))
        }
        Value::Object(fields) => {
            let field = |(name, value)| format!("{name} = {}", text(value));
            let fields: Vec<String> = fields.iter().map(field).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        // These are the same in JSON and TOML.
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// Formats a number that was an f32 with the fewest digits that identify it.
pub(crate) fn float(value: &Value) -> String {
    match value.as_f64() {
        Some(number) => format!("{:?}", number as f32),
        None => text(value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_read_as_they_were() {
        for value in [
            json!(0.1),
            json!(1.0),
            json!(5e-324),
            json!(1e300),
            json!(-3),
            json!(true),
            json!("a \"b\"\\ λ\n"),
            json!([[0.4, 0.8], []]),
            json!({ "atoms": 8, "stride": 1 }),
        ] {
            let table: toml::Table = toml::from_str(&format!("x = {}", text(&value))).unwrap();
            assert_eq!(serde_json::to_value(&table["x"]).unwrap(), value);
        }
        assert_eq!(float(&json!(f64::from(1e-4_f32))), "0.0001");
        assert_eq!(float(&json!(1.0)), "1.0");
    }
}
