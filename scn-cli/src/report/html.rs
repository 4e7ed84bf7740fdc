//! A report as a page for browsers: one file, without scripts, that asks the network for nothing.
//! Every tag is closed, so that XML tools read it too.

use super::document::{Block, CaptionedPicture, Cell, Document, Narrow, Table};
use super::markup::escape;
use super::palette;
use crate::pictures;

/// Cells with more letters may break their line.
const LONG: usize = 30;

const STYLE: &str = include_str!("style.css");

pub(crate) fn render(document: &Document) -> String {
    let title = escape(&document.title);
    let body: String = document.blocks.iter().map(block).collect();
    let dark = palette::dark_style();
    let class = if document.wide { " class=\"wide\"" } else { "" };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <title>{title}</title>\n<style>\n{STYLE}{dark}</style>\n</head>\n\
         <body>\n<main{class}>\n<h1>{title}</h1>\n{body}</main>\n</body>\n</html>\n"
    )
}

fn block(block: &Block) -> String {
    match block {
        Block::Heading(text) => format!("<h2>{}</h2>\n", unbroken(text)),
        Block::Text(text) => format!("<p>{}</p>\n", escape(text)),
        Block::Figure(figure) => format!("<figure>{}</figure>\n", figure.inline_svg()),
        Block::Figures(figures) => {
            let items: String = figures
                .iter()
                .map(|(caption, figure)| {
                    format!(
                        "<figure><figcaption>{}</figcaption>{}</figure>\n",
                        escape(caption),
                        figure.inline_svg()
                    )
                })
                .collect();
            format!("<div class=\"plots\">\n{items}</div>\n")
        }
        Block::Table(table) => self::table(table),
        Block::Gallery { pictures, .. } => {
            let items: String = pictures
                .iter()
                .map(|picture| {
                    let caption = escape(&picture.caption).replace('\n', "<br/>");
                    format!(
                        "<figure>{}<figcaption>{caption}</figcaption></figure>\n",
                        image(picture)
                    )
                })
                .collect();
            format!("<div class=\"gallery\">\n{items}</div>\n")
        }
        // What overflows is scrolled, with the keyboard too.
        Block::Code(text) => format!("<pre tabindex=\"0\">{}</pre>\n", escape(text)),
    }
}

fn table(table: &Table) -> String {
    let caption = escape(&table.caption);
    let columns: String = (0..table.columns.len())
        .map(|column| column_head(table, column))
        .collect();
    let rows: String = table
        .rows
        .iter()
        .map(|row| {
            let cells = row.iter().enumerate();
            let cells: String = cells
                .map(|(column, cell)| td(table, column, cell))
                .collect();
            format!("<tr{}>{cells}</tr>\n", role(table, "row"))
        })
        .collect();
    let (summary, title, end) = if table.folded {
        let summary = format!("<details><summary>{caption}</summary>\n");
        (summary, String::new(), "</details>\n")
    } else {
        (String::new(), format!("<caption>{caption}</caption>"), "")
    };
    let narrow = match table.narrow {
        Narrow::Scrolls => "",
        Narrow::HoldsHeads => " holds",
        Narrow::Stacks => " stacks",
    };
    format!(
        "{summary}<div class=\"scroll{narrow}\" role=\"region\" aria-label=\"{caption}\" tabindex=\"0\"><table{}>{title}\
         <thead{group}><tr{}>{columns}</tr></thead>\n<tbody{group}>\n{rows}</tbody></table></div>\n{end}",
        role(table, "table"),
        role(table, "row"),
        group = role(table, "rowgroup"),
    )
}

/// What an element of a table is. Browsers forget it where the style makes rows to lists.
fn role(table: &Table, name: &str) -> String {
    match table.narrow {
        Narrow::Stacks => format!(" role=\"{name}\""),
        Narrow::Scrolls | Narrow::HoldsHeads => String::new(),
    }
}

fn class(names: &[&str]) -> String {
    let names: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| !name.is_empty())
        .collect();
    match names.as_slice() {
        [] => String::new(),
        names => format!(" class=\"{}\"", names.join(" ")),
    }
}

fn mark(table: &Table, column: usize) -> &'static str {
    if table.marked.contains(&column) {
        "marked"
    } else {
        ""
    }
}

fn column_head(table: &Table, column: usize) -> String {
    let pictures = match table.rows.first().map(|row| &row[column]) {
        Some(Cell::Pictures(_)) => "pictures",
        _ => "",
    };
    match table.columns[column].as_str() {
        "" => "<td></td>".to_string(),
        name => format!(
            "<th scope=\"col\"{}{}>{}</th>",
            role(table, "columnheader"),
            class(&[pictures, mark(table, column)]),
            match table.narrow {
                Narrow::HoldsHeads => unbroken(name),
                Narrow::Scrolls | Narrow::Stacks => escape(name),
            }
        ),
    }
}

/// Text that breaks its line between words, never at a hyphen.
fn unbroken(text: &str) -> String {
    let word = |word: &str| match word.contains('-') {
        true => format!("<span>{}</span>", escape(word)),
        false => escape(word),
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn td(table: &Table, column: usize, cell: &Cell) -> String {
    let mark = mark(table, column);
    let (kind, content) = match cell {
        Cell::Text(text) if column == 0 => {
            let role = role(table, "rowheader");
            return format!("<th scope=\"row\"{role}>{}</th>", escape(text));
        }
        Cell::Text(text) if text.chars().count() > LONG => ("long", escape(text)),
        Cell::Text(text) => ("", escape(text)),
        Cell::Noted { text, notes } => {
            let notes = notes
                .iter()
                .map(|note| format!("<small>{}</small>", escape(note)));
            ("noted", escape(text) + &notes.collect::<String>())
        }
        Cell::Pictures(pictures) => ("pictures", pictures.iter().map(inline).collect()),
    };
    // Where rows are lists, each cell says what it is; there, one that says nothing is left out.
    let label = match table.narrow {
        Narrow::Stacks if content.is_empty() => return "<td role=\"cell\"></td>".to_string(),
        Narrow::Stacks => format!(" data-label=\"{}\"", escape(&table.columns[column])),
        Narrow::Scrolls | Narrow::HoldsHeads => String::new(),
    };
    format!(
        "<td{}{}{label}>{content}</td>",
        role(table, "cell"),
        class(&[kind, mark])
    )
}

fn inline(picture: &CaptionedPicture) -> String {
    format!(
        "<span>{}{}</span> ",
        image(picture),
        escape(&picture.caption)
    )
}

fn image(picture: &CaptionedPicture) -> String {
    format!(
        "<img alt=\"{}\" src=\"{}\"/>",
        escape(&picture.alternative),
        pictures::data_uri(&picture.png)
    )
}
