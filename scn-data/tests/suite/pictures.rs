//! Folders of images by class: orientation, channels and labels, and an error for everything that
//! can be wrong.

use std::fs;
use std::path::Path;

use image::{GrayImage, ImageFormat, Luma, Rgb, RgbImage};
use proptest::prelude::*;
use scn_data::format::Contents;
use scn_data::format::pictures;
use scn_data::{Colours, DataError, Fit, ImageError, ImageSet, PictureConfig, PictureError};

use crate::common::bytes;

/// Returns an image of 3 rows and 5 columns, black except for row 1, column 4.
fn rgb(lit: [u8; 3]) -> Vec<u8> {
    let mut picture = RgbImage::new(5, 3);
    picture.put_pixel(4, 1, Rgb(lit));
    crate::common::encode(picture, ImageFormat::Png)
}

/// Returns the same image in grey.
fn grey(lit: u8) -> Vec<u8> {
    let mut picture = GrayImage::new(5, 3);
    picture.put_pixel(4, 1, Luma([lit]));
    crate::common::encode(picture, ImageFormat::Png)
}

/// Returns an image of 32 rows and 48 columns, black except for a square of 16 in the upper right
/// corner.
fn jpeg(lit: [u8; 3]) -> Vec<u8> {
    let inside = |x, y| x >= 32 && y < 16;
    let picture = RgbImage::from_fn(48, 32, |x, y| Rgb(if inside(x, y) { lit } else { [0; 3] }));
    crate::common::encode(picture, ImageFormat::Jpeg)
}

fn folder(files: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, bytes) in files {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().expect("in the folder")).expect("a fresh folder");
        fs::write(file, bytes).expect("a writable folder");
    }
    folder
}

/// Returns the files of two classes in `train`. `test` has images of only one of them.
fn whole() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("train/cat/b.png", rgb([0, 200, 0])),
        ("train/cat/a.PNG", rgb([0, 0, 201])),
        ("train/cat/.hidden", b"no picture".to_vec()),
        ("train/ant/z.png", rgb([202, 0, 0])),
        ("test/cat/a.png", rgb([0, 203, 0])),
        ("test/ant/.keep", Vec::new()),
        ("test/.hidden", Vec::new()),
    ]
}

fn open(
    files: &[(&str, Vec<u8>)],
    colours: Option<Colours>,
) -> Result<(ImageSet, ImageSet), DataError> {
    let config = PictureConfig::default().with_colours(colours);
    pictures::open(folder(files).path(), &config)
}

