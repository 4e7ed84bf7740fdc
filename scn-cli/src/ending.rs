//! Exit codes of the program.

use std::fmt;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU8, Ordering};

use scn_net::TrainError;

/// Exit codes, for the help text and the manual page.
pub(crate) const CODES: &str = "Exit codes:
  0    success
  1    failure; one line on standard error gives the reason
  2    invalid arguments
  3    codes missed the tolerance, unless --allow-unconverged is given
  4    training diverged; the last checkpoint is intact
  130  stopped by Ctrl-C; a run in progress has written a checkpoint
  143  stopped by TERM; a run in progress has written a checkpoint";

/// The outcome of a command that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Done,
    /// Some codes missed the tolerance.
    Unconverged,
    /// A signal stopped the command.
    Stopped,
}

impl Ending {
    pub(crate) fn code(self) -> ExitCode {
        match self {
            Self::Done => ExitCode::SUCCESS,
            Self::Unconverged => ExitCode::from(3),
            Self::Stopped => asked_to_stop().unwrap_or(Signal::CtrlC).code().into(),
        }
    }
}

/// Returns the exit code of a failure.
pub(crate) fn code_of(error: &anyhow::Error) -> ExitCode {
    number_of(error).into()
}

/// Returns the exit code of a failure, as a number.
pub(crate) fn number_of(error: &anyhow::Error) -> u8 {
    let diverged = |cause: &(dyn std::error::Error + 'static)| {
        matches!(
            cause.downcast_ref::<TrainError>(),
            Some(TrainError::NonFinite { .. })
        )
    };
    if let Some(Stopped(signal)) = error.downcast_ref() {
        signal.code()
    } else if error.chain().any(diverged) {
        4
    } else {
        1
    }
}

/// A signal that ends the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    CtrlC,
    Term,
}

impl Signal {
    /// Returns the exit code of a program that this signal ended.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::CtrlC => 130,
            Self::Term => 143,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CtrlC => "Ctrl-C",
            Self::Term => "TERM",
        })
    }
}

/// The error of a command that stopped because a signal asked it to.
#[derive(Debug)]
pub(crate) struct Stopped(pub(crate) Signal);

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stopped by {}", self.0)
    }
}

impl std::error::Error for Stopped {}

/// Exit code of the signal that asked the program to stop, or 0 if there was none.
static ASKED: AtomicU8 = AtomicU8::new(0);

/// Asks the program to stop.
pub(crate) fn ask_to_stop(signal: Signal) {
    ASKED.store(signal.code(), Ordering::SeqCst);
}

/// Returns the signal that asked the program to stop, if any.
pub(crate) fn asked_to_stop() -> Option<Signal> {
    let asked = ASKED.load(Ordering::SeqCst);
    [Signal::CtrlC, Signal::Term]
        .into_iter()
        .find(|signal| signal.code() == asked)
}

/// Returns a break if the program was asked to stop.
pub(crate) fn break_if_stopped() -> ControlFlow<()> {
    match asked_to_stop() {
        Some(_) => ControlFlow::Break(()),
        None => ControlFlow::Continue(()),
    }
}

/// Returns an error if the program was asked to stop.
pub(crate) fn unless_stopped() -> Result<(), Stopped> {
    asked_to_stop().map_or(Ok(()), |signal| Err(Stopped(signal)))
}
