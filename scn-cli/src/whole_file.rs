//! Files that a command writes whole or not at all.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

/// Writes a file, of which nothing is left where `fill` or the system fails.
pub(crate) fn write(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<()> {
    scn_data::write_whole(path, fill).with_context(|| format!("cannot write {}", path.display()))
}
