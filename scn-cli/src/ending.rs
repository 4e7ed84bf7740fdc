//! Exit codes: how the program ends.

use std::fmt;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU8, Ordering};

use scn_net::TrainError;

/// For the manual page.
pub(crate) const CODES: &str = "Exit codes:
  0    done
  1    failed; one line on standard error says why
  2    arguments that are not understood
  3    codes missed the tolerance (solve, gradients; not with --allow-unconverged)
  4    training diverged; the last checkpoint is intact
  130  Ctrl-C; a run in progress has written a checkpoint
  143  TERM; likewise";

/// How a command ended that has not failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Done,
    /// Some codes missed the tolerance.
    Unconverged,
    /// A person or a program has ended it.
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

/// The code of a failure.
pub(crate) fn code_of(error: &anyhow::Error) -> ExitCode {
    number_of(error).into()
}

/// The code of a failure, as a number.
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
    /// The exit code of a program that it has ended.
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

/// A command that has ended itself because a signal asked for it.
#[derive(Debug)]
pub(crate) struct Stopped(pub(crate) Signal);

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stopped by {}", self.0)
    }
}

impl std::error::Error for Stopped {}

/// The code of the signal that asks to stop; 0 before it comes.
static ASKED: AtomicU8 = AtomicU8::new(0);

/// The program is to stop.
pub(crate) fn ask_to_stop(signal: Signal) {
    ASKED.store(signal.code(), Ordering::SeqCst);
}

/// The signal that asks the program to stop, if one has.
pub(crate) fn asked_to_stop() -> Option<Signal> {
    let asked = ASKED.load(Ordering::SeqCst);
    [Signal::CtrlC, Signal::Term]
        .into_iter()
        .find(|signal| signal.code() == asked)
}

/// A break if the program is to stop.
pub(crate) fn break_if_stopped() -> ControlFlow<()> {
    match asked_to_stop() {
        Some(_) => ControlFlow::Break(()),
        None => ControlFlow::Continue(()),
    }
}

/// An error if the program is to stop.
pub(crate) fn unless_stopped() -> Result<(), Stopped> {
    asked_to_stop().map_or(Ok(()), |signal| Err(Stopped(signal)))
}
