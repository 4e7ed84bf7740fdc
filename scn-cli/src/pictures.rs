//! Images: read from files for a model, and drawn from data sets and dictionaries.

use std::path::Path;

use anyhow::{Context, Result, bail};
use base64::Engine;
use image::RgbImage;
use scn_data::format::pictures;
use scn_data::{Colours, PixelSlice};
use scn_net::Model;

use crate::whole_file;

/// Reads the pixels of an image file as input for a model: upright, scaled to its size, grey or
/// coloured as it needs, and normalised.
pub(crate) fn read(path: &Path, model: &Model) -> Result<Vec<f32>> {
    let input = &model.input;
    let normalization = input
        .normalization
        .as_ref()
        .context("expected a trained model, found an untrained one")?;
    let [channels, height, width] = normalization.shape();
    let picture = pictures::read_scaled(path, colours(channels)?, [height, width], input.fit())?;
    let mut normalized = vec![0.0; picture.pixels.len()];
    // Pixels of image files go up to 255, those of the digits up to 16, and those of arrays up to
    // any number.
    if input.brightest == 255.0 {
        normalization.apply(&picture.pixels[..], &mut normalized)?;
    } else {
        let values = picture.pixels.iter();
        let values: Vec<f32> = values
            .map(|&value| f32::from(value) * input.brightest / 255.0)
            .map(|value| {
                if input.dataset.name().is_some() {
                    value.round()
                } else {
                    value
                }
            })
            .collect();
        normalization.apply(&values[..], &mut normalized)?;
    }
    Ok(normalized)
}

/// Returns whether a model takes grey or coloured images.
pub(crate) fn colours(channels: usize) -> Result<Colours> {
    match channels {
        1 => Ok(Colours::Grey),
        3 => Ok(Colours::Rgb),
        _ => bail!("images have 1 or 3 channels, but the model takes {channels}"),
    }
}

/// Side of a pixel of an atom, and the gap between atoms, in the drawing of all atoms.
const ZOOM: usize = 12;
const GAP: usize = 6;

/// An RGB image in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Raster {
    width: usize,
    height: usize,
    /// Pixels row by row from the top.
    colours: Vec<[u8; 3]>,
}

impl Raster {
    /// Draws an atom of a dictionary (m × n, row-major, row `(channel h + dy) w + dx`) for windows
    /// of height h and width w.
    ///
    /// The atom is scaled by its largest absolute entry; grey is zero. Atoms of three channels are
    /// coloured. For any other number, the channels are drawn in grey, one below the other.
    pub(crate) fn of_atom(
        dictionary: &[f32],
        atoms: usize,
        [high, wide]: [usize; 2],
        atom: usize,
    ) -> Self {
        let rows = dictionary.len() / atoms;
        let plane = high * wide;
        let coloured = rows == 3 * plane;
        let entry = |row: usize| dictionary[row * atoms + atom];
        let largest = (0..rows)
            .map(|row| entry(row).abs())
            .fold(f32::MIN_POSITIVE, f32::max);
        let shade = |row: usize| (127.5 + 127.5 * entry(row) / largest).round() as u8;
        let height = if coloured { high } else { rows / wide };
        let colour = |at: usize| {
            if coloured {
                [0, 1, 2].map(|channel| shade(channel * plane + at))
            } else {
                [shade(at); 3]
            }
        };
        Self {
            width: wide,
            height,
            colours: (0..wide * height).map(colour).collect(),
        }
    }

    /// Draws all atoms of a dictionary in a grid, each as in [`of_atom`](Self::of_atom).
    pub(crate) fn of_atoms(dictionary: &[f32], atoms: usize, window: [usize; 2]) -> Self {
        let tiles: Vec<Self> = (0..atoms)
            .map(|atom| Self::of_atom(dictionary, atoms, window, atom).zoomed(ZOOM))
            .collect();
        let (width, height) = tiles.first().map_or((0, 0), Self::size);
        let across = (atoms as f64).sqrt().ceil() as usize;
        let down = atoms.div_ceil(across.max(1));
        let mut grid = Self {
            width: across * (width + GAP) + GAP,
            height: down * (height + GAP) + GAP,
            colours: Vec::new(),
        };
        grid.colours = vec![[255; 3]; grid.width * grid.height];
        for (atom, tile) in tiles.iter().enumerate() {
            let left = GAP + atom % across * (width + GAP);
            let top = GAP + atom / across * (height + GAP);
            for (y, row) in tile.colours.chunks_exact(width).enumerate() {
                grid.colours[(top + y) * grid.width + left..][..width].copy_from_slice(row);
            }
        }
        grid
    }

