//! Pairs of NumPy arrays written by a different implementation: order of pixels, labels, and
//! errors.

use std::fs;
use std::path::Path;

use npyz::{AutoSerialize, Order, WriteOptions, WriterBuilder};
use proptest::prelude::*;
use scn_data::format::{Contents, npy};
use scn_data::{DataError, FileError, ImageSet};

use crate::common::{bytes, image_bytes};

fn array<T: AutoSerialize + Copy>(values: &[T], shape: &[u64], order: Order) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = WriteOptions::new()
        .default_dtype()
        .order(order)
        .shape(shape)
        .writer(&mut bytes)
        .begin_nd()
        .expect("memory");
    writer.extend(values.iter().copied()).expect("memory");
    writer.finish().expect("as many values as the shape says");
    bytes
}

/// Returns an array of black images (uint8) except for one pixel.
fn images(shape: &[u64], lit: usize) -> Vec<u8> {
    let mut pixels = vec![0u8; shape.iter().product::<u64>() as usize];
    pixels[lit] = 200;
    array(&pixels, shape, Order::C)
}

fn labels<T: AutoSerialize + Copy>(values: &[T]) -> Vec<u8> {
    array(values, &[values.len() as u64], Order::C)
}

/// Returns an array of version 1 with an arbitrary header.
fn with_header(header: &str, values: &[u8]) -> Vec<u8> {
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), values].concat()
}

fn names() -> Vec<String> {
    ["ant", "bee", "cat"].map(str::to_owned).to_vec()
}

fn read(images: &[u8], labels: &[u8]) -> Result<ImageSet, DataError> {
    npy::images_with_labels(
        Contents::new(images, Path::new("some-images.npy")),
        Contents::new(labels, Path::new("some-labels.npy")),
        names(),
    )
}

/// Returns the error for a pair, and checks that its message names the file and is one sentence.
fn error(images: &[u8], labels: &[u8], named: &str) -> DataError {
    let error = read(images, labels).expect_err("a wrong pair");
    let message = error.to_string();
    assert!(message.contains(named), "{message}");
    assert!(
        !message.contains('\n') && !message.ends_with('.'),
        "{message}"
    );
    error
}

#[test]
fn pixels_and_labels_are_in_their_places() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, bytes: &[u8]| {
        fs::write(folder.path().join(name), bytes).expect("a writable folder");
    };
    // Image 1, channel 2, row 1, column 4 of images of 3 x 2 x 5.
    let place = ((3 + 2) * 2 + 1) * 5 + 4;
    write("train-images.npy", &images(&[2, 3, 2, 5], place));
    write("train-labels.npy", &labels(&[2i64, 0]));
    let set = npy::open(folder.path(), "train", names()).expect("whole");
    assert_eq!((set.shape(), set.labels()), ([3, 2, 5], &[2, 0][..]));
    assert_eq!(set.class_names(), names());
    assert_eq!(image_bytes(&set, 0), [0; 30]);
    assert_eq!(
        image_bytes(&set, 1).iter().position(|&p| p == 200),
        Some(25 + 4)
    );

    let missing = npy::open(folder.path(), "test", names()).expect_err("not there");
    assert!(
        matches!(missing, DataError::File(FileError::Unreadable { .. })),
        "{missing}"
    );
    assert!(missing.to_string().contains("test-images.npy"));
}

#[test]
fn grey_images_have_no_channel_axis_and_labels_any_integer_type() {
    let images = images(&[2, 3, 5], 15 + 5 + 4);
    let big_endian = "{'shape': (2,), 'fortran_order': True, 'descr': '>i4'}\n";
    for labels in [
        labels(&[2u8, 1]),
        labels(&[2u16, 1]),
        labels(&[2u32, 1]),
        labels(&[2u64, 1]),
        labels(&[2i8, 1]),
        labels(&[2i16, 1]),
        labels(&[2i32, 1]),
        labels(&[2i64, 1]),
        with_header(big_endian, &[0, 0, 0, 2, 0, 0, 0, 1]),
    ] {
        let set = read(&images, &labels).expect("whole");
        assert_eq!((set.shape(), set.labels()), ([1, 3, 5], &[2, 1][..]));
        assert_eq!(bytes(&set).iter().position(|&p| p == 200), Some(24));
    }
}

