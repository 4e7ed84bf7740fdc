//! Small pictures on one sheet, with a word under each.

use anyhow::Result;
use askama::Template;

use super::drawing::Drawing;
use super::palette::{FONT, GRID, INK, PAPER};
use crate::pictures::{Raster, data_uri};

/// Side of the larger pictures on the sheet, at least; and the gap around each.
const SIDE: usize = 48;
const GAP: usize = 12;
/// Of a caption.
const LINE: usize = 20;

#[derive(Template)]
#[template(path = "sheet.svg")]
struct Sheet<'a> {
    width: usize,
    height: usize,
    /// Of each picture.
    wide: usize,
    high: usize,
    pictures: Vec<Placed<'a>>,
}

/// A picture with the place of its upper left corner and of the middle of its caption's line.
struct Placed<'a> {
    x: usize,
    y: usize,
    middle: usize,
    base: usize,
    uri: String,
    caption: &'a str,
}

/// Captions that count.
pub(crate) fn numbers(numbers: impl Iterator<Item = usize>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

/// The pictures, all of one size, in rows of `across`, and under each its caption.
pub(crate) fn draw(pictures: &[Raster], captions: &[String], across: usize) -> Result<Drawing> {
    let (width, height) = pictures.first().map_or((1, 1), Raster::size);
    let zoom = SIDE.div_ceil(width.max(1)).max(1);
    let (wide, high) = (zoom * width, zoom * height);
    let columns = across.min(pictures.len()).max(1);
    let mut sheet = Sheet {
        width: columns * (wide + GAP) + GAP,
        height: pictures.len().div_ceil(columns) * (high + LINE + GAP) + GAP,
        wide,
        high,
        pictures: Vec::new(),
    };
    for (index, (picture, caption)) in pictures.iter().zip(captions).enumerate() {
        let x = GAP + index % columns * (wide + GAP);
        let y = GAP + index / columns * (high + LINE + GAP);
        sheet.pictures.push(Placed {
            x,
            y,
            middle: x + wide / 2,
            base: y + high + LINE - 5,
            uri: data_uri(&picture.zoomed(zoom).png()?),
            caption,
        });
    }
    Ok(Drawing {
        width: sheet.width,
        height: sheet.height,
        elements: sheet.render()?,
    })
}
