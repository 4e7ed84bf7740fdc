//! One PNG or JPEG file, from its bytes to planes of grey or of red, green and blue.

use std::io::{self, Cursor};
use std::path::Path;

use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use crate::error::{DataError, FileError, ImageError, PictureError};
use crate::files::read_small;
use crate::format::{Contents, unreadable};
use crate::memory::{bytes_of, check_memory};
use crate::picture_config::{Colours, Fit};

/// Largest height and width of a picture of a data set, whatever its header says.
pub const LARGEST_SIDE: u32 = 4096;

/// Largest size of a decoded picture of a data set in bytes, before its values are brought to 8
/// bits: 64 MiB. Turning it takes as much again.
pub const LARGEST_DECODED: u64 = 64 << 20;

/// What a picture may have at most.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// Height and width.
    side: u32,
    /// Bytes of the decoded picture.
    decoded: u64,
}

/// A picture of a data set, of which there are many.
const ONE_OF_MANY: Bounds = Bounds {
    side: LARGEST_SIDE,
    decoded: LARGEST_DECODED,
};

/// A picture alone, such as a photograph that is scaled down.
const ALONE: Bounds = Bounds {
    side: 1 << 14,
    decoded: 512 << 20,
};

impl Bounds {
    /// The bytes of a file: as many as the decoded picture has, and as much again for what does not
    /// show.
    fn read(self, file: &Path) -> Result<Vec<u8>, FileError> {
        read_small(file, 2 * self.decoded).map_err(unreadable(file))
    }

    /// The picture in a file, upright.
    fn decode(self, contents: Contents<'_>) -> Result<DynamicImage, PictureError> {
        self.decode_upright(contents.bytes)
            .map_err(|source| PictureError::Undecodable {
                file: contents.file.to_owned(),
                side: self.side,
                mebibytes: self.decoded >> 20,
                source: source.into(),
            })
    }

    /// Decodes, and follows the orientation that is asked for.
    fn decode_upright(self, bytes: &[u8]) -> image::ImageResult<DynamicImage> {
        let format = image::guess_format(bytes)?;
        // The decoders fill up what is missing at the end, or do not look for the end.
        let whole = match format {
            ImageFormat::Png => bytes.windows(8).any(|bytes| bytes == b"IEND\xaeB`\x82"),
            ImageFormat::Jpeg => ends_as_jpeg(bytes),
            // Another program may have switched on other formats of the crate: they are not offered
            // here.
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

/// A decoded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Picture {
    /// Channels, height and width.
    pub shape: [usize; 3],
    /// Pixels, C, H, W: the order of [`ImageSet`](crate::ImageSet).
    pub pixels: Vec<u8>,
}

/// The picture in a PNG or JPEG file, brought to `colours` or left grey or RGB as it is.
///
/// # Errors
/// [`PictureError::Undecodable`] for a file of another kind, one that is cut short or damaged, and
/// one that exceeds [`LARGEST_SIDE`] or [`LARGEST_DECODED`], for which then no room is made.
pub fn picture(contents: Contents<'_>, colours: Option<Colours>) -> Result<Picture, DataError> {
    Ok(planes(ONE_OF_MANY.decode(contents)?, colours))
}

/// [`picture`] in a file of a data set.
pub(super) fn read(file: &Path, colours: Option<Colours>) -> Result<Picture, DataError> {
    let bytes = ONE_OF_MANY.read(file)?;
    picture(Contents::new(&bytes, file), colours)
}

/// A picture alone, whatever its name, as it is but for its `colours`.
pub(super) fn read_alone(file: &Path, colours: Option<Colours>) -> Result<Picture, DataError> {
    let bytes = ALONE.read(file)?;
    Ok(planes(ALONE.decode(Contents::new(&bytes, file))?, colours))
}

/// The picture in a PNG or JPEG file, whatever its name, brought to `colours` and to `height` x
/// `width` pixels: scaled by bilinear interpolation, averaged over the pixels that fall together;
/// `fit` says what is done with other proportions.
///
/// # Errors
/// [`FileError::Unreadable`] for a file that is not there, is no regular one, or is far larger than
/// a picture can be; those of [`picture`], whose sides may be up to 16,384 here and its size up to
/// 512 MiB; [`ImageError::Shape`] for a height or width of 0; [`DataError::Memory`] for too large
/// ones.
pub fn read_scaled(
    file: &Path,
    colours: Colours,
    size: [usize; 2],
    fit: Fit,
) -> Result<Picture, DataError> {
    read_fitted(file, Some(colours), size, fit)
}

/// [`read_scaled`], grey or RGB as the picture is if no `colours` are asked for.
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
    check_memory("a picture", bytes_of::<f32>(&[4, height, width]))?;
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

/// The largest part of a picture with the proportions of `rows` to `columns`, around its centre. It
/// is cut before anything is scaled, so that no picture becomes larger than what is asked for.
fn centre(decoded: &DynamicImage, rows: u32, columns: u32) -> DynamicImage {
    let (height, width) = (decoded.height(), decoded.width());
    // The nearest whole number to `side` times `wanted / other`, from 1 to `bound`.
    let part = |side: u32, wanted: u32, other: u32, bound: u32| {
        let exact = f64::from(side) * f64::from(wanted) / f64::from(other);
        (exact.round() as u32).clamp(1, bound)
    };
    let high = part(width, rows, columns, height);
    let wide = part(height, columns, rows, width);
    decoded.crop_imm((width - wide) / 2, (height - high) / 2, wide, high)
}

/// One plane of grey, or three of red, green and blue.
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

/// Whether the end marker follows the start of the first scan of a JPEG file.
fn ends_as_jpeg(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(2..).unwrap_or_default();
    // The segments before the scan are stepped over: a thumbnail in one of them has an end marker
    // of its own.
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
