//! The section on the configuration: the differences from the preset, and all settings.

use anyhow::Result;
use scn_net::RunConfig;

use crate::report::changes::Change;
use crate::report::document::Block;
use crate::report::table::Table;

/// Returns the blocks of the section.
pub(super) fn blocks(config: &RunConfig, changed: &[Change]) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    if !changed.is_empty() {
        let mut table = Table::new(
            "Differences from the preset",
            &["setting", "this run", "preset"],
        );
        changed.iter().for_each(|change| table.push(change.cells()));
        blocks.push(Block::Table(table));
    }
    blocks.push(Block::Code(config.to_toml()?));
    Ok(blocks)
}
