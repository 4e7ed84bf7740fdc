//! Tables for a terminal of 80 columns, printed as a whole or one row at a time.

use std::fmt;

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment};

/// Width of a terminal, in columns.
pub(crate) const WIDTH: usize = 80;

/// The heading and the alignment of a column.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    name: String,
    alignment: CellAlignment,
}

/// Returns a column of words, aligned left.
pub(crate) fn left(name: impl Into<String>) -> Column {
    Column {
        name: name.into(),
        alignment: CellAlignment::Left,
    }
}

/// Returns a column of numbers, aligned right.
pub(crate) fn right(name: impl Into<String>) -> Column {
    Column {
        name: name.into(),
        alignment: CellAlignment::Right,
    }
}

/// A table with columns as wide as necessary. It has no ruling, and looks the same in a terminal
/// and in a file.
pub(crate) struct Table {
    table: comfy_table::Table,
    columns: Vec<Column>,
    gap: u16,
}

impl Table {
    /// Creates a table without rows, with two spaces between columns.
    pub(crate) fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        let columns: Vec<Column> = columns.into_iter().collect();
        let mut table = comfy_table::Table::new();
        table.load_style(NOTHING);
        table.set_header(columns.iter().map(|column| &column.name));
        Self {
            table,
            columns,
            gap: 2,
        }
    }

    /// Puts only one space between columns.
    pub(crate) fn narrow(self) -> Self {
        Self { gap: 1, ..self }
    }

    /// Adds a row. Control characters in cells are replaced.
    pub(crate) fn push(&mut self, cells: impl IntoIterator<Item = String>) {
        let cell = |text: String| Cell::new_owned(text.replace(char::is_control, "\u{fffd}"));
        self.table
            .add_row(cells.into_iter().map(cell).collect::<Vec<_>>());
    }

    /// Returns the line of the heading, then a line for each row.
    pub(crate) fn lines(mut self) -> Vec<String> {
        let columns = self.table.column_iter_mut().zip(&self.columns);
        for (index, (column, wanted)) in columns.enumerate() {
            column.set_padding((if index == 0 { 0 } else { self.gap }, 0));
            column.set_cell_alignment(wanted.alignment);
        }
        let lines = self.table.lines();
        lines.map(|line| line.trim_end().to_string()).collect()
    }

    /// Returns the [lines](Self::lines) as one text, without a line break at the end.
    pub(crate) fn text(self) -> String {
        self.lines().join("\n")
    }
}

/// A table that is printed one row at a time, so column widths are fixed in advance. A wider cell
/// shifts the rest of its row.
pub(crate) struct Rows {
    columns: Vec<(Column, usize)>,
}

impl Rows {
    /// Creates a table from columns and their widths.
    pub(crate) fn new(columns: impl IntoIterator<Item = (Column, usize)>) -> Self {
        Self {
            columns: columns.into_iter().collect(),
        }
    }

    /// Returns the lines of the heading, as many as the name with the most lines has.
    pub(crate) fn heading(&self) -> Vec<String> {
        let names = self.columns.iter().map(|(column, _)| column.name.lines());
        let names: Vec<Vec<&str>> = names.map(Iterator::collect).collect();
        let height = names.iter().map(Vec::len).max().unwrap_or(0);
        let line = |index: usize| {
            // Align names at the lowest line.
            let cell = |name: &Vec<&str>| (index + name.len()).checked_sub(height);
            let cells = names
                .iter()
                .map(|name| cell(name).map_or("", |at| name[at]));
            self.row(cells)
        };
        (0..height).map(line).collect()
    }

    /// Returns the line of a row.
    pub(crate) fn row(&self, cells: impl IntoIterator<Item = impl fmt::Display>) -> String {
        let padded = |((column, width), cell): (&(Column, usize), _)| match column.alignment {
            CellAlignment::Left => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        };
        let cells: Vec<String> = self.columns.iter().zip(cells).map(padded).collect();
        cells.join(" ").trim_end().to_string()
    }
}

/// Wraps a text to the width of a terminal, only between words. Lines after the first begin with
/// `indent`.
pub(crate) fn wrapped(text: &str, indent: &str) -> String {
    let options = textwrap::Options::new(WIDTH)
        .subsequent_indent(indent)
        // An address must not be broken.
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(false);
    textwrap::fill(text, options)
}

/// Shortens a name to at most `most` characters.
pub(crate) fn shortened(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        return name.to_string();
    }
    let kept = name.chars().take(most.saturating_sub(1));
    kept.chain(std::iter::once('…')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_left_and_numbers_right_without_spaces_at_the_end() {
        let mut table = Table::new([left("network"), right("epochs"), left("state")]);
        table.push(["a", "1,000", "done"].map(String::from));
        table.push(["longer name", "2", "a\u{1b}b\nc"].map(String::from));
        assert_eq!(
            table.text(),
            "network      epochs  state\n\
             a             1,000  done\n\
             longer name       2  a\u{fffd}b\u{fffd}c"
        );
        let mut table = Table::new([left("a"), right("b")]).narrow();
        table.push(["x", "10"].map(String::from));
        assert_eq!(table.text(), "a  b\nx 10");
    }

    #[test]
    fn rows_stand_below_their_names() {
        let rows = Rows::new([
            (right("epoch"), 5),
            (right("test\nloss"), 6),
            (left("x"), 3),
        ]);
        assert_eq!(rows.heading(), ["        test", "epoch   loss x"]);
        assert_eq!(rows.row(["3", "0.5", "y"]), "    3    0.5 y");
    }

    #[test]
    fn long_lines_are_broken_between_words() {
        let words = ["training.learning-rate"; 12].join(" ");
        let text = wrapped(&format!("    {words}"), "    ");
        assert!(
            text.lines()
                .all(|line| { line.chars().count() <= WIDTH && line.starts_with("    training.") })
        );
        assert_eq!(text.lines().count(), 4);
        assert_eq!(text.split_whitespace().collect::<Vec<_>>().join(" "), words);
        // An address is not broken at its punctuation either.
        let address = "https://a-b.example/c-d/e?f=g-h";
        for before in 40..WIDTH {
            let text = wrapped(&format!("{} {address}", "x".repeat(before)), "");
            assert!(
                text.split_whitespace().any(|word| word == address),
                "{text}"
            );
        }
    }

    #[test]
    fn long_names_are_shortened() {
        assert_eq!(shortened("ship", 4), "ship");
        assert_eq!(shortened("airplane", 4), "air…");
    }
}