    /// Draws an image of a data set (C, H, W), whose pixels go up to `brightest`.
    ///
    /// Three channels are red, green and blue; otherwise only the first channel is drawn.
    /// Floating-point pixels are scaled from the smallest to the largest of the image.
    pub(crate) fn of_image(pixels: PixelSlice<'_>, shape: [usize; 3], brightest: f32) -> Self {
        let [channels, height, width] = shape;
        let plane = height * width;
        let values: Vec<f32> = pixels.values().collect();
        let (dark, bright) = match pixels {
            PixelSlice::Bytes(_) => (0.0, brightest),
            _ => values.iter().fold(
                (f32::INFINITY, f32::NEG_INFINITY),
                |(least, most), &value| (value.min(least), value.max(most)),
            ),
        };
        let range = (bright - dark).max(f32::MIN_POSITIVE);
        let shade = |at: usize| ((values[at] - dark) / range * 255.0).round() as u8;
        let colour = |at: usize| {
            if channels == 3 {
                [0, 1, 2].map(|channel| shade(channel * plane + at))
            } else {
                [shade(at); 3]
            }
        };
        Self {
            width,
            height,
            colours: (0..plane).map(colour).collect(),
        }
    }

    /// Creates a white image of this width and height.
    pub(crate) fn blank((width, height): (usize, usize)) -> Self {
        Self {
            width,
            height,
            colours: vec![[255; 3]; width * height],
        }
    }

    /// Returns the part of `height` x `width` pixels around (y, x). Near an edge the part is
    /// shifted into the image, and it is never larger than the image.
    pub(crate) fn around(&self, [y, x]: [usize; 2], [height, width]: [usize; 2]) -> Self {
        let (height, width) = (height.min(self.height), width.min(self.width));
        let top = y.saturating_sub(height / 2).min(self.height - height);
        let left = x.saturating_sub(width / 2).min(self.width - width);
        let rows = (top..top + height).map(|row| &self.colours[row * self.width + left..][..width]);
        Self {
            width,
            height,
            colours: rows.flatten().copied().collect(),
        }
    }

    /// Returns the width and height in pixels.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// Returns the image with each pixel enlarged to a square of side `factor`.
    pub(crate) fn zoomed(&self, factor: usize) -> Self {
        let (width, height) = (self.width * factor, self.height * factor);
        let colour =
            |at: usize| self.colours[at / width / factor * self.width + at % width / factor];
        Self {
            width,
            height,
            colours: (0..width * height).map(colour).collect(),
        }
    }

    /// Encodes the image as PNG.
    pub(crate) fn png(&self) -> Result<Vec<u8>> {
        let picture = RgbImage::from_fn(
            u32::try_from(self.width)?,
            u32::try_from(self.height)?,
            |x, y| image::Rgb(self.colours[y as usize * self.width + x as usize]),
        );
        let mut png = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut png, image::ImageFormat::Png)?;
        Ok(png.into_inner())
    }
}

/// Returns a PNG file as a data URI.
pub(crate) fn data_uri(png: &[u8]) -> String {
    format!(
        "data:image/png;base64,{}",
        base64::engine::general_purpose::STANDARD.encode(png)
    )
}

/// Draws the atoms of a dictionary as in [`Raster::of_atoms`], and writes a PNG file.
pub(crate) fn draw_atoms(
    dictionary: &[f32],
    atoms: usize,
    window: [usize; 2],
    path: &Path,
) -> Result<()> {
    let png = Raster::of_atoms(dictionary, atoms, window).png()?;
    whole_file::write(path, |out| out.write_all(&png))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn atoms_are_drawn_upright_and_in_colour() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("atoms.png");
        // Two atoms of 3 × 3 × 3: the second is red at the top right and zero elsewhere.
        let mut dictionary = vec![0.0; 27 * 2];
        dictionary[2 * 2 + 1] = 1.0;
        draw_atoms(&dictionary, 2, [3, 3], &path).unwrap();
        let picture = image::open(&path).unwrap().to_rgb8();
        let cell = 3 * ZOOM + GAP;
        assert_eq!(
            picture.dimensions(),
            ((2 * cell + GAP) as u32, (cell + GAP) as u32)
        );
        let at = |x: usize, y: usize| picture.get_pixel(x as u32, y as u32).0;
        assert_eq!(at(GAP, GAP), [128; 3]);
        assert_eq!(at(GAP + cell + 2 * ZOOM, GAP), [255, 128, 128]);
        assert_eq!(at(GAP + cell, GAP + 2 * ZOOM), [128; 3]);
        assert_eq!(at(0, 0), [255; 3]);
    }

    #[test]
    fn images_are_drawn_upright_and_in_colour() {
        // Two rows of three pixels: the last of the first row is green at half its brightness.
        let mut pixels = [0_u8; 18];
        pixels[6 + 2] = 8;
        let raster = Raster::of_image(pixels[..].into(), [3, 2, 3], 16.0).zoomed(2);
        assert_eq!(raster.size(), (6, 4));
        let picture = image::load_from_memory(&raster.png().unwrap())
            .unwrap()
            .to_rgb8();
        for (x, y, pixel) in picture.enumerate_pixels() {
            let green = if x >= 4 && y < 2 { 128 } else { 0 };
            assert_eq!(pixel.0, [0, green, 0], "{x} {y}");
        }
        assert!(data_uri(b"abc").ends_with("base64,YWJj"));
    }
}
