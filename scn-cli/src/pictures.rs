//! Picture files: read for a model, and drawn from a dictionary.

use std::path::Path;

use anyhow::{Context, Result, bail};
use image::imageops::FilterType;
use image::{DynamicImage, ImageReader, RgbImage};
use scn_data::{DatasetName, Normalization};
use scn_net::write_atomically;

/// Pixels of a picture as the model takes them: scaled to its size, grey or coloured as it needs, normalised.
pub(crate) fn read(
    path: &Path,
    dataset: DatasetName,
    normalization: &Normalization,
) -> Result<Vec<f32>> {
    let picture = ImageReader::open(path)
        .with_context(|| format!("cannot open {}", path.display()))?
        .with_guessed_format()
        .with_context(|| format!("cannot read {}", path.display()))?
        .decode()
        .with_context(|| format!("{}: expected a PNG or JPEG picture", path.display()))?;
    let [channels, height, width] = normalization.shape();
    let picture = if (picture.width() as usize, picture.height() as usize) == (width, height) {
        picture
    } else {
        picture.resize_exact(width as u32, height as u32, FilterType::Triangle)
    };
    let planes = planes(&picture, channels)?;
    // Pictures go up to 255; the digits' pixels up to 16.
    let brightest = u32::from(dataset.brightest());
    let pixels: Vec<u8> = planes
        .iter()
        .map(|&value| ((u32::from(value) * brightest + 127) / 255) as u8)
        .collect();
    let mut normalized = vec![0.0; pixels.len()];
    normalization.apply(&pixels, &mut normalized)?;
    Ok(normalized)
}

/// One plane of grey, or three of red, green and blue.
fn planes(picture: &DynamicImage, channels: usize) -> Result<Vec<u8>> {
    match channels {
        1 => Ok(picture.to_luma8().into_raw()),
        3 => {
            let pixels = picture.to_rgb8().into_raw();
            Ok((0..3)
                .flat_map(|channel| pixels.iter().skip(channel).step_by(3).copied())
                .collect())
        }
        _ => bail!("pictures have 1 or 3 channels, but the model takes {channels}"),
    }
}

/// Side of a pixel of an atom, and the gap between atoms, on the drawing.
const ZOOM: usize = 12;
const GAP: usize = 6;

/// Draws the atoms of a dictionary (m × n, row-major, row `(channel k + dy) k + dx`) in a grid and writes a PNG. Each atom is
/// scaled by its largest entry; grey is zero. Atoms of three channels are coloured; of others, each channel is drawn in
/// grey below the last.
pub(crate) fn draw_atoms(
    dictionary: &[f32],
    atoms: usize,
    window: usize,
    path: &Path,
) -> Result<()> {
    let rows = dictionary.len() / atoms;
    let channels = rows / (window * window);
    let coloured = channels == 3;
    let planes = if coloured { 1 } else { channels };
    let across = (atoms as f64).sqrt().ceil() as usize;
    let down = atoms.div_ceil(across);
    let (cell_width, cell_height) = (window * ZOOM + GAP, planes * window * ZOOM + GAP);
    let size = (across * cell_width + GAP, down * cell_height + GAP);
    let mut picture = RgbImage::from_pixel(
        u32::try_from(size.0)?,
        u32::try_from(size.1)?,
        image::Rgb([255; 3]),
    );
    for atom in 0..atoms {
        let entry = |row: usize| dictionary[row * atoms + atom];
        let largest = (0..rows)
            .map(|row| entry(row).abs())
            .fold(f32::MIN_POSITIVE, f32::max);
        let shade = |row: usize| (127.5 + 127.5 * entry(row) / largest).round() as u8;
        let (left, top) = (
            GAP + atom % across * cell_width,
            GAP + atom / across * cell_height,
        );
        for y in 0..planes * window * ZOOM {
            for x in 0..window * ZOOM {
                let row = (y / ZOOM) * window + x / ZOOM;
                let colour = if coloured {
                    [0, 1, 2].map(|channel| shade(channel * window * window + row))
                } else {
                    [shade(row); 3]
                };
                picture.put_pixel((left + x) as u32, (top + y) as u32, image::Rgb(colour));
            }
        }
    }
    let mut png = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut png, image::ImageFormat::Png)?;
    write_atomically(path, |out| out.write_all(png.get_ref()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn atoms_are_drawn_upright_and_in_colour() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("atoms.png");
        // Two atoms of 3 × 3 × 3: the second is red at the top right, all else zero.
        let mut dictionary = vec![0.0; 27 * 2];
        dictionary[2 * 2 + 1] = 1.0;
        draw_atoms(&dictionary, 2, 3, &path).unwrap();
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
}
