//! Decoding a PNG or JPEG file to planes of grey, or of red, green and blue.

use std::io::{self, Cursor};
use std::path::Path;

use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use crate::error::{DataError, FileError, ImageError, PictureError};
use crate::files::read_small;
use crate::format::{Contents, unreadable};
use crate::memory::{bytes_of, check_memory};
use crate::picture_config::{Colours, Fit};

/// Largest height and width of an image of a data set.
pub const LARGEST_SIDE: u32 = 4096;

/// Largest size of a decoded image of a data set in bytes: 64 MiB.
///
/// The limit applies before values are reduced to 8 bits. Rotating the image takes as much again.
pub const LARGEST_DECODED: u64 = 64 << 20;

/// The limits of an image.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// Height and width.
    side: u32,
    /// Size of the decoded image in bytes.
    decoded: u64,
}

/// The limits of an image of a data set, of which there are many.
const ONE_OF_MANY: Bounds = Bounds {
    side: LARGEST_SIDE,
    decoded: LARGEST_DECODED,
};

/// The limits of a single image, such as a photograph that is scaled down.
const ALONE: Bounds = Bounds {
    side: 1 << 14,
    decoded: 512 << 20,
};

impl Bounds {
    /// Reads a file. It may be twice as large as the decoded image, to leave room for data that is
    /// not shown.
    fn read(self, file: &Path) -> Result<Vec<u8>, FileError> {
        read_small(file, 2 * self.decoded).map_err(unreadable(file))
    }

    /// Decodes the image in a file, upright.
    fn decode(self, contents: Contents<'_>) -> Result<DynamicImage, PictureError> {
        self.decode_upright(contents.bytes)
            .map_err(|source| PictureError::Undecodable {
                file: contents.file.to_owned(),
                side: self.side,
                mebibytes: self.decoded >> 20,
                source: source.into(),
            })
    }

    /// Decodes an image and applies its orientation.
    fn decode_upright(self, bytes: &[u8]) -> image::ImageResult<DynamicImage> {
        let format = image::guess_format(bytes)?;
        // The decoders fill in missing data at the end, or do not look for the end.
        let whole = match format {
            ImageFormat::Png => bytes.windows(8).any(|bytes| bytes == b"IEND\xaeB`\x82"),
            ImageFormat::Jpeg => ends_as_jpeg(bytes),
            // Another crate may have enabled other formats of `image`. They are not supported here.
            _ => return Err(io::Error::from(io::ErrorKind::Unsupported).into()),
        };
        if !whole {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let mut limits = Limits::default();
        limits.max_image_width = Some(self.side);
        limits.max_image_height = Some(self.side);
        limits.max_alloc = Some(self.decoded);
        let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
        reader.limits(limits.clone());
        let mut decoder = reader.into_decoder()?;
        limits.reserve(decoder.total_bytes())?;
        let orientation = decoder.orientation()?;
        let mut decoded = DynamicImage::from_decoder(decoder)?;
        decoded.apply_orientation(orientation);
        Ok(decoded)
    }
}

/// A decoded image.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Picture {
    /// Channels, height and width.
    pub shape: [usize; 3],
    /// Pixels in the order C, H, W of [`ImageSet`](crate::ImageSet).
    pub pixels: Vec<u8>,
}

/// Decodes a PNG or JPEG file, converting it to `colours` or leaving it grey or RGB.
///
/// # Errors
/// Returns [`PictureError::Undecodable`] if the file is of a different kind, truncated or damaged,
/// or if the image exceeds [`LARGEST_SIDE`] or [`LARGEST_DECODED`]. In the latter case, no memory
/// is allocated for it.
pub fn picture(contents: Contents<'_>, colours: Option<Colours>) -> Result<Picture, DataError> {
    Ok(planes(ONE_OF_MANY.decode(contents)?, colours))
}

/// Same as [`picture`], for a file of a data set.
pub(super) fn read(file: &Path, colours: Option<Colours>) -> Result<Picture, DataError> {
    let bytes = ONE_OF_MANY.read(file)?;
    picture(Contents::new(&bytes, file), colours)
}

/// Reads a single image file of any name, changing only its colours.
pub(super) fn read_alone(file: &Path, colours: Option<Colours>) -> Result<Picture, DataError> {
    let bytes = ALONE.read(file)?;
    Ok(planes(ALONE.decode(Contents::new(&bytes, file))?, colours))
}

