//! The style of text and lines in plots.

use plotters::prelude::*;

use crate::report::palette::{FONT, INK};

/// Width of a plot in pixels. Text remains readable on a phone, where a plot shrinks to two thirds.
pub(super) const WIDTH: u32 = 560;
pub(super) const HEIGHT: u32 = 340;

/// Length of a dash and of the gap after it, in pixels.
pub(super) const DASHES: (i32, i32) = (9, 5);
pub(super) const DOTS: (i32, i32) = (2, 4);

/// Radius of a hollow point.
pub(super) const HOLLOW: i32 = 4;

pub(super) fn text(size: u32) -> TextStyle<'static> {
    (FONT, size).into_font().color(&INK.rgb())
}
