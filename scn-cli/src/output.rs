//! Output of results, messages and errors. No other module prints.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::OnceLock;

use anyhow::{Context, anyhow};
use serde::Serialize;

use crate::ending::{Ending, Signal, Stopped};
use crate::screen;

/// The way in which a command shows its results.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    /// Whether even errors are suppressed.
    silent: bool,
}

impl Output {
    /// Creates an output. `json` prints results as one JSON object; `quiet` prints only JSON and
    /// errors.
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        Self {
            json,
            quiet,
            silent: false,
        }
    }

    /// Creates an output that prints nothing, for a process whose results another process prints.
    pub(crate) fn silent() -> Self {
        Self {
            json: false,
            quiet: true,
            silent: true,
        }
    }

    /// Whether to print text for people: neither `--json` nor `--quiet` is given.
    pub(crate) fn for_a_person(&self) -> bool {
        !self.quiet && !self.json
    }

    /// Prints a result: as JSON with `--json`, otherwise as text unless `--quiet` is given.
    pub(crate) fn result<T: Serialize>(
        &self,
        value: &T,
        text: impl FnOnce() -> String,
    ) -> anyhow::Result<()> {
        if self.for_a_person() {
            self.raw(format!("{}\n", text()).as_bytes())?;
        }
        self.result_json(value)
    }

    /// Prints a result with `--json` only, because its text has already been shown line by line.
    pub(crate) fn result_json<T: Serialize>(&self, value: &T) -> anyhow::Result<()> {
        if self.json {
            self.raw(format!("{}\n", serde_json::to_string(value)?).as_bytes())?;
        }
        Ok(())
    }

    /// Prints a line for people.
    ///
    /// A write error does not stop the command; [`all_written`] reports it at the end.
    pub(crate) fn say(&self, text: impl Display) {
        if self.for_a_person()
            && let Err(error) = screen::above(|| unless_unread(writeln!(io::stdout(), "{text}")))
        {
            UNWRITTEN.get_or_init(|| error.to_string());
        }
    }

    /// Prints a result for another program unchanged, whatever the options.
    ///
    /// A closed pipe, such as one to `head`, is not an error.
    #[expect(clippy::unused_self, reason = "all output goes through an `Output`")]
    pub(crate) fn raw(&self, text: &[u8]) -> anyhow::Result<()> {
        let written = screen::above(|| {
            let mut out = io::stdout().lock();
            out.write_all(text).and_then(|()| out.flush())
        });
        unless_unread(written).context(NOT_WRITTEN)
    }

    /// Reports that codes missed their tolerance, which is an error unless `allowed`.
    pub(crate) fn unconverged(&self, missed: String, allowed: bool) -> Ending {
        if allowed {
            self.warn(missed);
            return Ending::Done;
        }
        if !self.silent {
            error(&anyhow::Error::msg(missed));
        }
        Ending::Unconverged
    }

    /// Prints a warning, unless `--quiet` is given.
    pub(crate) fn warn(&self, text: impl Display) {
        if !self.quiet {
            complain(&one_line(&format!("warning: {text}")));
        }
    }

    /// Prints that the program is stopping, for stops that take longer than expected.
    pub(crate) fn stopping(&self) {
        if !self.quiet {
            complain(
                "stopping after the current computation; press Ctrl-C again to stop at once, without a checkpoint",
            );
        }
    }
}

const NOT_WRITTEN: &str = "cannot write to standard output";

/// The error of the first line for people that could not be written, if any.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// Ignores the error of a closed pipe, such as one to `head`.
fn unless_unread(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Returns an error if a line passed to [`Output::say`] could not be written.
pub(crate) fn all_written() -> anyhow::Result<()> {
    match UNWRITTEN.get() {
        Some(reason) => Err(anyhow!("{NOT_WRITTEN}: {reason}")),
        None => Ok(()),
    }
}

/// Returns the exit code of an answer by clap, without printing it.
pub(crate) fn silent_answer(answer: &clap::Error) -> ExitCode {
    ExitCode::from(u8::try_from(answer.exit_code()).unwrap_or(1))
}

/// Prints an answer by clap (help, version or an error in the arguments) and returns its exit code.
pub(crate) fn answer(answer: &clap::Error) -> ExitCode {
    if answer.use_stderr() {
        let text = answer.to_string();
        // Clap quotes the arguments, which can be long.
        if text.lines().any(|line| line.chars().count() > LONGEST) {
            let lines: Vec<String> = text.lines().map(shortened).collect();
            let _ = writeln!(io::stderr(), "{}", lines.join("\n"));
        } else {
            let _ = answer.print();
        }
        return ExitCode::from(2);
    }
    let written = answer.print().and_then(|()| io::stdout().flush());
    match unless_unread(written).context(NOT_WRITTEN) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            error(&failure);
            ExitCode::FAILURE
        }
    }
}

/// Maximum number of characters in a line of an error message.
const LONGEST: usize = 300;

/// Removes the middle of a line that is too long.
///
/// An error message begins with the problem and ends with what was found.
fn shortened(line: &str) -> String {
    let length = line.chars().count();
    if length <= LONGEST {
        return line.to_string();
    }
    let (gap, tail) = (" ... ", 120);
    let head = LONGEST - gap.len() - tail;
    let middle = length - tail;
    line.chars()
        .take(head)
        .chain(gap.chars())
        .chain(line.chars().skip(middle))
        .collect()
}

/// Prints an error as one [`line`].
pub(crate) fn error(error: &anyhow::Error) {
    let mut line = line(error);
    if !error.is::<Stopped>() {
        line.insert_str(0, "error: ");
    }
    complain(&one_line(&line));
}

/// Formats an error and its causes. A cause that the line already contains is not repeated.
pub(crate) fn line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !line.contains(&cause) {
            if !line.is_empty() {
                line.push_str(": ");
            }
            line.push_str(&cause);
        }
    }
    line
}

/// Prints that a signal ends the program, and calls `end` while progress bars are still hidden.
pub(crate) fn stopped(signal: Signal, end: fn(i32) -> !) {
    screen::above(|| {
        let _ = writeln!(io::stderr(), "{}", Stopped(signal));
        end(signal.code().into())
    })
}

/// Writes a line to standard error, wrapped between words on a terminal.
fn complain(line: &str) {
    let broken = screen::width().map(|columns| textwrap::fill(line, columns));
    let line = broken.as_deref().unwrap_or(line);
    let _ = screen::above(|| writeln!(io::stderr(), "{line}"));
}

/// Puts a text on one line of limited length, with control characters escaped.
fn one_line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut line = String::with_capacity(words.len());
    for character in words.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    shortened(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_and_not_too_long() {
        let whole = "é".repeat(LONGEST);
        assert_eq!(one_line(&whole), whole);
        let long = format!("begin {} end", "é".repeat(10_000));
        let line = one_line(&long);
        assert_eq!(line.chars().count(), LONGEST);
        assert!(line.starts_with("begin é") && line.ends_with("é end") && line.contains("é ... é"));
        assert_eq!(one_line("a\n  b\tc"), "a b c");
        assert_eq!(one_line("red \u{1b}[31m"), "red \\u{1b}[31m");
    }
}
