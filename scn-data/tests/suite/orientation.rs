//! Images with an Exif orientation, in data sets and by themselves.

use std::fs;
use std::path::Path;

use image::{GrayImage, ImageFormat, Luma, Rgb, RgbImage};
use scn_data::format::Contents;
use scn_data::format::pictures;
use scn_data::{Colours, DataError, FileError, Fit, ImageError, PictureError};

/// Returns an image of 32 rows and 48 columns, black except for a red square of 16 in the upper
/// right corner.
fn corner(format: ImageFormat) -> Vec<u8> {
    let red = |x, y| if x >= 32 && y < 16 { 250 } else { 0 };
    crate::common::encode(
        RgbImage::from_fn(48, 32, |x, y| Rgb([red(x, y), 0, 0])),
        format,
    )
}

/// Returns an image of 3 rows and 5 columns, black except for row 1, column 4.
fn grey(lit: u8) -> Vec<u8> {
    let mut picture = GrayImage::new(5, 3);
    picture.put_pixel(4, 1, Luma([lit]));
    crate::common::encode(picture, ImageFormat::Png)
}

/// Returns a PNG file whose header claims `side` x `side` pixels.
fn promising(side: u32) -> Vec<u8> {
    let mut bytes = grey(1);
    bytes[16..20].copy_from_slice(&side.to_be_bytes());
    bytes[20..24].copy_from_slice(&side.to_be_bytes());
    let mut sum = flate2::Crc::new();
    sum.update(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&sum.sum().to_be_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Result<pictures::Picture, DataError> {
    pictures::picture(Contents::new(bytes, Path::new("some.file")), None)
}

/// Returns an Exif block that asks for an orientation, in either byte order.
fn exif(orientation: u8, big_endian: bool) -> Vec<u8> {
    let order: &[u8] = if big_endian { b"MM" } else { b"II" };
    let number = |wide: u32, size: usize| {
        let bytes = wide.to_be_bytes()[4 - size..].to_vec();
        if big_endian {
            bytes
        } else {
            bytes.into_iter().rev().collect()
        }
    };
    [
        order,
        &number(42, 2),
        // A single directory after these eight bytes, with one entry: a 16-bit number, padded to
        // four bytes. No further directory follows.
        &number(8, 4),
        &number(1, 2),
        &number(0x112, 2),
        &number(3, 2),
        &number(1, 4),
        &number(orientation.into(), 2),
        &[0, 0],
        &number(0, 4),
    ]
    .concat()
}

/// Returns a JPEG file with an Exif block after its first marker, as cameras write it.
fn jpeg_with_exif(jpeg: &[u8], exif: &[u8]) -> Vec<u8> {
    let length = (2 + 6 + exif.len() as u16).to_be_bytes();
    let segment = [&[0xff, 0xe1], &length[..], b"Exif\0\0", exif].concat();
    [&jpeg[..2], &segment, &jpeg[2..]].concat()
}

/// Returns a PNG file with an Exif block after its header.
fn png_with_exif(png: &[u8], exif: &[u8]) -> Vec<u8> {
    let mut sum = flate2::Crc::new();
    sum.update(b"eXIf");
    sum.update(exif);
    let length = (exif.len() as u32).to_be_bytes();
    let chunk = [&length[..], b"eXIf", exif, &sum.sum().to_be_bytes()].concat();
    [&png[..33], &chunk, &png[33..]].concat()
}

/// Exif's orientation defines where the first row and the first column of the stored image belong
/// in the displayed one (row 0 at the top and column 0 at the left, at the right, ...). It moves
/// the stored square, at the upper right, to a different corner. From 5 on, it swaps height and
/// width.
#[test]
fn images_are_turned_as_their_orientation_asks() {
    // (orientation, height, width, whether the lit corner is at the bottom, at the right)
    let cases = [
        (1, 32, 48, false, true),
        // Columns run from the right.
        (2, 32, 48, false, false),
        // Upside down.
        (3, 32, 48, true, false),
        // Rows run from the bottom.
        (4, 32, 48, true, true),
        // Rows are columns: the first row is the left side, the first column the top.
        (5, 48, 32, true, false),
        // The first row is the right side, the first column the top.
        (6, 48, 32, true, true),
        // The first row is the right side, the first column the bottom.
        (7, 48, 32, false, true),
        // The first row is the left side, the first column the bottom.
        (8, 48, 32, false, false),
    ];
    for (orientation, height, width, bottom, right) in cases {
        for big_endian in [false, true] {
            let exif = exif(orientation, big_endian);
            for bytes in [
                jpeg_with_exif(&corner(ImageFormat::Jpeg), &exif),
                png_with_exif(&corner(ImageFormat::Png), &exif),
            ] {
                let picture = decode(&bytes).expect("whole");
                assert_eq!(picture.shape, [3, height, width], "{orientation}");
                for (y, x) in [
                    (8, 8),
                    (8, width - 8),
                    (height - 8, 8),
                    (height - 8, width - 8),
                ] {
                    let lit = (y > height / 2) == bottom && (x > width / 2) == right;
                    let red = picture.pixels[y * width + x];
                    assert_eq!(red > 125, lit, "{orientation}: {red} at {y}, {x}");
                }
            }
        }
    }
    // Invalid orientations and invalid Exif blocks have no effect.
    for exif in [exif(9, false), exif(0, true), b"MM".to_vec()] {
        let picture = decode(&jpeg_with_exif(&corner(ImageFormat::Jpeg), &exif)).expect("whole");
        assert_eq!(picture.shape, [3, 32, 48]);
    }
}

/// Single images are decoded by the same rules as folders of images.
#[test]
fn a_single_image_is_scaled_upright_and_refused_if_truncated() {
    let turned = jpeg_with_exif(&corner(ImageFormat::Jpeg), &exif(6, true));
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, bytes) in [
        ("photo", turned.clone()),
        ("half.jpg", turned[..turned.len() / 2].to_vec()),
        ("grey.png", grey(200)),
        ("text.png", b"hello".to_vec()),
        ("large.png", promising(20_000)),
    ] {
        fs::write(folder.path().join(name), bytes).expect("a writable folder");
    }
    let read = |name: &str, colours, size| {
        pictures::read_scaled(&folder.path().join(name), colours, size, Fit::Stretch)
    };
    // The lit square fills the bottom third of the right half.
    let picture = read("photo", Colours::Rgb, [12, 8]).expect("whole");
    assert_eq!(picture.shape, [3, 12, 8]);
    let red = |y: usize, x: usize| picture.pixels[y * 8 + x];
    assert!(red(10, 6) > 200 && red(10, 1) < 50 && red(1, 6) < 50 && red(1, 1) < 50);
    // An image that already has the size is unchanged.
    let picture = read("grey.png", Colours::Grey, [3, 5]).expect("whole");
    assert_eq!(picture.shape, [1, 3, 5]);
    let lit = picture.pixels.iter().position(|&pixel| pixel == 200);
    assert_eq!(lit, Some(9));
    for name in ["half.jpg", "text.png", "large.png"] {
        let error = read(name, Colours::Grey, [3, 5]).expect_err("wrong");
        assert!(
            matches!(error, DataError::Picture(PictureError::Undecodable { .. })),
            "{error}"
        );
        let said = error.to_string();
        assert!(
            said.contains(name) && said.contains("16384 x 16384 pixels and 512 MiB"),
            "{said}"
        );
    }
    let error = read("grey.png", Colours::Grey, [0, 5]).expect_err("no rows");
    assert!(
        matches!(error, DataError::Image(ImageError::Shape { .. })),
        "{error}"
    );
    let error = read("none.png", Colours::Grey, [3, 5]).expect_err("not there");
    assert!(
        matches!(error, DataError::File(FileError::Unreadable { .. })),
        "{error}"
    );
}
