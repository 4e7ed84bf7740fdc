//! A report as Markdown: the same blocks, with the plots as separate files.

use anyhow::Result;
use askama::Template;

use super::document::{Block, Document};
use super::table::Cell;

#[derive(Template)]
#[template(path = "page.md")]
struct Page<'a> {
    document: &'a Document,
}

pub(crate) fn render(document: &Document) -> Result<String> {
    Ok(Page { document }.render()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::table::Table;

    #[test]
    fn what_markdown_takes_for_more_is_escaped() {
        let mut table = Table::new("a_b", &["", "x|y"]);
        table.push(["<c>".to_string(), "1".to_string()]);
        let document = Document {
            title: "run_1".to_string(),
            wide: false,
            blocks: vec![Block::Table(table)],
        };
        assert_eq!(
            render(&document).unwrap(),
            "# run\\_1\n\na\\_b:\n\n|  | x\\|y |\n| :-- | --: |\n| \\<c\\> | 1 |\n"
        );
    }

    /// Notes follow their text in brackets. Without a text, they have no brackets.
    #[test]
    fn notes_follow_their_text() {
        let noted = |text: &str, notes: &[&str]| Cell::Noted {
            text: text.to_string(),
            notes: notes.iter().map(|&note| note.to_string()).collect(),
        };
        let mut table = Table::new("t", &["x"]);
        table.folded = true;
        table.rows = vec![
            vec![noted("5.81", &["a_b 1", "c"])],
            vec![noted("5.81", &[])],
            vec![noted("", &["a_b 1", "c"])],
        ];
        let document = Document {
            title: "t".to_string(),
            wide: false,
            blocks: vec![Block::Table(table), Block::Text("end".to_string())],
        };
        assert_eq!(
            render(&document).unwrap(),
            "# t\n\n<details><summary>t</summary>\n\n| x |\n| :-- |\n| 5.81 (a\\_b 1; c) |\n| 5.81 |\n| a\\_b 1; c |\n\
             \n</details>\n\nend\n"
        );
    }
}
