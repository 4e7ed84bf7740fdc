//! What moves at the bottom of a terminal, below all that is printed: bars, and lines that change.
//!
//! It is drawn on standard error, where that is a terminal and a person wants it, and leaves nothing
//! behind.

mod terminal;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::terminal::Terminal;
use crate::readable::{self, clock};

/// What is over sooner shows no bar.
const SOON: Duration = Duration::from_millis(300);

/// How often a bar is drawn with the time that has passed.
const EVERY: Duration = Duration::from_millis(250);

static HIDDEN: AtomicBool = AtomicBool::new(false);
static LINES: OnceLock<MultiProgress> = OnceLock::new();

/// Nothing is to move: comes before anything does.
pub(crate) fn hide() {
    HIDDEN.store(true, Ordering::Relaxed);
}

/// All lines that move.
fn lines() -> &'static MultiProgress {
    LINES.get_or_init(|| {
        MultiProgress::with_draw_target(if HIDDEN.load(Ordering::Relaxed) {
            ProgressDrawTarget::hidden()
        } else {
            Terminal::target()
        })
    })
}

/// Whether nobody sees what moves.
pub(crate) fn is_hidden() -> bool {
    lines().is_hidden()
}

/// Columns of the terminal that standard error is; None if it is no terminal.
pub(crate) fn width() -> Option<usize> {
    let term = Term::stderr();
    let (_, columns) = term.size_checked().filter(|_| term.is_term())?;
    Some(columns.into())
}

/// Prints above what moves. Nothing may be drawn meanwhile, nor this be called again.
pub(crate) fn above<R>(print: impl FnOnce() -> R) -> R {
    match LINES.get() {
        Some(lines) => lines.suspend(print),
        None => print(),
    }
}

/// A new lowest line. It stays until it is [removed](remove).
pub(crate) fn line(template: &'static str) -> ProgressBar {
    let line = ProgressBar::hidden().with_style(style(template));
    lines().add(line)
}

/// Takes a line away.
pub(crate) fn remove(line: &ProgressBar) {
    line.finish_and_clear();
    lines().remove(line);
}

/// Long thin bars, and text as `template` says.
fn style(template: &'static str) -> ProgressStyle {
    // All templates are constants, and tests draw them.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━━─")
}

/// A bar that says how much of something is done, or only what is waited for, and since when.
/// Dropped, it is gone without a trace.
pub(crate) struct Bar {
    bar: ProgressBar,
    /// Dropped first, which ends the thread.
    over: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Bar {
    /// Of `count` things of which none is done yet.
    pub(crate) fn new(what: &'static str, count: usize) -> Self {
        let bar = ProgressBar::hidden()
            .with_style(style(
                "{prefix:.bold} {bar:30.green/dim} {human_pos}/{human_len}  {wide_msg}",
            ))
            .with_prefix(what);
        bar.set_length(count as u64);
        Self::start(bar, times)
    }

    /// Of `count` things of which many are done in a second, with that rate.
    pub(crate) fn fast(what: &'static str, count: usize) -> Self {
        let bar = ProgressBar::hidden()
            .with_style(style(
                "{prefix:.bold} {wide_bar:.green/dim} {human_pos}/{human_len}  {msg}",
            ))
            .with_prefix(what);
        bar.set_length(count as u64);
        Self::start(bar, |bar, start| {
            let rate = bar.position() as f64 / start.elapsed().as_secs_f64();
            format!("{}, {}/s", times(bar, start), readable::rate(rate))
        })
    }

    /// Of what says nothing until it is done.
    pub(crate) fn wait(what: impl Into<String>) -> Self {
        let bar = ProgressBar::hidden()
            .with_style(style("{spinner:.green} {prefix}  {wide_msg}"))
            .with_prefix(what.into());
        Self::start(bar, times)
    }

    /// So many more are done.
    pub(crate) fn advance(&self, count: usize) {
        self.bar.inc(count as u64);
    }

    /// A thread shows the bar, as a computation may be long between two of its reports.
    fn start(bar: ProgressBar, message: fn(&ProgressBar, Instant) -> String) -> Self {
        let mut started = Self {
            bar,
            over: None,
            thread: None,
        };
        if is_hidden() {
            return started;
        }
        let (over, is_over) = channel();
        let (bar, start) = (started.bar.clone(), Instant::now());
        let show = move || {
            let waits = |time| is_over.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
            if waits(SOON) {
                let bar = lines().add(bar);
                loop {
                    bar.set_message(message(&bar, start));
                    bar.tick();
                    if !waits(EVERY) {
                        break;
                    }
                }
                remove(&bar);
            }
        };
        // Without a thread there is no bar.
        if let Ok(thread) = thread::Builder::new().spawn(show) {
            (started.over, started.thread) = (Some(over), Some(thread));
        }
        started
    }
}

/// The time that something has taken, and that which the rest will take if it goes on like that.
fn times(bar: &ProgressBar, start: Instant) -> String {
    let spent = start.elapsed();
    let (done, all) = (bar.position(), bar.length().unwrap_or(0));
    let left = spent.mul_f64(all.saturating_sub(done) as f64 / done.max(1) as f64);
    match done {
        0 => clock(spent),
        _ => format!("{}, {} left", clock(spent), clock(left)),
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.over = None;
        if let Some(thread) = self.thread.take() {
            // It has nothing to say but that the bar is gone.
            let _ = thread.join();
        }
    }
}
