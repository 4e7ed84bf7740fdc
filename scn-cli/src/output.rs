//! The only place that prints.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::OnceLock;

use anyhow::{Context, anyhow};
use serde::Serialize;

use crate::ending::{Ending, Signal, Stopped};
use crate::screen;

/// How results are shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    /// Not even errors.
    silent: bool,
}

impl Output {
    /// `json`: results as one JSON object; `quiet`: nothing but that and errors.
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        Self {
            json,
            quiet,
            silent: false,
        }
    }

    /// Nothing at all: that of a process for which another one speaks.
    pub(crate) fn silent() -> Self {
        Self {
            json: false,
            quiet: true,
            silent: true,
        }
    }

    /// Whether text for a person is wanted.
    pub(crate) fn for_a_person(&self) -> bool {
        !self.quiet && !self.json
    }

    /// A result: as JSON where that was asked for, else as text.
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

    /// A result whose text a person has seen already, line by line.
    pub(crate) fn result_json<T: Serialize>(&self, value: &T) -> anyhow::Result<()> {
        if self.json {
            self.raw(format!("{}\n", serde_json::to_string(value)?).as_bytes())?;
        }
        Ok(())
    }

    /// A line for a person. If it cannot be written, the command goes on; [`all_written`] reports it
    /// at the end.
    pub(crate) fn say(&self, text: impl Display) {
        if self.for_a_person()
            && let Err(error) = screen::above(|| unless_unread(writeln!(io::stdout(), "{text}")))
        {
            UNWRITTEN.get_or_init(|| error.to_string());
        }
    }

    /// A text for another program, which is the result itself: whatever was asked for, exactly as
    /// it is. No error if the other end, such as `head`, has read enough.
    #[expect(clippy::unused_self, reason = "all output goes through an `Output`")]
    pub(crate) fn raw(&self, text: &[u8]) -> anyhow::Result<()> {
        let written = screen::above(|| {
            let mut out = io::stdout().lock();
            out.write_all(text).and_then(|()| out.flush())
        });
        unless_unread(written).context(NOT_WRITTEN)
    }

    /// Codes have missed their tolerance, which is an error unless it was allowed.
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

    /// Something that a person should know and a program need not stop for.
    pub(crate) fn warn(&self, text: impl Display) {
        if !self.quiet {
            complain(&one_line(&format!("warning: {text}")));
        }
    }

    /// A person has asked a run to stop, which takes longer than one may expect.
    pub(crate) fn stopping(&self) {
        if !self.quiet {
            complain(
                "stopping after what is being computed; Ctrl-C again ends at once, without a checkpoint",
            );
        }
    }
}

const NOT_WRITTEN: &str = "cannot write to standard output";

/// Why the first line for a person was not written, if one was not.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// No error if the other end, such as `head`, has read enough.
fn unless_unread(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// That every line that was said is written.
pub(crate) fn all_written() -> anyhow::Result<()> {
    match UNWRITTEN.get() {
        Some(reason) => Err(anyhow!("{NOT_WRITTEN}: {reason}")),
        None => Ok(()),
    }
}

/// The exit code of what clap answers itself.
pub(crate) fn silent_answer(answer: &clap::Error) -> ExitCode {
    ExitCode::from(u8::try_from(answer.exit_code()).unwrap_or(1))
}

/// What clap answers itself: help and the version, or what is wrong with the arguments.
pub(crate) fn answer(answer: &clap::Error) -> ExitCode {
    if answer.use_stderr() {
        let text = answer.to_string();
        // What was typed is quoted, and can be long.
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

/// Most characters of a line about what is wrong.
const LONGEST: usize = 300;

/// A line without its middle, if it is too long: it begins with what is wrong and ends with what
/// was found.
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

/// One line: [what failed](line).
pub(crate) fn error(error: &anyhow::Error) {
    let mut line = line(error);
    if !error.is::<Stopped>() {
        line.insert_str(0, "error: ");
    }
    complain(&one_line(&line));
}

/// What failed, and its causes. A cause that is already said is not said again.
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

/// A signal ends the program: this line is its last, and nothing moves any more.
pub(crate) fn stopped(signal: Signal, end: fn(i32) -> !) {
    screen::above(|| {
        let _ = writeln!(io::stderr(), "{}", Stopped(signal));
        end(signal.code().into())
    })
}

/// A line on standard error, which a terminal breaks between words.
fn complain(line: &str) {
    let broken = screen::width().map(|columns| textwrap::fill(line, columns));
    let line = broken.as_deref().unwrap_or(line);
    let _ = screen::above(|| writeln!(io::stderr(), "{line}"));
}

/// A text in one line, not too long, without characters that a terminal would follow.
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
