//! Every command line in the documents is one that the argument parser takes.

#[path = "../tests/structure/document.rs"]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod document;

use std::path::Path;

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use self::document::{Document, Form};
use crate::{Cli, Command};

/// A command line in a document, from the word after `scn` on.
struct Line {
    place: String,
    words: Vec<String>,
    /// Whether it may lack required arguments, as code within a sentence and lines with `...` do.
    fragment: bool,
}

impl Line {
    /// Returns the reason why the parser refuses the line, if it does.
    fn refused(&self) -> Option<String> {
        let arguments = ["scn"]
            .into_iter()
            .chain(self.words.iter().map(String::as_str));
        match Cli::try_parse_from(arguments) {
            Ok(cli) => self.wrong_settings(&cli),
            Err(error) => match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => None,
                ErrorKind::MissingRequiredArgument
                | ErrorKind::MissingSubcommand
                | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                    if self.fragment =>
                {
                    None
                }
                ErrorKind::InvalidValue
                | ErrorKind::ValueValidation
                | ErrorKind::InvalidSubcommand
                    if is_placeholder(&error) =>
                {
                    None
                }
                _ => Some(error.to_string()),
            },
        }
    }

    /// Returns the reason why `scn train` would refuse the settings of the line, if it can be told
    /// without images or files.
    fn wrong_settings(&self, cli: &Cli) -> Option<String> {
        let Command::Train(train) = &cli.command else {
            return None;
        };
        let open = |word: &String| {
            ["--resume", "--config", "--dataset", "network.dictionary=1"]
                .iter()
                .any(|part| word.contains(part))
        };
        if self.fragment || self.words.iter().any(open) {
            return None;
        }
        let wrong = train.settings().err()?;
        Some(format!("{wrong:#}"))
    }
}

/// Whether what the parser refuses is a placeholder in capitals, such as `NAME`.
fn is_placeholder(error: &clap::Error) -> bool {
    let kinds = [ContextKind::InvalidValue, ContextKind::InvalidSubcommand];
    kinds.iter().any(|kind| match error.get(*kind) {
        Some(ContextValue::String(word)) => word.chars().all(|c| c.is_ascii_uppercase()),
        _ => false,
    })
}

/// Returns the command lines of `scn` in a line of the shell.
fn commands(shell: &str) -> Vec<Vec<String>> {
    let mut words: Vec<String> = shlex::Shlex::new(shell).collect();
    while let Some(at) = words.iter().position(|word| word == ">" || word == ">>") {
        // The file that receives the output.
        words.drain(at..words.len().min(at + 2));
    }
    let parts = words.split(|word| matches!(word.as_str(), "|" | "||" | "&&" | ";" | "do"));
    let parts = parts.filter(|part| !part.is_empty());
    let found = parts.filter_map(|part| {
        let start = part
            .iter()
            .position(|word| word == "scn" || word.ends_with("/scn"))?;
        // Before it come programs that start others, variables, and their options.
        if part[..start].iter().any(|word| word == "cargo") {
            return None;
        }
        let starts = ["mpirun", "timeout", "perf", "nice", "nohup"];
        let first = &part[0];
        let started = start == 0 || starts.contains(&first.as_str()) || first.contains('=');
        let arguments = part[start + 1..].iter();
        started.then(|| arguments.map(|word| with_values(word)).collect())
    });
    found.collect()
}

/// Returns a word with the number 1 in place of each variable, such as `$seed`.
fn with_values(word: &str) -> String {
    let mut parts = word.split('$');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_lowercase());
        text + "1" + rest
    })
}

/// Returns the command lines of a document.
fn lines(document: &Document) -> Vec<Line> {
    let mut found = Vec::new();
    for code in &document.code {
        for shell in code.text.replace("\\\n", " ").lines() {
            // A program in another language quotes a command line.
            let quoted = shell.split('"').skip(1).step_by(2);
            let quoted = quoted.filter(|part| part.starts_with("scn "));
            for words in std::iter::once(shell).chain(quoted).flat_map(commands) {
                let elided = words.iter().any(|word| word == "...");
                found.push(Line {
                    place: format!("{}, line {}: {shell}", document.path.display(), code.line),
                    words: words.into_iter().filter(|word| word != "...").collect(),
                    fragment: code.form == Form::Inline || elided,
                });
            }
        }
    }
    found
}

#[test]
fn the_parser_takes_every_command_line() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if !root.join("docs/README.md").is_file() {
        // A package of this crate alone has no documents.
        return;
    }
    let lines: Vec<Line> = Document::all(&root).iter().flat_map(lines).collect();
    let refused: Vec<String> = lines
        .iter()
        .filter_map(|line| Some(format!("{}\n    {}", line.place, line.refused()?)))
        .collect();
    assert!(refused.is_empty(), "\n{}", refused.join("\n"));
    assert!(lines.len() > 150, "{} lines", lines.len());
}

#[test]
fn a_line_that_the_parser_does_not_take_is_found() {
    let refused = |shell: &str| {
        let line = Line {
            place: String::new(),
            words: commands(shell).remove(0),
            fragment: false,
        };
        line.refused().is_some()
    };
    assert!(refused("scn train --preset digits --epoch 3"));
    assert!(refused("scn train --set training.momentums=0.5"));
    assert!(refused("mpirun -n 2 scn solve --lambda1 0.1"));
    assert!(refused(
        "FOO=1 target/release/scn presets no-such-preset --flag"
    ));
    assert!(!refused("scn train --preset digits --epochs 3 # a comment"));
    assert!(!refused("scn data fetch NAME && true"));
    assert!(!refused("scn train --seed $seed --out runs/$name-$seed"));
    assert!(refused("scn train --set training.batch_size=$size.5"));
}
