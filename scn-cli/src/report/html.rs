//! A report as a page for browsers: one file, without scripts, that asks the network for nothing.
//! Every tag is closed, so that XML tools read it too.

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

/// Words with a hyphen that are not longer stay whole: "CIFAR-100".
const WHOLE: usize = 10;

impl Page<'_> {
    /// A text as words, and whether a line may break within each.
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
