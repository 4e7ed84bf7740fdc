//! Where a page is written, and what a terminal says of it.

use std::path::Path;

use anyhow::{Context, Result};

/// A folder for the page, made if there is none.
pub(super) fn made(folder: &Path) -> Result<&Path> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

/// The page and the files beside it, for a terminal.
pub(super) fn written(report: &Path, files: &[String]) -> String {
    format!("{}\n{}", report.display(), files[1..].join(" "))
}
