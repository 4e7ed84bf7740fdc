//! The terminal that bars are drawn on.

use std::io;

use console::{Term, is_dumb};
use indicatif::{ProgressDrawTarget, TermLike};

/// Maximum number of redraws per second.
const RATE: u8 = 20;

/// Standard error, if it is a terminal that can move its cursor.
#[derive(Debug)]
pub(super) struct Terminal(Term);

impl Terminal {
    /// Returns the target that bars are drawn on, hidden if there is no such terminal.
    pub(super) fn target() -> ProgressDrawTarget {
        let term = Term::buffered_stderr();
        if !term.is_term() || is_dumb() {
            return ProgressDrawTarget::hidden();
        }
        ProgressDrawTarget::term_like_with_hz(Box::new(Self(term)), RATE)
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        self.0.size().1
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_up(lines)
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_down(lines)
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_right(columns)
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_left(columns)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    /// Ends a drawing with the cursor at the start of the last line.
    ///
    /// The cursor would otherwise be at the end of that line, at the right edge. The `^C` that a
    /// terminal echoes would then wrap to the next line, and the wrong lines would be cleared.
    ///
    /// A terminal that has closed is not an error: the computation continues.
    fn flush(&self) -> io::Result<()> {
        let _ = self.0.write_str("\r").and_then(|()| self.0.flush());
        Ok(())
    }
}
