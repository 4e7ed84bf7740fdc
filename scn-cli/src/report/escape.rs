//! How the templates of a report escape what they are filled with; askama.toml says which of them
//! by what.

use std::fmt::{self, Write};

use askama::filters::{Escaper, Html};

/// Text in HTML and SVG, or in an attribute between double quotes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Markup;

impl Escaper for Markup {
    fn write_escaped_str<W: Write>(&self, into: W, text: &str) -> fmt::Result {
        // A number and its unit stay together.
        Html.write_escaped_str(into, &text.replace(" %", "\u{a0}%"))
    }
}

/// Text without the characters that Markdown takes for more.
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