/// Reads a PNG or JPEG file of any name, converted to `colours` and scaled to `size`.
///
/// `size` is the height and width. The image is scaled by bilinear interpolation, averaged over the
/// pixels that fall together. `fit` determines how a different aspect ratio is handled.
///
/// # Errors
/// Returns [`FileError::Unreadable`] if the file does not exist, is not a regular file, or is far
/// larger than an image can be; the errors of [`picture`], with limits of 16,384 pixels per side
/// and 512 MiB here; [`ImageError::Shape`] if the height or width is 0; and [`DataError::Memory`]
/// if they are too large.
pub fn read_scaled(
    file: &Path,
    colours: Colours,
    size: [usize; 2],
    fit: Fit,
) -> Result<Picture, DataError> {
    read_fitted(file, Some(colours), size, fit)
}

/// Same as [`read_scaled`], but leaves the image grey or RGB if `colours` is `None`.
pub(super) fn read_fitted(
    file: &Path,
    colours: Option<Colours>,
    [height, width]: [usize; 2],
    fit: Fit,
) -> Result<Picture, DataError> {
    let channels = match colours {
        Some(Colours::Grey) => 1,
        _ => 3,
    };
    let shape = [channels, height, width];
    let (Ok(rows @ 1..), Ok(columns @ 1..)) = (u32::try_from(height), u32::try_from(width)) else {
        return Err(ImageError::Shape { found: shape }.into());
    };
    check_memory("an image", bytes_of::<f32>(&[4, height, width]))?;
    let bytes = ALONE.read(file)?;
    let decoded = ALONE.decode(Contents::new(&bytes, file))?;
    let fits = (decoded.height(), decoded.width()) == (rows, columns);
    let scaled = match fit {
        _ if fits => decoded,
        Fit::Stretch => decoded.resize_exact(columns, rows, FilterType::Triangle),
        Fit::Crop => {
            centre(&decoded, rows, columns).resize_exact(columns, rows, FilterType::Triangle)
        }
    };
    Ok(planes(scaled, colours))
}

/// Returns the largest part of an image with the aspect ratio of `columns` to `rows`, around its
/// centre.
///
/// It is cropped before anything is scaled, so that no image becomes larger than requested.
fn centre(decoded: &DynamicImage, rows: u32, columns: u32) -> DynamicImage {
    let (height, width) = (decoded.height(), decoded.width());
    // `side` times `wanted / other`, rounded and limited to 1 to `bound`.
    let part = |side: u32, wanted: u32, other: u32, bound: u32| {
        let exact = f64::from(side) * f64::from(wanted) / f64::from(other);
        (exact.round() as u32).clamp(1, bound)
    };
    let high = part(width, rows, columns, height);
    let wide = part(height, columns, rows, width);
    decoded.crop_imm((width - wide) / 2, (height - high) / 2, wide, high)
}

/// Returns one plane of grey, or three of red, green and blue.
fn planes(decoded: DynamicImage, colours: Option<Colours>) -> Picture {
    let [height, width] = [decoded.height() as usize, decoded.width() as usize];
    let decoded_colours = match decoded.color().has_color() {
        true => Colours::Rgb,
        false => Colours::Grey,
    };
    match colours.unwrap_or(decoded_colours) {
        Colours::Grey => Picture {
            shape: [1, height, width],
            pixels: decoded.into_luma8().into_raw(),
        },
        Colours::Rgb => {
            let interleaved = decoded.into_rgb8().into_raw();
            let plane = |channel| interleaved.iter().skip(channel).step_by(3).copied();
            Picture {
                shape: [3, height, width],
                pixels: (0..3).flat_map(plane).collect(),
            }
        }
    }
}

/// Whether an end marker follows the start of the first scan of a JPEG file.
fn ends_as_jpeg(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(2..).unwrap_or_default();
    // The segments before the scan are skipped, because a thumbnail in one of them has its own end
    // marker.
    while let &[0xff, marker, high, low, ..] = rest {
        if marker == 0xff {
            rest = &rest[1..];
            continue;
        }
        let length = 2 + usize::from(u16::from_be_bytes([high, low]));
        rest = rest.get(length..).unwrap_or_default();
        if marker == 0xda {
            break;
        }
    }
    rest.windows(2).any(|pair| pair == [0xff, 0xd9])
}
