//! `scn completions`.

use anyhow::Result;
use clap::Args;
use clap_complete::Shell;

use crate::output::Output;

/// Completions of commands and options for a shell, on standard output.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  scn completions bash > ~/.local/share/bash-completion/completions/scn"
)]
pub(crate) struct Completions {
    /// Shell
    shell: Shell,
}

impl Completions {
    /// `tree` has all commands.
    pub(crate) fn run(&self, mut tree: clap::Command, output: &Output) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut tree, "scn", &mut script);
        output.raw(&script)
    }
}
