//! The windows of a feature map, which are the signals of a layer.

use crate::error::{ArgumentError, GpuError};
use crate::sizes::{int, size};

/// The k × k windows of a feature map, each of which is a column. The map is padded by k/2 zeros on
/// all sides and stored channel by channel: entry (c, image, y, x) is at
/// `((c images + image) height + y) width + x`.
///
/// Column p = (image, i, j) holds the window around row `i stride` and column `j stride`. Its entry
/// `(channel k + dy) k + dx` is the pixel at `(dy, dx)` of the window. Windows are kernel
/// arguments, so the layout is that of the struct of the same name in `windows.cuh`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Windows {
    channels: i32,
    images: i32,
    height: i32,
    width: i32,
    window: i32,
    stride: i32,
    map_height: i32,
    map_width: i32,
}

/// Extents of a feature map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MapShape {
    /// Number of channels, or of atoms.
    pub channels: usize,
    /// Number of images in the batch.
    pub images: usize,
    /// Rows of the map.
    pub height: usize,
    /// Columns of the map.
    pub width: usize,
}

impl Windows {
    /// Creates windows of odd side `window` with stride `stride`.
    ///
    /// # Errors
    /// Returns an error if the side is even or exceeds the padded map, if the stride is 0, or if
    /// the map is too large for the device code.
    pub fn new(map: MapShape, window: usize, stride: usize) -> Result<Self, GpuError> {
        let MapShape {
            channels,
            images,
            height,
            width,
        } = map;
        let padding = 2 * (window / 2);
        let fits = |side: usize| side > 0 && window <= side + padding;
        if window.is_multiple_of(2) || stride == 0 || !fits(height) || !fits(width) {
            return Err(ArgumentError::Windows {
                height,
                width,
                window,
                stride,
            }
            .into());
        }
        let side = |length: usize| (length + padding - window) / stride + 1;
        let windows = Self {
            channels: int("the number of channels", channels)?,
            images: int("the number of images", images)?,
            height: int("the height of a map", height)?,
            width: int("the width of a map", width)?,
            window: int("the side of a window", window)?,
            stride: int("the stride", stride)?,
            map_height: int("the height of a map", side(height))?,
            map_width: int("the width of a map", side(width))?,
        };
        let area = images.saturating_mul(height);
        int("the pixels of a channel", area.saturating_mul(width))?;
        let area = channels.saturating_mul(window);
        int("the entries of a window", area.saturating_mul(window))?;
        Ok(windows)
    }

    /// Creates the windows that are the columns of a matrix, stored row by row.
    ///
    /// # Errors
    /// Returns an error if the matrix is too large for the device code.
    pub fn matrix(rows: usize, columns: usize) -> Result<Self, GpuError> {
        let columns = int("the number of columns", columns)?;
        Ok(Self {
            channels: int("the number of rows", rows)?,
            images: 1,
            height: 1,
            width: columns,
            window: 1,
            stride: 1,
            map_height: 1,
            map_width: columns,
        })
    }

    /// Number of entries of a window: m = channels k².
    pub fn rows(&self) -> usize {
        size(self.channels) * size(self.window) * size(self.window)
    }

    /// Distance between neighbouring windows.
    pub(crate) fn stride(&self) -> usize {
        size(self.stride)
    }

    /// Number of windows: P.
    pub fn positions(&self) -> usize {
        size(self.images) * size(self.map_height) * size(self.map_width)
    }

    /// Shape of the map that the windows are taken from.
    pub fn map(&self) -> MapShape {
        MapShape {
            channels: size(self.channels),
            images: size(self.images),
            height: size(self.height),
            width: size(self.width),
        }
    }

    /// Shape of the map of the windows' codes.
    pub fn codes(&self, atoms: usize) -> MapShape {
        MapShape {
            channels: atoms,
            images: size(self.images),
            height: size(self.map_height),
            width: size(self.map_width),
        }
    }
}

impl MapShape {
    /// Number of entries per channel: images × height × width.
    pub fn positions(&self) -> usize {
        self.images * self.height * self.width
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.channels * self.positions()
    }

    /// Whether the map has no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_struct_is_that_of_the_device_code() {
        let text = include_str!("../kernels/windows.cuh");
        let (_, rest) = text.split_once("struct Windows {").unwrap();
        let names = rest.split('}').next().unwrap().replace("int ", "");
        let names: Vec<&str> = names.split([',', ';']).map(str::trim).collect();
        let expected = [
            "channels",
            "images",
            "height",
            "width",
            "window",
            "stride",
            "map_height",
            "map_width",
            "",
        ];
        assert_eq!(names, expected);
        let places = [
            std::mem::offset_of!(Windows, channels),
            std::mem::offset_of!(Windows, images),
            std::mem::offset_of!(Windows, height),
            std::mem::offset_of!(Windows, width),
            std::mem::offset_of!(Windows, window),
            std::mem::offset_of!(Windows, stride),
            std::mem::offset_of!(Windows, map_height),
            std::mem::offset_of!(Windows, map_width),
        ];
        assert_eq!(places, [0, 4, 8, 12, 16, 20, 24, 28]);
    }
}
