//! What a run folder shows a reader: `report.html`, `report.md`, and their plots as SVG files.

mod chart;
mod contents;
mod document;
mod findings;
mod html;
mod markdown;
mod matrix;
mod palette;
mod paper;
mod sheet;

use anyhow::Result;
use scn_net::{EpochRecord, Model, RunConfig, RunFolder, write_atomically};

pub(crate) use self::findings::Findings;

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
    /// Writes the report into the run's folder, each file whole or not at all, and returns their names.
    pub(crate) fn write(&self, folder: &RunFolder) -> Result<Vec<&'static str>> {
        let document = contents::of(self)?;
        let mut files = vec![
            ("report.html", html::render(&document)),
            ("report.md", markdown::render(&document)),
        ];
        files.extend(
            document
                .figures()
                .map(|figure| (figure.file, figure.alone())),
        );
        for (name, text) in &files {
            write_atomically(&folder.path().join(name), |out| {
                out.write_all(text.as_bytes())
            })?;
        }
        Ok(files.into_iter().map(|(name, _)| name).collect())
    }
}