/// Returns the error for a folder that is valid except for these files, and checks that its message
/// contains `named` and is one sentence.
fn error_with(files: &[(&'static str, Vec<u8>)], named: &str) -> DataError {
    let mut all = whole();
    all.extend_from_slice(files);
    let error = open(&all, None).expect_err("a wrong folder");
    let message = error.to_string();
    assert!(message.contains(named), "{message}");
    assert!(
        !message.contains('\n') && !message.ends_with('.'),
        "{message}"
    );
    error
}

fn decode(bytes: &[u8]) -> Result<pictures::Picture, DataError> {
    pictures::picture(Contents::new(bytes, Path::new("some.file")), None)
}

/// Returns index and value of each pixel that is not black.
fn lit(pixels: &[u8]) -> Vec<(usize, u8)> {
    let pixels = pixels.iter().copied().enumerate();
    pixels.filter(|&(_, value)| value > 0).collect()
}

#[test]
fn pixels_labels_and_names_are_in_their_places() {
    let (train, test) = open(&whole(), None).expect("whole");
    assert_eq!((train.shape(), test.shape()), ([3, 3, 5], [3, 3, 5]));
    assert_eq!(train.class_names(), ["ant", "cat"]);
    assert_eq!((train.labels(), test.labels()), (&[0, 1, 1][..], &[1][..]));
    // Row 1, column 4 of planes of 3 x 5: red, blue and green, in the order of the sorted files.
    assert_eq!(
        lit(bytes(&train)),
        [(9, 202), (45 + 30 + 9, 201), (90 + 15 + 9, 200)]
    );
    assert_eq!(lit(bytes(&test)), [(15 + 9, 203)]);
}

#[test]
fn colours_are_those_of_the_first_image_or_as_asked() {
    let mixed = [
        ("train/a/1.png", grey(200)),
        ("train/b/2.png", rgb([0, 100, 0])),
        ("test/a/1.png", grey(7)),
        ("test/b/.keep", vec![]),
    ];
    let error = open(&mixed, None).expect_err("one is grey, one is not");
    assert!(
        matches!(
            error,
            DataError::Picture(PictureError::Channels {
                expected: 1,
                found: 3,
                ..
            })
        ),
        "{error}"
    );
    assert!(error.to_string().contains("2.png"), "{error}");

    let (train, test) = open(&mixed, Some(Colours::Grey)).expect("brought to grey");
    assert_eq!(
        (train.shape(), lit(bytes(&test))),
        ([1, 3, 5], vec![(9, 7)])
    );
    assert_eq!(lit(bytes(&train)), [(9, 200), (15 + 9, 72)]);
    let (train, _) = open(&mixed, Some(Colours::Rgb)).expect("brought to RGB");
    assert_eq!(
        lit(bytes(&train)),
        [(9, 200), (24, 200), (39, 200), (45 + 24, 100)]
    );
    let mut all_grey = mixed;
    all_grey[1].1 = grey(0);
    let (train, _) = open(&all_grey, None).expect("all grey");
    assert_eq!(
        (train.shape(), lit(bytes(&train))),
        ([1, 3, 5], vec![(9, 200)])
    );
}

#[test]
fn jpeg_images_are_decoded_too() {
    let picture = decode(&jpeg([0, 0, 255])).expect("whole");
    assert_eq!(picture.shape, [3, 32, 48]);
    let at = |c: usize, y: usize, x: usize| picture.pixels[(c * 32 + y) * 48 + x];
    // JPEG is lossy.
    assert!(at(2, 8, 40) > 200 && at(0, 8, 40) < 50 && at(1, 8, 40) < 50);
    assert!(at(2, 24, 40) < 50 && at(2, 8, 8) < 50);
}

#[test]
fn invalid_folders() {
    let error = error_with(&[("train/cat/notes.txt", vec![])], "notes.txt");
    assert!(
        matches!(&error, DataError::Picture(PictureError::Extension { found, .. }) if found == "txt"),
        "{error}"
    );
    let error = error_with(&[("train/list.png", grey(1))], "list.png");
    assert!(
        matches!(
            error,
            DataError::Picture(PictureError::NotClassFolder { .. })
        ),
        "{error}"
    );
    for name in ["train/dog/1.png", "test/dog/1.png"] {
        let error = error_with(&[(name, rgb([1; 3]))], "dog");
        assert!(
            matches!(&error, DataError::Picture(PictureError::ClassFolders { class, .. }) if class == "dog"),
            "{error}"
        );
    }
    let other = crate::common::encode(RgbImage::new(4, 3), ImageFormat::Png);
    let error = error_with(&[("test/cat/b.png", other)], "b.png");
    assert!(
        matches!(
            error,
            DataError::Picture(PictureError::Size {
                expected: [3, 5],
                found: [3, 4],
                ..
            })
        ),
        "{error}"
    );
    let refused = |files: &[(&str, Vec<u8>)], says: &str| {
        let message = open(files, None).expect_err("a wrong folder").to_string();
        assert!(message.contains(says), "{message}");
    };
    refused(&whole()[..4], "but holds \"train\" and no \"test\"");
    refused(&[("a/1.png", grey(1))], "neither train nor test");
    let one = [("train/a/1.png", grey(1)), ("test/a/1.png", grey(1))];
    refused(
        &one,
        "train must hold folders of at least two classes, but holds only \"a\"",
    );
    refused(
        &[("train/.keep", vec![]), ("test/a/1.png", grey(1))],
        "train must hold folders of at least two classes, but holds none",
    );
    let mut empty = whole();
    empty[3].0 = "train/ant/.keep";
    refused(
        &empty,
        "train/ant must hold at least one image of its class, but holds none",
    );
    let mut untested = whole();
    untested[4].0 = "test/cat/.keep";
    refused(
        &untested,
        "test must hold an image in the folder of a class, but holds none",
    );
    let missing = pictures::open(Path::new("nowhere"), &PictureConfig::default());
    let missing = missing.expect_err("no folder");
    assert!(
        matches!(
            missing,
            DataError::Picture(PictureError::UnreadableFolder { .. })
        ),
        "{missing}"
    );
}

#[test]
fn a_fraction_of_each_class_is_set_aside() {
    let mut files = Vec::new();
    for number in 0..10 {
        files.push((format!("ant/{number}.png"), rgb([number + 1, 0, 0])));
        files.push((format!("cat/{number}.png"), rgb([0, 0, number + 1])));
    }
    let files: Vec<_> = files
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.clone()))
        .collect();
    let folder = folder(&files);
    let parted =
        |share, seed| pictures::open_parted(folder.path(), &PictureConfig::default(), share, seed);
    let (train, test) = parted(0.3, 1).expect("whole");
    assert_eq!((train.len(), test.labels()), (14, &[0, 0, 0, 1, 1, 1][..]));
    assert_eq!(train.class_names(), ["ant", "cat"]);
    assert_eq!(parted(0.3, 1).expect("whole").1, test);
    assert_ne!(parted(0.3, 2).expect("whole").1, test);
    assert!(matches!(
        parted(1.0, 1),
        Err(DataError::Image(ImageError::Share { .. }))
    ));
    let halves = self::folder(&whole());
    let error = pictures::open_parted(halves.path(), &PictureConfig::default(), 0.3, 1);
    let error = error.expect_err("train and test are there");
    assert!(
        matches!(error, DataError::Picture(PictureError::Halves { .. })),
        "{error}"
    );
}

