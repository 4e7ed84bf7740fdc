//! A report as Markdown: the same blocks, with the plots as files beside it.

use std::fmt::Write;

use super::document::{Block, Cell, Document, Figure, Table};

pub(crate) fn render(document: &Document) -> String {
    let mut text = format!("# {}\n", escape(&document.title));
    for block in &document.blocks {
        text.push('\n');
        match block {
            Block::Heading(heading) => {
                let _ = writeln!(text, "## {}", escape(heading));
            }
            Block::Text(paragraph) => {
                let _ = writeln!(text, "{}", escape(paragraph));
            }
            Block::Figure(figure) => text.push_str(&self::figure(figure)),
            Block::Figures(figures) => {
                for (index, (caption, figure)) in figures.iter().enumerate() {
                    let gap = if index > 0 { "\n" } else { "" };
                    let _ = writeln!(text, "{gap}{}\n", escape(caption));
                    text.push_str(&self::figure(figure));
                }
            }
            Block::Table(table) => text.push_str(&self::table(table)),
            Block::Gallery { sheet, pictures } => {
                text.push_str(&self::figure(sheet));
                text.push('\n');
                for (number, picture) in pictures.iter().enumerate() {
                    let _ = writeln!(
                        text,
                        "{}. {}",
                        number + 1,
                        escape(&picture.caption).replace('\n', ", ")
                    );
                }
            }
            Block::Code(code) => {
                let _ = writeln!(text, "```toml\n{}\n```", code.trim_end());
            }
        }
    }
    text
}

fn figure(figure: &Figure) -> String {
    format!("![{}]({})\n", escape(&figure.description), figure.file)
}

fn table(table: &Table) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let columns = table.columns.iter();
    let caption = escape(&table.caption);
    let (before, after) = if table.folded {
        let summary = format!("<details><summary>{caption}</summary>\n\n");
        (summary, "\n</details>\n")
    } else {
        (format!("{caption}:\n\n"), "")
    };
    let mut text = before;
    text.push_str(&line(columns.clone().map(|name| escape(name)).collect()));
    let rules = columns
        .enumerate()
        .map(|(column, _)| if column == 0 { ":--" } else { "--:" }.to_string());
    text.push_str(&line(rules.collect()));
    for row in &table.rows {
        let cells = row.iter().map(|cell| match cell {
            Cell::Text(text) => escape(text),
            Cell::Noted { text, notes } => noted(text, notes),
            Cell::Pictures(pictures) => {
                let captions: Vec<String> = pictures
                    .iter()
                    .map(|picture| escape(&picture.caption))
                    .collect();
                captions.join(", ")
            }
        });
        text.push_str(&line(cells.collect()));
    }
    text.push_str(after);
    text
}

/// Notes in brackets behind their text; alone where there is none.
fn noted(text: &str, notes: &[String]) -> String {
    let notes = escape(&notes.join("; "));
    match (text, notes.as_str()) {
        (text, "") => escape(text),
        ("", _) => notes,
        (text, _) => format!("{} ({notes})", escape(text)),
    }
}

/// Text without the characters that Markdown takes for more.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(
            character,
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '&'
        ) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

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
            render(&document),
            "# run\\_1\n\na\\_b:\n\n|  | x\\|y |\n| :-- | --: |\n| \\<c\\> | 1 |\n"
        );
    }

    #[test]
    fn notes_follow_their_text() {
        let notes = ["a_b 1".to_string(), "c".to_string()];
        assert_eq!(noted("5.81", &notes), "5.81 (a\\_b 1; c)");
        assert_eq!(noted("5.81", &[]), "5.81");
        assert_eq!(noted("", &notes), "a\\_b 1; c");
    }
}
