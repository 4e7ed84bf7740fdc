//! Exit codes and signals: how the program ends.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result};
use scn_net::TrainError;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::{register_conditional_shutdown, register_usize};

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
            Self::Stopped if signal() == SIGTERM as usize => ExitCode::from(143),
            Self::Stopped => ExitCode::from(130),
        }
    }
}

/// The code of a failure.
pub(crate) fn code_of(error: &anyhow::Error) -> ExitCode {
    let diverged = |cause: &(dyn std::error::Error + 'static)| {
        matches!(
            cause.downcast_ref::<TrainError>(),
            Some(TrainError::NonFinite { .. })
        )
    };
    if error.chain().any(diverged) {
        ExitCode::from(4)
    } else {
        ExitCode::FAILURE
    }
}

static SIGNAL: OnceLock<Arc<AtomicUsize>> = OnceLock::new();

/// The signal that asks to stop, once it has come; 0 before.
fn signal() -> usize {
    SIGNAL
        .get()
        .map_or(0, |signal| signal.load(Ordering::SeqCst))
}

/// Whether the program is to stop.
pub(crate) fn is_asked_to_stop() -> bool {
    signal() != 0
}

/// From here on Ctrl-C and TERM only ask the program to stop; the second of a kind does not wait.
pub(crate) fn wait_for_signals() -> Result<()> {
    if SIGNAL.get().is_some() {
        return Ok(());
    }
    let first = Arc::new(AtomicUsize::new(0));
    for (signal, code) in [(SIGINT, 130), (SIGTERM, 143)] {
        let again = Arc::new(AtomicBool::new(false));
        // In this order: what is registered first sees the flag as it was before.
        register_conditional_shutdown(signal, code, Arc::clone(&again))
            .and_then(|_| signal_hook::flag::register(signal, again))
            .and_then(|_| register_usize(signal, Arc::clone(&first), signal as usize))
            .context("cannot watch for Ctrl-C")?;
    }
    let _ = SIGNAL.set(first);
    Ok(())
}
