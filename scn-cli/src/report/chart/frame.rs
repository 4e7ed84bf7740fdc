//! The parts that all plots share: the background and a legend at the top.

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;

use super::legend::{Entry, Legend};
use super::style::{HEIGHT, WIDTH};
use crate::report::drawing::Drawing;
use crate::report::palette::PAPER;

/// A part of the drawing.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws a plot of `values` below its legend. `plot` receives the whole drawing, and the part below
/// the legend.
pub(super) fn draw(
    values: &str,
    entries: &[Entry],
    plot: impl FnOnce(&Area<'_>, &Area<'_>) -> Result<(), Box<dyn std::error::Error>>,
) -> Result<Drawing> {
    let legend = Legend::new(entries, WIDTH as i32);
    let size = (WIDTH, HEIGHT + legend.height as u32);
    let mut svg = String::new();
    let draw = || -> Result<(), Box<dyn std::error::Error>> {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&PAPER.rgb())?;
        let (above, below) = root.split_vertically(legend.height);
        legend.draw(&above)?;
        plot(&root, &below)?;
        Ok(root.present()?)
    };
    draw().map_err(|error| anyhow!("cannot draw the plot of {values}: {error}"))?;
    Ok(drawing(&svg, size))
}

/// Removes the outer element from an SVG of `plotters`.
fn drawing(svg: &str, (width, height): (u32, u32)) -> Drawing {
    let inside = svg.split_once('>').map_or(svg, |(_, inside)| inside);
    let inside = inside.trim().trim_end_matches("</svg>");
    Drawing {
        width: width as usize,
        height: height as usize,
        elements: format!("{}\n", inside.trim()),
    }
}
