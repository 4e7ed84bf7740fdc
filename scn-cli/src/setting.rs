//! Parsing of settings in arguments.

/// Parses a setting in an argument, and returns key and value of `KEY=VALUE`.
///
/// # Errors
/// Returns what was expected. Clap adds what was found.
pub(crate) fn parse(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.trim().to_string(), value.trim().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_hold_the_sign_that_ends_the_key() {
        let pair = |key: &str, value: &str| Ok((key.to_string(), value.to_string()));
        assert_eq!(parse(" a.b = 0.1 "), pair("a.b", "0.1"));
        assert_eq!(parse("layers=[{atoms=8}]"), pair("layers", "[{atoms=8}]"));
        assert!(parse("a.b").is_err());
    }
}
