//! The run folder's `learning-curve.svg` and `report.html`.

mod curve;
mod page;

use anyhow::Result;
use scn_net::{EpochRecord, RunConfig, RunFolder, write_atomically};

/// Writes both files, each whole or not at all.
pub(crate) fn write(config: &RunConfig, folder: &RunFolder, history: &[EpochRecord]) -> Result<()> {
    let svg = curve::draw(history)?;
    write_atomically(&folder.path().join("learning-curve.svg"), |out| {
        out.write_all(svg.as_bytes())
    })?;
    let page = page::render(config, history, &svg)?;
    write_atomically(&folder.path().join("report.html"), |out| {
        out.write_all(page.as_bytes())
    })?;
    Ok(())
}
