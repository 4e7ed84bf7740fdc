//! A report as an HTML page: one file without scripts that loads nothing from the network. All tags
//! are closed, so that XML tools can read it too.

use anyhow::Result;
use askama::Template;

use super::document::{Block, Document};
use super::palette::Dark;
use super::table::Cell;

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    document: &'a Document,
    dark: String,
}

/// Maximum length of words that are not broken at a hyphen, such as "CIFAR-100".
const WHOLE: usize = 10;

impl Page<'_> {
    /// Splits a text into words, and returns whether a line may break within each.
    fn words<'t>(&self, text: &'t str) -> Vec<(&'t str, bool)> {
        let breaks = |word: &str| !word.contains('-') || word.chars().count() > WHOLE;
        text.split(' ').map(|word| (word, breaks(word))).collect()
    }
}

pub(crate) fn render(document: &Document) -> Result<String> {
    let page = Page {
        document,
        dark: Dark::new().render()?,
    };
    Ok(page.render()?)
}
