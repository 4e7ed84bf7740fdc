//! `scn man`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;

use crate::output::Output;

/// Writes the manual pages of all commands.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  scn man ~/.local/share/man/man1    # then: man scn, man scn-train"
)]
pub(crate) struct Man {
    /// Folder that shall hold scn.1, scn-train.1, ...
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    folder: &'a PathBuf,
}

impl Man {
    /// `tree` has all commands.
    pub(crate) fn run(&self, tree: clap::Command, output: &Output) -> Result<()> {
        let folder = &self.folder;
        std::fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(tree, folder))
            .with_context(|| format!("cannot write manual pages to {}", folder.display()))?;
        output.result(&Summary { folder }, || {
            format!("{}: manual pages", folder.display())
        })
    }
}
