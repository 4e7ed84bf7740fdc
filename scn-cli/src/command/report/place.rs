//! Where a page is written, and what a terminal says of it.

use std::path::Path;

use anyhow::{Context, Result, bail};
use scn_net::RunFolder;

use crate::table::wrapped;

/// That a folder for a page holds no run but this one: the page would replace its report.
pub(super) fn expect_no_other_run(folder: &Path, own: Option<&Path>) -> Result<()> {
    let whole = |path: &Path| path.canonicalize().ok();
    let other = || own.is_none_or(|own| whole(own) != whole(folder));
    if RunFolder::new(folder).config().exists() && other() {
        bail!(
            "{}: expected a folder for the page, found a run, whose own report it would replace; choose another by --out",
            folder.display()
        );
    }
    Ok(())
}

/// A folder for a page, made if there is none.
pub(super) fn made(folder: &Path) -> Result<&Path> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

/// The page and the files beside it, for a terminal.
pub(super) fn written(report: &Path, files: &[String]) -> String {
    format!(
        "{}\n{}",
        report.display(),
        wrapped(&files[1..].join(" "), "")
    )
}
