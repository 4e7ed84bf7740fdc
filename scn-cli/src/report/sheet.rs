//! Small images on one sheet, each with a caption.

use anyhow::Result;
use askama::Template;

use super::drawing::Drawing;
use super::palette::{FONT, GRID, INK, PAPER};
use crate::pictures::{Raster, data_uri};

/// Minimum width of an image on the sheet, and the gap around each image.
const SIDE: usize = 48;
const GAP: usize = 12;
/// Height of a caption.
const LINE: usize = 20;

#[derive(Template)]
#[template(path = "sheet.svg")]
struct Sheet<'a> {
    width: usize,
    height: usize,
    /// Size of each image.
    wide: usize,
    high: usize,
    pictures: Vec<Placed<'a>>,
}

/// An image with the position of its upper left corner, and of the centre and baseline of its
/// caption.
struct Placed<'a> {
    x: usize,
    y: usize,
    middle: usize,
    base: usize,
    uri: String,
    caption: &'a str,
}

/// Returns numbers as captions.
pub(crate) fn numbers(numbers: impl Iterator<Item = usize>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

/// Draws images of the same size in rows of `across`, with a caption below each.
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
