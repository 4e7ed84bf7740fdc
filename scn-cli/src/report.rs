//! What a run folder shows a reader: `report.html`, `report.md`, and their plots as SVG files.

mod changes;
mod chart;
mod contents;
mod document;
mod findings;
mod html;
mod markdown;
mod matrix;
mod palette;
mod paper;
mod reproduction;
mod sheet;

use std::path::Path;

use anyhow::Result;
use scn_net::{EpochRecord, Model, RunConfig, RunFolder, write_atomically};

pub(crate) use self::changes::Change;
use self::document::Document;
pub(crate) use self::findings::Findings;
pub(crate) use self::paper::{Printed, TABLE_1, TABLE_2, TABLE_3};
pub(crate) use self::reproduction::{Reproduction, Row};

/// A run as far as it is known.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) config: &'a RunConfig,
    pub(crate) history: &'a [EpochRecord],
    /// After the last epoch.
    pub(crate) model: Option<&'a Model>,
    /// What it does with the test images, or why that is not known.
    pub(crate) findings: Result<&'a Findings, String>,
}

impl Run<'_> {
    /// Writes the report into the run's folder, and returns the names of the files.
    pub(crate) fn write(&self, folder: &RunFolder) -> Result<Vec<String>> {
        write(&contents::of(self)?, folder.path())
    }
}

/// Writes a page in both its forms and its plots, each file whole or not at all, and returns their names.
fn write(document: &Document, folder: &Path) -> Result<Vec<String>> {
    let mut files = vec![
        ("report.html".to_string(), html::render(document)),
        ("report.md".to_string(), markdown::render(document)),
    ];
    files.extend(
        document
            .figures()
            .into_iter()
            .map(|figure| (figure.file.clone(), figure.alone())),
    );
    for (name, text) in &files {
        write_atomically(&folder.join(name), |out| out.write_all(text.as_bytes()))?;
    }
    Ok(files.into_iter().map(|(name, _)| name).collect())
}
