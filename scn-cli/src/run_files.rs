//! Settings and records of a run, as commands read them.

use std::path::Path;

use anyhow::{Context, Result};
use scn_data::read_text;
use scn_net::{EpochRecord, RunConfig, RunFolder};

/// Most bytes of settings: a hundred times what a long one has.
const LARGEST_CONFIG: u64 = 1 << 20;

/// The settings in a file of a person.
pub(crate) fn read_settings(path: &Path) -> Result<RunConfig> {
    let text = read_text(path, LARGEST_CONFIG)
        .with_context(|| format!("cannot read {}", path.display()))?;
    RunConfig::from_toml(&text).with_context(|| path.display().to_string())
}

/// The settings of a run.
pub(crate) fn read_config(folder: &RunFolder) -> Result<RunConfig> {
    let path = folder.config();
    let text = read_text(&path, LARGEST_CONFIG).with_context(|| {
        format!(
            "{}: expected a run folder, but cannot read its config.toml",
            folder.path().display()
        )
    })?;
    RunConfig::from_toml(&text).with_context(|| path.display().to_string())
}

/// Most bytes of the records of a run: some hundred thousand epochs.
const LARGEST_HISTORY: u64 = 1 << 28;

/// The epochs that a run has written down.
pub(crate) fn read_history(folder: &RunFolder) -> Result<Vec<EpochRecord>> {
    let path = folder.metrics();
    let text = read_text(&path, LARGEST_HISTORY)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let record = |(line, text)| {
        serde_json::from_str(text).with_context(|| {
            format!(
                "{}: line {}: expected the record of an epoch",
                path.display(),
                line + 1
            )
        })
    };
    text.lines().enumerate().map(record).collect()
}
