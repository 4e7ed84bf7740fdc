//! `scn completions`: prints shell completions.

use anyhow::Result;
use clap::Args;
use clap_complete::Shell;

use crate::output::Output;

/// Prints completions of commands and options for a shell.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  scn completions bash > ~/.local/share/bash-completion/completions/scn"
)]
pub(crate) struct Completions {
    /// Name of the shell
    shell: Shell,
}

impl Completions {
    /// Prints the completions of all commands in `tree`.
    pub(crate) fn run(&self, mut tree: clap::Command, output: &Output) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut tree, "scn", &mut script);
        output.raw(&script)
    }
}
