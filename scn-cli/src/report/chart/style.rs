//! Text and lines of plots.

use plotters::prelude::*;

use crate::report::palette::{FONT, INK};

/// Small enough to be read on a telephone, where a plot shrinks to two thirds.
pub(super) const WIDTH: u32 = 560;
pub(super) const HEIGHT: u32 = 340;

/// Pixels of a dash and of the gap behind it.
pub(super) const DASHES: (i32, i32) = (9, 5);
pub(super) const DOTS: (i32, i32) = (2, 4);

/// Radius of a point that is not filled.
pub(super) const HOLLOW: i32 = 4;

pub(super) fn text(size: u32) -> TextStyle<'static> {
    (FONT, size).into_font().color(&INK.rgb())
}
