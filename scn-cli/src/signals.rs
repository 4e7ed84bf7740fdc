//! Ctrl-C and TERM: they end the program at once, or have it end itself where that is better.

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

/// How often the thread looks whether a signal has come.
const EVERY: Duration = Duration::from_millis(50);

/// How long the program may take to end itself before a person is told why it has not.
const PATIENCE: Duration = Duration::from_millis(700);

/// How many of those who run would rather end themselves.
static PATIENT: AtomicUsize = AtomicUsize::new(0);

/// As long as this lives, the first signal only asks the program to stop
/// ([`ending::asked_to_stop`]); the second does not wait.
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

/// Files that are written and not complete.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// As long as this lives, a signal that ends the program removes a file first that is not complete yet.
pub(crate) struct Unfinished(PathBuf);

impl Unfinished {
    /// What `create` makes, watched by the path that it says. A signal that comes meanwhile is answered afterwards.
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

/// From here on a thread answers signals: a handler itself may not touch the terminal.
pub(crate) fn watch(output: Output) -> Result<()> {
    let received = Arc::new(AtomicUsize::new(0));
    // Where the thread cannot end the program, as when a terminal takes nothing, the next signal
    // does.
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
                    // Held until the end, so that no file is begun any more.
                    let unfinished = unfinished();
                    for path in &*unfinished {
                        // Gone already, if it has just been completed.
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
