//! Parsing of numbers in arguments.

use std::str::FromStr;

/// Parses a number in an argument.
///
/// # Errors
/// Returns what was expected. Clap adds what was found.
pub(crate) fn parse<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| {
        let hint = if text.contains(',') {
            " (with a decimal point)"
        } else {
            ""
        };
        format!("expected a number, such as 0.1 or 1e-3{hint}")
    })
}

/// Parses a whole number of at least 1 in an argument.
///
/// # Errors
/// Returns what was expected.
pub(crate) fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err("expected a whole number of at least 1".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_is_no_point() {
        assert_eq!(parse("0.1"), Ok(0.1_f64));
        assert_eq!(parse("-1e-3"), Ok(-1e-3_f32));
        for (text, hint) in [("0,1", true), ("1.000,5", true), ("a", false), ("", false)] {
            let error = parse::<f64>(text).unwrap_err();
            assert_eq!(error.contains("with a decimal point"), hint, "{error}");
        }
    }
}
