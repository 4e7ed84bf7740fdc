//! The legend of a plot, in rows above it.

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;

use super::style::{DASHES, DOTS, HOLLOW, text};
use crate::report::palette::Colour;

/// The sample before an entry of the legend.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sample {
    Solid(Colour),
    Dashed(Colour),
    Dotted(Colour),
    /// A ring around a point.
    Ring(Colour),
    /// A filled point.
    Dot(Colour),
    /// A hollow point.
    Hollow(Colour),
    /// A triangle on a line.
    Triangle(Colour),
    /// A rule across the plot.
    Rule(Colour),
}

pub(crate) type Entry = (Sample, String);

/// Height of a row, and left end of its first sample.
const ROW: i32 = 26;
const LEFT: i32 = 16;
/// Length of a sample.
const SAMPLE: i32 = 30;
/// Assumed width of a letter, which few letters exceed. There is no font to measure with.
const LETTER: i32 = 9;

/// The entries with the positions of their samples, and the height of the legend.
pub(super) struct Legend<'a> {
    placed: Vec<(i32, i32, &'a Entry)>,
    pub(super) height: i32,
}

impl<'a> Legend<'a> {
    /// Arranges entries in rows of a given width.
    pub(super) fn new(entries: &'a [Entry], width: i32) -> Self {
        let (mut x, mut y) = (LEFT, 20);
        let mut placed = Vec::new();
        for entry in entries {
            let wide = SAMPLE + 8 + LETTER * entry.1.chars().count() as i32 + 16;
            if x > LEFT && x + wide > width {
                (x, y) = (LEFT, y + ROW);
            }
            placed.push((x, y, entry));
            x += wide;
        }
        let height = if placed.is_empty() { 0 } else { y + 14 };
        Self { placed, height }
    }

    pub(super) fn draw<Backend: DrawingBackend>(
        &self,
        area: &DrawingArea<Backend, Shift>,
    ) -> Result<(), DrawingAreaErrorKind<Backend::ErrorType>> {
        for &(x, y, (sample, name)) in &self.placed {
            let (ends, middle) = ([(x, y), (x + SAMPLE, y)], (x + SAMPLE / 2, y));
            let line = |colour: Colour| colour.rgb().stroke_width(2);
            match *sample {
                Sample::Solid(colour) => area.draw(&PathElement::new(ends, line(colour)))?,
                Sample::Dashed(colour) => {
                    let (on, off) = DASHES;
                    area.draw(&DashedPathElement::new(ends, on, off, line(colour)))?;
                }
                Sample::Dotted(colour) => {
                    let (on, off) = DOTS;
                    area.draw(&DashedPathElement::new(ends, on, off, line(colour)))?;
                }
                Sample::Ring(colour) => area.draw(&Circle::new(middle, 6, line(colour)))?,
                Sample::Dot(colour) => area.draw(&Circle::new(middle, 4, colour.rgb().filled()))?,
                Sample::Hollow(colour) => {
                    let style = colour.rgb().stroke_width(1);
                    area.draw(&Circle::new(middle, HOLLOW, style))?;
                }
                Sample::Triangle(colour) => {
                    area.draw(&TriangleMarker::new(middle, 6, colour.rgb().filled()))?;
                }
                Sample::Rule(colour) => {
                    let ends = [(middle.0, y - 9), (middle.0, y + 9)];
                    area.draw(&PathElement::new(ends, line(colour)))?;
                }
            }
            area.draw(&Text::new(name.as_str(), (x + SAMPLE + 8, y - 9), text(20)))?;
        }
        Ok(())
    }
}
