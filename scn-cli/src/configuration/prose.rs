//! Conversion of doc comments for other formats.

/// Width of a narrow terminal, in columns.
pub(crate) const WIDTH: usize = 80;

/// A piece of a paragraph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Plain(&'a str),
    /// Code without its backticks.
    Code(&'a str),
    /// The label and the address of a link. Links to items of a crate are plain text or code.
    Link(&'a str, &'a str),
}

/// Splits a comment into paragraphs, each on one line.
pub(crate) fn paragraphs(comment: &str) -> Vec<String> {
    let lines: Vec<&str> = comment.lines().map(str::trim).collect();
    let paragraphs = lines.split(|line| line.is_empty());
    paragraphs
        .filter(|lines| !lines.is_empty())
        .map(|lines| lines.join(" "))
        .collect()
}

/// Splits a paragraph into pieces.
pub(crate) fn pieces(paragraph: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = paragraph;
    while let Some(at) = rest.find(['`', '[']) {
        let (before, here) = rest.split_at(at);
        let special = if here.starts_with('`') {
            code(here)
        } else {
            link(here)
        };
        // A bracket that starts no link is plain text.
        let (length, piece) = special.unwrap_or((1, Piece::Plain(&here[..1])));
        found.extend([Piece::Plain(before), piece]);
        rest = &here[length..];
    }
    found.push(Piece::Plain(rest));
    found.retain(|piece| *piece != Piece::Plain(""));
    found
}

/// Parses the code at the start of a text, and returns its length in bytes and the code.
fn code(text: &str) -> Option<(usize, Piece<'_>)> {
    let (code, _) = text.strip_prefix('`')?.split_once('`')?;
    Some((code.len() + 2, Piece::Code(code)))
}

/// Parses the link at the start of a text, and returns its length in bytes and the link.
fn link(text: &str) -> Option<(usize, Piece<'_>)> {
    let (label, after) = text.strip_prefix('[')?.split_once(']')?;
    let length = label.len() + 2;
    let plain = match code(label) {
        Some((all, code)) if all == label.len() => code,
        _ => Piece::Plain(label),
    };
    match after
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(')'))
    {
        Some((address, _)) => {
            let piece = if address.starts_with("http") {
                Piece::Link(label, address)
            } else {
                plain
            };
            Some((length + address.len() + 2, piece))
        }
        // [`Item`]
        None if plain != Piece::Plain(label) => Some((length, plain)),
        None => None,
    }
}

/// Returns a paragraph as plain text, without addresses.
pub(crate) fn plain(paragraph: &str) -> String {
    let written = |piece| match piece {
        Piece::Plain(text) | Piece::Link(text, _) => text.to_string(),
        Piece::Code(code) => format!("`{code}`"),
    };
    pieces(paragraph).into_iter().map(written).collect()
}

/// Formats a text as comments in TOML, indented by `indent` columns. If that is not zero, lines
/// after the first are indented a little more.
pub(crate) fn comment(text: &str, indent: usize) -> String {
    let first = format!("# {}", " ".repeat(indent));
    let others = format!("{first}{}", if indent > 0 { "  " } else { "" });
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(&first)
        .subsequent_indent(&others)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    let lines = textwrap::wrap(text, options);
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_code_are_told_apart() {
        let text = "As in the [authors' program](https://example.org), [1, 2] of [`Item`], `a[0]`, \
                    [those](crate::x) [`f`](Self::f).";
        assert_eq!(
            pieces(text),
            [
                Piece::Plain("As in the "),
                Piece::Link("authors' program", "https://example.org"),
                Piece::Plain(", "),
                Piece::Plain("["),
                Piece::Plain("1, 2] of "),
                Piece::Code("Item"),
                Piece::Plain(", "),
                Piece::Code("a[0]"),
                Piece::Plain(", "),
                Piece::Plain("those"),
                Piece::Plain(" "),
                Piece::Code("f"),
                Piece::Plain("."),
            ]
        );
        assert_eq!(
            plain(text),
            "As in the authors' program, [1, 2] of `Item`, `a[0]`, those `f`."
        );
        for odd in ["", "`", "[", "[a", "[a](", "a`b[c`", "[`x](y)"] {
            let _ = plain(odd);
        }
    }

    #[test]
    fn a_comment_is_split_where_a_line_is_empty() {
        assert_eq!(paragraphs("a\nb\n\n\nc\n"), ["a b", "c"]);
        assert!(paragraphs("").is_empty());
    }

    #[test]
    fn comments_fit() {
        let lines = comment(&"word-word λ ".repeat(30), 2);
        assert!(lines.lines().all(|line| line.chars().count() <= WIDTH));
        assert!(lines.starts_with("#   word") && lines.contains("\n#     "));
    }
}
