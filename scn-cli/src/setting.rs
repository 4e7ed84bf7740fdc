//! Settings among the arguments.

/// A setting as it is written in an argument: key and value of `KEY=VALUE`.
///
/// # Errors
/// What is expected; for clap, which says what was found.
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
