//! `scn man`: writes the manual pages.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;

use crate::configuration;
use crate::output::Output;
use crate::whole_file;

/// Writes the manual pages of all commands and of the settings of a run.
///
/// The page of the settings is scn-config(5). If DIR is named man1, it goes to the folder man5
/// beside DIR, where man looks for it; otherwise, it goes to DIR.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  scn man ~/.local/share/man/man1    # then: man scn, man scn-train, man scn-config"
)]
pub(crate) struct Man {
    /// Output folder for scn.1, scn-train.1, ...
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// The output of `scn man --json`.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    folder: &'a PathBuf,
    /// The manual page of the settings.
    config: &'a PathBuf,
}

impl Man {
    /// Writes the pages of all commands in `tree`.
    pub(crate) fn run(&self, tree: clap::Command, output: &Output) -> Result<()> {
        let folder = &self.folder;
        std::fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(tree, folder))
            .with_context(|| format!("cannot write manual pages to {}", folder.display()))?;
        let beside = folder_of_settings(folder);
        let config = &beside.join("scn-config.5");
        std::fs::create_dir_all(&beside)
            .with_context(|| format!("cannot write {}", config.display()))?;
        whole_file::write(config, |file| file.write_all(&configuration::page()?))?;
        output.result(&Summary { folder, config }, || {
            format!("{}: manual pages\n{}", folder.display(), config.display())
        })
    }
}

/// Returns the folder in which `man` looks for section 5, if `folder` is that of section 1;
/// otherwise returns `folder`.
fn folder_of_settings(folder: &Path) -> PathBuf {
    if folder.file_name().is_some_and(|name| name == "man1") {
        folder.with_file_name("man5")
    } else {
        folder.to_path_buf()
    }
}