#[test]
fn invalid_arrays() {
    let (right, two) = (images(&[2, 3, 5], 0), labels(&[0u8, 1]));
    let floats = array(&[0f32; 30], &[2, 3, 5], Order::C);
    let fortran = array(&[0u8; 30], &[2, 3, 5], Order::Fortran);
    let empty = array::<u8>(&[], &[2, 0, 5], Order::C);
    for wrong in [&floats, &fortran, &empty, &two] {
        let error = error(wrong, &two, "some-images.npy");
        assert!(
            matches!(error, DataError::File(FileError::Array { .. })),
            "{error}"
        );
    }
    for wrong in [&floats, &right, &labels(&[0f64, 1.0])] {
        let error = error(&right, wrong, "some-labels.npy");
        assert!(
            matches!(error, DataError::File(FileError::Array { .. })),
            "{error}"
        );
    }
    let found = error(&right, &labels(&[0u8]), "some-labels.npy");
    let counts = |error: &DataError| {
        matches!(
            error,
            DataError::File(FileError::Counts {
                images: 2,
                labels: 1,
                ..
            })
        )
    };
    assert!(counts(&found), "{found}");
    for (wrong, value) in [
        (labels(&[0u8, 3]), 3),
        (labels(&[0i32, -1]), -1),
        (labels(&[0i64, 1 << 40]), 1 << 40),
        (labels(&[0u64, u64::MAX]), i64::MAX),
    ] {
        let error = error(&right, &wrong, "some-labels.npy");
        assert!(
            matches!(error, DataError::File(FileError::Label { record: 1, value: v, last: 2, .. }) if v == value),
            "{error}"
        );
    }
    let error = error(&[&right[..], &[0]].concat(), &two, "some-images.npy");
    assert!(
        matches!(error, DataError::File(FileError::Long { .. })),
        "{error}"
    );
}

#[test]
fn headers_that_are_invalid_or_claim_too_much() {
    let two = labels(&[0u8, 1]);
    let nested = "(".repeat(60_000);
    for header in [
        "",
        "{",
        "{}",
        "{'descr': '|u1', 'fortran_order': False}",
        "{'descr': [('a', '|u1')], 'fortran_order': False, 'shape': (1, 1, 1)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 1, 1)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999, 1, 1)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 1)} more",
        &nested,
    ] {
        let error = error(&with_header(header, &[0]), &two, "some-images.npy");
        assert!(
            matches!(error, DataError::File(FileError::NoArray { .. })),
            "{error}"
        );
    }
    let huge = "{'descr': '|u1', 'fortran_order': False, 'shape': (4294967296, 65536, 65536)}";
    let error = error(&with_header(huge, &[0]), &two, "some-images.npy");
    assert!(
        matches!(error, DataError::File(FileError::Short { .. })),
        "{error}"
    );
    let long = b"\x93NUMPY\x02\x00\xff\xff\xff\xff{";
    let error = self::error(long, &two, "some-images.npy");
    assert!(
        error.to_string().ends_with("one with 4294967295"),
        "{error}"
    );
    let many = "1, ".repeat(65);
    let many = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({many})}}");
    let error = self::error(&with_header(&many, &[0]), &two, "some-images.npy");
    assert!(error.to_string().contains("at most 64 axes"), "{error}");
    // The product of these sizes is zero, but that of the other sizes would overflow.
    let none = huge.replace("(4294967296, 65536, 65536", "(0, 4294967296, 4294967296");
    let error = self::error(&with_header(&none, &[]), &two, "some");
    assert!(
        matches!(error, DataError::File(FileError::Array { .. })),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn damaged_arrays_never_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1u8..), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
        of_labels: bool,
    ) {
        let (mut pair, which) = ([images(&[2, 3, 5], 7), labels(&[2i32, 1])], usize::from(of_labels));
        for (place, flip) in flips {
            let place = place.index(pair[which].len());
            pair[which][place] ^= flip;
        }
        let shortened = cut.map(|cut| cut.index(pair[which].len()));
        if let Some(length) = shortened {
            pair[which].truncate(length);
        }
        if let Ok(set) = read(&pair[0], &pair[1]) {
            prop_assert!(set.labels().iter().all(|&label| label < 3));
            prop_assert_eq!(set.len(), 2);
        }
    }

    /// Every truncated array is refused.
    #[test]
    fn a_truncated_array_is_an_error(cut: prop::sample::Index) {
        let (whole, labels) = (images(&[2, 3, 5], 7), labels(&[2i32, 1]));
        prop_assert!(read(&whole[..cut.index(whole.len())], &labels).is_err());
        prop_assert!(read(&whole, &labels[..cut.index(labels.len())]).is_err());
    }
}
