//! The only place that prints results.

use serde::Serialize;

/// How results are shown.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
    quiet: bool,
}

#[allow(clippy::print_stdout, reason = "a command line prints")]
impl Output {
    /// `json`: results as one JSON object; `quiet`: nothing but that and errors.
    pub fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet }
    }

    /// Whether results are printed as JSON.
    pub fn json(&self) -> bool {
        self.json
    }

    /// Whether progress may be shown.
    pub fn progress(&self) -> bool {
        !self.quiet && !self.json
    }

    /// A result: as JSON where that was asked for, else as text.
    pub fn json_or<T: Serialize>(&self, value: &T, text: impl FnOnce() -> String) {
        if self.json {
            match serde_json::to_string(value) {
                Ok(line) => println!("{line}"),
                Err(error) => println!("{{\"error\":{:?}}}", error.to_string()),
            }
        } else if !self.quiet {
            println!("{}", text());
        }
    }

    /// A line for a person.
    pub fn say(&self, text: impl std::fmt::Display) {
        if self.progress() {
            println!("{text}");
        }
    }
}
