//! The only place that prints.

use std::fmt::Display;
use std::io::{self, Write};

use serde::Serialize;

use crate::ending::Ending;

/// How results are shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
}

impl Output {
    /// `json`: results as one JSON object; `quiet`: nothing but that and errors.
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet }
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

    /// A line for a person. What is being done goes on if nobody reads it any longer.
    pub(crate) fn say(&self, text: impl Display) {
        if self.for_a_person() {
            let _ = writeln!(io::stdout(), "{text}");
        }
    }

    /// A text for another program, which is the result itself: whatever was asked for, exactly as it is. No error if the other end,
    /// such as `head`, has read enough.
    #[expect(clippy::unused_self, reason = "all output goes through an `Output`")]
    pub(crate) fn raw(&self, text: &[u8]) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        match out.write_all(text).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => Ok(written?),
        }
    }

    /// Codes have missed their tolerance, which is an error unless it was allowed.
    pub(crate) fn unconverged(&self, missed: String, allowed: bool) -> Ending {
        if allowed {
            self.warn(missed);
            return Ending::Done;
        }
        error(&anyhow::Error::msg(missed));
        Ending::Unconverged
    }

    /// Something that a person should know and a program need not stop for.
    pub(crate) fn warn(&self, text: impl Display) {
        if !self.quiet {
            let _ = writeln!(io::stderr(), "warning: {text}");
        }
    }
}

/// One line: what failed, and its causes. A cause that the line already says is not said again.
pub(crate) fn error(error: &anyhow::Error) {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !line.contains(&cause) {
            if !line.is_empty() {
                line.push_str(": ");
            }
            line.push_str(&cause);
        }
    }
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let _ = writeln!(io::stderr(), "error: {line}");
}

/// A condition number for a table: plain, but for sizes that say no more than "singular in this precision".
pub(crate) fn condition_number(condition: Option<f64>) -> String {
    match condition {
        None => "infinite".to_string(),
        Some(condition) if condition < 1e6 => format!("{condition:.0}"),
        Some(condition) => format!("{condition:.0e}"),
    }
}

/// The mean of the layers' values; 0 of none.
pub(crate) fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len().max(1) as f64;
    values.sum::<f64>() / count
}
