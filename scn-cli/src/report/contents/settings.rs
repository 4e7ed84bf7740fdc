//! The section on the configuration: what differs from the preset, and all of it.

use anyhow::Result;
use scn_net::RunConfig;

use crate::report::changes::Change;
use crate::report::document::Block;
use crate::report::table::Table;

/// The section.
pub(super) fn blocks(config: &RunConfig, changed: &[Change]) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    if !changed.is_empty() {
        let mut table = Table::new("What differs from the preset", &["", "this run", "preset"]);
        changed.iter().for_each(|change| table.push(change.cells()));
        blocks.push(Block::Table(table));
    }
    blocks.push(Block::Code(config.to_toml()?));
    Ok(blocks)
}
