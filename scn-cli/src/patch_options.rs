//! Options for patches of images.

use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use clap::Args;
use scn_data::format::pictures::PictureFile;
use scn_data::{Colours, PatchGrid};
use serde::{Deserialize, Serialize};

use crate::number;
use crate::patches::PatchFile;

/// Options for patches of images as signals.
#[derive(Debug, Clone, Args)]
pub(crate) struct PatchOptions {
    /// Treats --signals as images (PNG, JPEG or .npy), and each patch of this height and width as a
    /// signal
    ///
    /// The entries of a signal are in the order channel, row, column. Patches are in reading order,
    /// image by image. Pixels of a PNG or JPEG file are numbers from 0 to 1, read at 8 bits and
    /// without transparency. An array is [H, W], [H, W, C], [N, H, W], [N, C, H, W] or [N, H, W,
    /// C], and its numbers are used unchanged. An axis of up to 4 entries is C; if the axes are
    /// ambiguous, the array is refused
    #[arg(help_heading = "Patches", long, value_name = "HxW")]
    patches: Option<PatchSize>,
    /// Distance from one patch to the next in pixels, in both directions; the last patch lies flush
    /// with the border [default: 1]
    #[arg(help_heading = "Patches", long, value_name = "PIXELS", requires = "patches", value_parser = number::positive)]
    stride: Option<usize>,
    /// Subtracts from each patch its mean over all entries
    #[arg(help_heading = "Patches", long, requires = "patches")]
    remove_means: bool,
    /// Converts a coloured PNG or JPEG file to grey
    #[arg(help_heading = "Patches", long, requires = "patches")]
    grey: bool,
}

impl PatchOptions {
    /// Returns the settings, or None if signals are not patches.
    pub(crate) fn settings(&self) -> Option<PatchSettings> {
        self.patches.map(|PatchSize(size)| PatchSettings {
            size,
            stride: self.stride.unwrap_or(1),
            remove_means: self.remove_means,
            grey: self.grey,
        })
    }
}

/// Settings for patches, and for the images that they are from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatchSettings {
    /// Height and width of a patch.
    pub(crate) size: [usize; 2],
    stride: usize,
    remove_means: bool,
    grey: bool,
}

impl PatchSettings {
    /// Opens the images in a file and returns their patches, without reading pixels.
    pub(crate) fn open(&self, path: &Path) -> Result<PatchFile> {
        let pictures = self.open_pictures(path)?;
        let grid = PatchGrid::new(pictures.axes().shape(), self.size, self.stride)
            .with_context(|| path.display().to_string())?;
        PatchFile::new(path, pictures, grid, self.remove_means)
    }

    /// Opens the images in a file.
    pub(crate) fn open_pictures(&self, path: &Path) -> Result<PictureFile> {
        let pictures = PictureFile::open(path, self.grey.then_some(Colours::Grey))?;
        if self.grey && pictures.kind().is_some() {
            bail!(
                "{}: expected a PNG or JPEG file for --grey, found an array",
                path.display()
            );
        }
        Ok(pictures)
    }
}

/// Height and width of a patch.
#[derive(Debug, Clone, Copy)]
struct PatchSize([usize; 2]);

impl FromStr for PatchSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let sides = text.split_once('x').map(|(height, width)| {
            Some([
                number::positive(height).ok()?,
                number::positive(width).ok()?,
            ])
        });
        match sides.flatten() {
            Some(sides) => Ok(Self(sides)),
            None => Err("expected a height and a width of at least 1, such as 8x8".to_string()),
        }
    }
}
