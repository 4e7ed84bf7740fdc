//! Files that are written whole or not at all.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Returns an error if the output file is one of the input files.
pub(crate) fn expect_another<'a>(
    out: &Path,
    inputs: impl IntoIterator<Item = &'a Path>,
) -> Result<()> {
    // A file that does not exist yet is not an input.
    let there = out.canonicalize().ok();
    let same = |input: &Path| there.is_some() && input.canonicalize().ok() == there;
    if inputs.into_iter().any(same) {
        bail!(
            "--out {}: expected a file that is not an input, found one of the inputs",
            out.display()
        );
    }
    Ok(())
}

/// Writes a file. If `fill` or the system fails, nothing of it remains.
pub(crate) fn write(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<()> {
    scn_data::write_whole(path, fill).with_context(|| format!("cannot write {}", path.display()))
}
