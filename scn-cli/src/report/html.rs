//! A report as a page for browsers: one file, without scripts, that asks the network for nothing. Every tag is closed, so that XML tools
//! read it too.

use super::document::{Block, Captioned, Cell, Document, Table};
use super::palette;
use crate::pictures;

/// Cells with more letters may break their line.
const LONG: usize = 30;

const STYLE: &str = include_str!("style.css");

pub(crate) fn render(document: &Document) -> String {
    let title = escape(&document.title);
    let body: String = document.blocks.iter().map(block).collect();
    let dark = palette::dark_style();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <title>{title}</title>\n<style>\n{STYLE}{dark}</style>\n</head>\n\
         <body>\n<main>\n<h1>{title}</h1>\n{body}</main>\n</body>\n</html>\n"
    )
}

fn block(block: &Block) -> String {
    match block {
        Block::Heading(text) => format!("<h2>{}</h2>\n", escape(text)),
        Block::Text(text) => format!("<p>{}</p>\n", escape(text)),
        Block::Figure(figure) => format!("<figure>{}</figure>\n", figure.within()),
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
    let columns: String = table
        .columns
        .iter()
        .enumerate()
        .map(|(column, name)| {
            let pictures = table.rows.first().map(|row| &row[column]);
            let class = match pictures {
                Some(Cell::Pictures(_)) => " class=\"pictures\"",
                _ => "",
            };
            match name.as_str() {
                "" => "<td></td>".to_string(),
                name => format!("<th scope=\"col\"{class}>{}</th>", escape(name)),
            }
        })
        .collect();
    let rows: String = table
        .rows
        .iter()
        .map(|row| {
            let cells: String = row
                .iter()
                .enumerate()
                .map(|(column, cell)| match cell {
                    Cell::Text(text) if column == 0 => {
                        format!("<th scope=\"row\">{}</th>", escape(text))
                    }
                    Cell::Text(text) if text.chars().count() > LONG => {
                        format!("<td class=\"long\">{}</td>", escape(text))
                    }
                    Cell::Text(text) => format!("<td>{}</td>", escape(text)),
                    Cell::Pictures(pictures) => {
                        let pictures: String = pictures.iter().map(inline).collect();
                        format!("<td class=\"pictures\">{pictures}</td>")
                    }
                })
                .collect();
            format!("<tr>{cells}</tr>\n")
        })
        .collect();
    let (summary, title, end) = if table.folded {
        let summary = format!("<details><summary>{caption}</summary>\n");
        (summary, String::new(), "</details>\n")
    } else {
        (String::new(), format!("<caption>{caption}</caption>"), "")
    };
    format!(
        "{summary}<div class=\"scroll\" role=\"region\" aria-label=\"{caption}\" tabindex=\"0\"><table>{title}\
         <thead><tr>{columns}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n{end}"
    )
}

fn inline(picture: &Captioned) -> String {
    format!(
        "<span>{}{}</span> ",
        image(picture),
        escape(&picture.caption)
    )
}

fn image(picture: &Captioned) -> String {
    format!(
        "<img alt=\"{}\" src=\"{}\"/>",
        escape(&picture.alternative),
        pictures::data_uri(&picture.png)
    )
}

/// Text in a page or a plot, or in an attribute between double quotes.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        // A number and its unit stay together.
        .replace(" %", "\u{a0}%")
}
