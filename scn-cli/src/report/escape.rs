//! Escaping of values in the templates of reports. askama.toml assigns an escaper to each file
//! extension.

use std::fmt::{self, Write};

use askama::filters::{Escaper, Html};

/// The escaper for text in HTML and SVG, including attributes in double quotes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Markup;

impl Escaper for Markup {
    fn write_escaped_str<W: Write>(&self, into: W, text: &str) -> fmt::Result {
        // Keep a number and its unit on one line.
        Html.write_escaped_str(into, &text.replace(" %", "\u{a0}%"))
    }
}

/// The escaper for characters that have a meaning in Markdown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Markdown;

impl Escaper for Markdown {
    fn write_escaped_str<W: Write>(&self, mut into: W, text: &str) -> fmt::Result {
        for character in text.chars() {
            if matches!(
                character,
                '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '&'
            ) {
                into.write_char('\\')?;
            }
            into.write_char(character)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(escaper: impl Escaper, text: &str) -> String {
        let mut escaped = String::new();
        escaper.write_escaped_str(&mut escaped, text).unwrap();
        escaped
    }

    #[test]
    fn what_markup_and_markdown_take_for_more_is_escaped() {
        assert_eq!(
            escaped(Markup, "\"a\" < b & c > 5 %"),
            "&#34;a&#34; &#60; b &#38; c &#62; 5\u{a0}%"
        );
        assert_eq!(escaped(Markdown, "a_b <c> | 5 %"), "a\\_b \\<c\\> \\| 5 %");
    }
}
