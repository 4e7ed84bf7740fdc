//! Progress bars and status lines at the bottom of a terminal, below all printed text.
//!
//! They are drawn on standard error if it is a terminal and progress is wanted, and leave nothing
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

/// Time after which an operation shows its bar.
const SOON: Duration = Duration::from_millis(300);

/// Interval at which a bar is redrawn with the elapsed time.
const EVERY: Duration = Duration::from_millis(250);

static HIDDEN: AtomicBool = AtomicBool::new(false);
static LINES: OnceLock<MultiProgress> = OnceLock::new();

/// Hides all bars and lines. Must be called before any of them is created.
pub(crate) fn hide() {
    HIDDEN.store(true, Ordering::Relaxed);
}

/// Returns the set of all bars and lines.
fn lines() -> &'static MultiProgress {
    LINES.get_or_init(|| {
        MultiProgress::with_draw_target(if HIDDEN.load(Ordering::Relaxed) {
            ProgressDrawTarget::hidden()
        } else {
            Terminal::target()
        })
    })
}

/// Whether bars and lines are hidden.
pub(crate) fn is_hidden() -> bool {
    lines().is_hidden()
}

/// Returns the width of the terminal on standard error, or None if it is not a terminal.
pub(crate) fn width() -> Option<usize> {
    let term = Term::stderr();
    let (_, columns) = term.size_checked().filter(|_| term.is_term())?;
    Some(columns.into())
}

/// Prints above all bars and lines. `print` must neither draw nor call this function.
pub(crate) fn above<R>(print: impl FnOnce() -> R) -> R {
    match LINES.get() {
        Some(lines) => lines.suspend(print),
        None => print(),
    }
}

/// Adds a line at the bottom. It stays until it is [removed](remove).
pub(crate) fn line(template: &'static str) -> ProgressBar {
    let line = ProgressBar::hidden().with_style(style(template));
    lines().add(line)
}

/// Removes a line.
pub(crate) fn remove(line: &ProgressBar) {
    line.finish_and_clear();
    lines().remove(line);
}

/// Returns the style of a template, with thin bars.
fn style(template: &'static str) -> ProgressStyle {
    // The default is never used: templates are constants, and tests draw them.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━━─")
}

/// A progress bar, or a spinner with the elapsed time of an operation. It disappears without a
/// trace when dropped.
pub(crate) struct Bar {
    bar: ProgressBar,
    /// Dropped first, which ends the thread.
    over: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Bar {
    /// Creates a bar for `count` items.
    pub(crate) fn new(what: &'static str, count: usize) -> Self {
        let bar = ProgressBar::hidden()
            .with_style(style(
                "{prefix:.bold} {bar:30.green/dim} {human_pos}/{human_len}  {wide_msg}",
            ))
            .with_prefix(what);
        bar.set_length(count as u64);
        Self::start(bar, times)
    }

    /// Creates a bar for `count` fast items that also shows the items per second.
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

    /// Creates a spinner for an operation that does not report progress.
    pub(crate) fn wait(what: impl Into<String>) -> Self {
        let bar = ProgressBar::hidden()
            .with_style(style("{spinner:.green} {prefix}  {wide_msg}"))
            .with_prefix(what.into());
        Self::start(bar, times)
    }

    /// Adds `count` completed items.
    pub(crate) fn advance(&self, count: usize) {
        self.bar.inc(count as u64);
    }

    /// Starts a thread that shows the bar, because a computation may report progress rarely.
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
        // Show no bar if the thread cannot be started.
        if let Ok(thread) = thread::Builder::new().spawn(show) {
            (started.over, started.thread) = (Some(over), Some(thread));
        }
        started
    }
}

/// Formats the elapsed time and, once an item is done, the estimated remaining time.
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
            // Only wait until the bar is gone; the thread has no result.
            let _ = thread.join();
        }
    }
}
