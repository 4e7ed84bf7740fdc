//! The files of a report: HTML, Markdown and the plots.

use std::path::Path;

use anyhow::Result;

use super::document::Document;
use super::{html, markdown};
use crate::whole_file;

/// Writes a report as HTML and as Markdown, along with its plots, and returns the names of the
/// files. Each file is written whole or not at all.
pub(super) fn write(document: &Document, folder: &Path) -> Result<Vec<String>> {
    let mut files = vec![
        ("report.html".to_string(), html::render(document)?),
        ("report.md".to_string(), markdown::render(document)?),
    ];
    for figure in document.figures() {
        let svg = figure.drawing.file(&figure.description)?;
        files.push((figure.file.clone(), svg));
    }
    for (name, text) in &files {
        whole_file::write(&folder.join(name), |out| out.write_all(text.as_bytes()))?;
    }
    Ok(files.into_iter().map(|(name, _)| name).collect())
}
