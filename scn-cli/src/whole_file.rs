//! Files that a command writes whole or not at all.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// That a file that is to be written is none of those that are read.
pub(crate) fn expect_another<'a>(
    out: &Path,
    inputs: impl IntoIterator<Item = &'a Path>,
) -> Result<()> {
    // A file that is not there yet is none.
    let there = out.canonicalize().ok();
    let same = |input: &Path| there.is_some() && input.canonicalize().ok() == there;
    if inputs.into_iter().any(same) {
        bail!(
            "--out {}: expected another file than those that are read, found one of them",
            out.display()
        );
    }
    Ok(())
}

/// Writes a file, of which nothing is left where `fill` or the system fails.
pub(crate) fn write(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<()> {
    scn_data::write_whole(path, fill).with_context(|| format!("cannot write {}", path.display()))
}
