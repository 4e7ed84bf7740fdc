//! Reading of the settings and records of a run by commands.

use std::path::Path;

use anyhow::{Context, Result};
use scn_data::read_text;
use scn_net::{EpochRecord, RunConfig, RunFolder};

/// Maximum size of a settings file in bytes: a hundred times that of a long one.
const LARGEST_CONFIG: u64 = 1 << 20;

/// Reads a settings file given by the user.
pub(crate) fn read_settings(path: &Path) -> Result<RunConfig> {
    let text = read_text(path, LARGEST_CONFIG)
        .with_context(|| format!("cannot read {}", path.display()))?;
    RunConfig::from_toml(&text).with_context(|| path.display().to_string())
}

/// Reads the settings of a run.
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

/// Maximum size of the records of a run in bytes: some hundred thousand epochs.
const LARGEST_HISTORY: u64 = 1 << 28;

/// Reads the records of the epochs of a run.
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