/// Returns an image of 40 rows and 20 columns: red at the top, green in the middle half, blue at
/// the bottom.
fn tall() -> Vec<u8> {
    let picture = RgbImage::from_fn(20, 40, |_, y| match y {
        0..10 => Rgb([255, 0, 0]),
        10..30 => Rgb([0, 255, 0]),
        _ => Rgb([0, 0, 255]),
    });
    crate::common::encode(picture, ImageFormat::Png)
}

#[test]
fn images_of_any_size_are_scaled_to_one_size() {
    let files = [
        ("train/ant/1.png", tall()),
        ("train/cat/1.png", rgb([0; 3])),
        ("test/ant/1.png", tall()),
        ("test/cat/.keep", vec![]),
    ];
    let folder = folder(&files);
    let open = |fit| {
        let config = PictureConfig::default().with_size([4, 4]).with_fit(fit);
        pictures::open(folder.path(), &config).expect("whole")
    };
    // The centre of the tall image is entirely green. Stretching keeps all three colours.
    let (train, test) = open(Fit::Crop);
    assert_eq!((train.shape(), train.len()), ([3, 4, 4], 2));
    assert_eq!(bytes(&test), [[0; 16], [255; 16], [0; 16]].concat());
    let (_, test) = open(Fit::Stretch);
    // Forty rows become four: a pixel is the mean of twenty rows around its own ten, weighted by a
    // tent. In the first row, where the tent is cut off at the edge of the image, the five green
    // rows below the red ones have a weight of 1.25 out of 8.75. In the second row the red ones
    // have 1.25 out of 10.
    let [red, green] =
        [255.0 * 7.5 / 8.75, 255.0 * 8.75 / 10.0].map(|value: f64| value.round() as u8);
    assert_eq!(bytes(&test)[..4], [red; 4]);
    assert_eq!(bytes(&test)[16 + 4..16 + 12], [green; 8]);
    assert_eq!(bytes(&test)[32 + 12..], [red; 4]);
}

/// Returns a PNG file whose header claims `side` x `side` pixels of four 16-bit values.
fn promising(side: u32) -> Vec<u8> {
    let mut bytes = rgb([1; 3]);
    bytes[16..20].copy_from_slice(&side.to_be_bytes());
    bytes[20..24].copy_from_slice(&side.to_be_bytes());
    bytes[24..26].copy_from_slice(&[16, 6]);
    let mut sum = flate2::Crc::new();
    sum.update(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&sum.sum().to_be_bytes());
    bytes
}

#[test]
fn files_that_are_not_complete_images() {
    let png = rgb([0, 200, 0]);
    let mut other_sum = png.clone();
    other_sum[29] ^= 1;
    let mut wide_jpeg = jpeg([255, 0, 0]);
    let start = wide_jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]);
    let start = start.expect("a baseline picture");
    wide_jpeg[start + 5..start + 9].fill(0xff);
    for bytes in [
        Vec::new(),
        b"GIF89a and more".to_vec(),
        png[..8].to_vec(),
        other_sum,
        wide_jpeg,
        // Each side is within the limit, but the image takes 128 MiB; the other one takes 2^65
        // bytes.
        promising(4096),
        promising(i32::MAX as u32),
    ] {
        let error = error_with(&[("train/cat/c.png", bytes)], "c.png");
        assert!(
            matches!(error, DataError::Picture(PictureError::Undecodable { .. })),
            "{error}"
        );
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[test]
fn every_truncated_image_is_refused() {
    for whole in [rgb([0, 200, 0]), jpeg([0, 200, 0])] {
        assert!(decode(&whole).is_ok());
        for length in 0..whole.len() {
            assert!(decode(&whole[..length]).is_err(), "{length} bytes");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn damaged_images_never_panic(
        which in 0usize..3,
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1u8..), 0..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
        colours in prop::sample::select(vec![None, Some(Colours::Grey), Some(Colours::Rgb)]),
    ) {
        let mut bytes = [rgb([1, 2, 3]), grey(9), jpeg([9, 99, 199])][which].clone();
        for (place, flip) in flips {
            let place = place.index(bytes.len());
            bytes[place] ^= flip;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(picture) = pictures::picture(Contents::new(&bytes, Path::new("file")), colours) {
            prop_assert_eq!(picture.pixels.len(), picture.shape.iter().product::<usize>());
        }
    }
}
