//! Text within the markup of HTML and SVG.

/// Text in a page or a plot, or in an attribute between double quotes.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        // A number and its unit stay together.
        .replace(" %", "\u{a0}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_markup_takes_for_more_is_escaped() {
        assert_eq!(
            escape("\"a\" < b & c > 5 %"),
            "&quot;a&quot; &lt; b &amp; c &gt; 5\u{a0}%"
        );
    }
}
