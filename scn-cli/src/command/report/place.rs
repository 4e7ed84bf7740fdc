//! The output folder of a report, and what the terminal shows about it.

use std::path::Path;

use anyhow::{Context, Result, bail};
use scn_net::RunFolder;

use crate::table::wrapped;

/// Checks that the output folder holds no other run, whose report would be overwritten.
pub(super) fn expect_no_other_run(folder: &Path, own: Option<&Path>) -> Result<()> {
    let whole = |path: &Path| path.canonicalize().ok();
    let other = || own.is_none_or(|own| whole(own) != whole(folder));
    if RunFolder::new(folder).config().exists() && other() {
        bail!(
            "{}: expected a folder for the report, found a run whose own report would be replaced; choose another folder with --out",
            folder.display()
        );
    }
    Ok(())
}

/// Creates the output folder if there is none, and returns it.
pub(super) fn made(folder: &Path) -> Result<&Path> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

/// Formats the path of the report and the names of the files beside it.
pub(super) fn written(report: &Path, files: &[String]) -> String {
    format!(
        "{}\n{}",
        report.display(),
        wrapped(&files[1..].join(" "), "")
    )
}
