//! Ctrl-C and TERM: these signals end the program at once or, if that is better, ask it to stop.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::{register_conditional_shutdown, register_usize};
use signal_hook::low_level::exit;

use crate::ending::{self, Signal};
use crate::output::{self, Output};

/// Interval at which the thread checks for signals.
const EVERY: Duration = Duration::from_millis(50);

/// Time that the program may take to stop before a message explains the delay.
const PATIENCE: Duration = Duration::from_millis(700);

/// Number of existing values of [`Patience`].
static PATIENT: AtomicUsize = AtomicUsize::new(0);

/// A guard: while it exists, the first signal only asks the program to stop
/// ([`ending::asked_to_stop`]). The second signal ends the program at once.
pub(crate) struct Patience(());

impl Patience {
    pub(crate) fn new() -> Self {
        PATIENT.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Patience {
    fn drop(&mut self) {
        PATIENT.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Files that are being written and are not yet complete.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A guard: while it exists, a signal that ends the program first removes this incomplete file.
pub(crate) struct Unfinished(PathBuf);

impl Unfinished {
    /// Creates a file with `create`, and guards the path that it returns. A signal that arrives
    /// meanwhile is handled afterwards.
    pub(crate) fn watched<R>(
        create: impl FnOnce() -> io::Result<(R, Option<PathBuf>)>,
    ) -> io::Result<(R, Option<Self>)> {
        let mut unfinished = unfinished();
        let (created, path) = create()?;
        unfinished.extend(path.clone());
        Ok((created, path.map(Self)))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        unfinished().retain(|path| *path != self.0);
    }
}

fn unfinished() -> MutexGuard<'static, Vec<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a thread that handles signals, because a signal handler itself must not use the terminal.
pub(crate) fn watch(output: Output) -> Result<()> {
    let received = Arc::new(AtomicUsize::new(0));
    // If the thread cannot end the program, for example because the terminal blocks, the next
    // signal does.
    let stuck = Arc::new(AtomicBool::new(false));
    for (number, signal) in [(SIGINT, Signal::CtrlC), (SIGTERM, Signal::Term)] {
        register_conditional_shutdown(number, signal.code().into(), Arc::clone(&stuck))
            .and_then(|_| register_usize(number, Arc::clone(&received), number as usize))
            .context("cannot watch for Ctrl-C")?;
    }
    let answer = move || {
        let mut told = None;
        loop {
            thread::sleep(EVERY);
            let signal = match received.swap(0, Ordering::SeqCst) as i32 {
                SIGINT => Some(Signal::CtrlC),
                SIGTERM => Some(Signal::Term),
                _ => None,
            };
            match signal {
                Some(signal) if is_patient() && ending::asked_to_stop().is_none() => {
                    ending::ask_to_stop(signal);
                    told = Some(Instant::now());
                }
                Some(signal) => {
                    stuck.store(true, Ordering::SeqCst);
                    // Hold the lock until the end, so that no further file is created.
                    let unfinished = unfinished();
                    for path in &*unfinished {
                        // Fails harmlessly if the file has just been completed.
                        let _ = fs::remove_file(path);
                    }
                    output::stopped(signal, exit);
                }
                None => {}
            }
            if told.is_some_and(|told| told.elapsed() > PATIENCE) {
                output.stopping();
                told = None;
            }
        }
    };
    thread::Builder::new()
        .name("scn-signals".to_owned())
        .spawn(answer)
        .context("cannot watch for Ctrl-C")?;
    Ok(())
}

fn is_patient() -> bool {
    PATIENT.load(Ordering::SeqCst) > 0
}
