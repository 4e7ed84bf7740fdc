//! Small pictures on one sheet, with a word under each.

use std::fmt::Write;

use anyhow::Result;

use super::markup::escape;
use super::palette::{GRID, INK, PAPER};
use crate::pictures::{Raster, data_uri};

/// Side of the larger pictures on the sheet, at least; and the gap around each.
const SIDE: usize = 48;
const GAP: usize = 12;
/// Of a caption.
const LINE: usize = 20;

/// Captions that count.
pub(crate) fn numbers(numbers: impl Iterator<Item = usize>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

/// An SVG with the pictures, all of one size, in rows of `across`, and under each its caption.
pub(crate) fn draw(pictures: &[Raster], captions: &[String], across: usize) -> Result<String> {
    let (width, height) = pictures.first().map_or((1, 1), Raster::size);
    let zoom = SIDE.div_ceil(width.max(1)).max(1);
    let (wide, high) = (zoom * width + GAP, zoom * height + LINE + GAP);
    let columns = across.min(pictures.len()).max(1);
    let size = (
        columns * wide + GAP,
        pictures.len().div_ceil(columns) * high + GAP,
    );
    let mut svg = format!(
        "<svg width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" xmlns=\"http://www.w3.org/2000/svg\">\n\
         <rect width=\"{0}\" height=\"{1}\" fill=\"{2}\"/>\n",
        size.0,
        size.1,
        PAPER.hex()
    );
    for (index, (picture, caption)) in pictures.iter().zip(captions).enumerate() {
        let (x, y) = (GAP + index % columns * wide, GAP + index / columns * high);
        writeln!(
            svg,
            "<image x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" href=\"{}\"/>\
             <rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"{}\"/>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"middle\" font-family=\"sans-serif\" font-size=\"13\" fill=\"{}\">{}</text>",
            zoom * width,
            zoom * height,
            data_uri(&picture.zoomed(zoom).png()?),
            zoom * width,
            zoom * height,
            GRID.hex(),
            x + zoom * width / 2,
            y + zoom * height + LINE - 5,
            INK.hex(),
            escape(caption)
        )?;
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}
