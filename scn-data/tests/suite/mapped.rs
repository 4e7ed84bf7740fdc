//! Memory-mapped files give the same images and the same errors as files that are read.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::common::{bytes, gzip, idx, mnist_labels};
use proptest::prelude::*;
use scn_data::format::{Contents, mnist, npy};
use scn_data::{
    Augmentation, DataError, FileError, ImageSet, Loader, Normalization, NormalizationConfig,
    Subset,
};

/// Returns an array of version 1 to 3 whose values are not aligned.
fn array(version: u8, kind: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = (header.len() as u32).to_le_bytes();
    let length = &length[..if version == 1 { 2 } else { 4 }];
    [
        b"\x93NUMPY",
        &[version, 0][..],
        length,
        header.as_bytes(),
        values,
    ]
    .concat()
}

fn scattered(count: usize) -> Vec<u8> {
    (0..count as u32)
        .map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

/// Writes an array of images and one of labels to `folder`, and reads them in both ways.
fn both_arrays(folder: &Path, images: &[u8], labels: &[u8]) -> [Result<ImageSet, DataError>; 2] {
    crate::common::write(&folder.join("some-images.npy"), images);
    crate::common::write(&folder.join("some-labels.npy"), labels);
    let names = ["ant", "bee", "cat"].map(str::to_owned).to_vec();
    [
        npy::open(folder, "some", names.clone()),
        npy::map(folder, "some", names),
    ]
}

fn both_idx(
    folder: &Path,
    images: &[u8],
    labels: &[u8],
    brightest: u8,
) -> [Result<ImageSet, DataError>; 2] {
    let (images_file, labels_file) = (folder.join("images"), folder.join("labels"));
    crate::common::write(&images_file, images);
    crate::common::write(&labels_file, labels);
    [
        mnist::images_with_labels(
            Contents::new(images, &images_file),
            Contents::new(labels, &labels_file),
            [4, 3],
            brightest,
        ),
        mnist::map(&images_file, &labels_file, [4, 3], brightest),
    ]
}

/// Checks that both have the same images or the same error message. Returns whether they have
/// images.
fn assert_alike([whole, mapped]: &[Result<ImageSet, DataError>; 2]) -> bool {
    match (whole, mapped) {
        (Ok(whole), Ok(mapped)) => assert_eq!(whole, mapped),
        (Err(whole), Err(mapped)) => assert_eq!(whole.to_string(), mapped.to_string()),
        _ => panic!("{whole:?} and {mapped:?}"),
    }
    whole.is_ok()
}

#[test]
fn subsets_and_batches_equal_those_of_the_whole_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pixels = scattered(9 * 2 * 5 * 4);
    let labels = [0, 1, 2, 0, 1, 2, 1, 1, 1];
    let [whole, mapped] = both_arrays(
        folder.path(),
        &array(1, "|u1", "(9, 2, 5, 4)", &pixels),
        &array(1, "|u1", "(9,)", &labels),
    )
    .map(|set| set.expect("whole"));
    assert_eq!((bytes(&mapped), mapped.labels().len()), (&pixels[..], 9));
    assert_eq!(mapped, whole);
    assert_eq!(mapped.first(4), whole.first(4));
    assert_eq!(bytes(&mapped.first(4)), &pixels[..160]);
    assert_eq!(mapped.first(4).first(9), whole.first(4));
    assert!(mapped.first(0).is_empty());
    for subset in [Subset::First, Subset::Stratified] {
        assert_eq!(subset.of(&mapped, 5, 3), subset.of(&whole, 5, 3));
    }
    let batches = |set: ImageSet| {
        let normalization = Normalization::fit(&set, NormalizationConfig::default())?;
        let (set, normalization) = (Arc::new(set), Arc::new(normalization));
        let loader = Loader::training(set, normalization, Augmentation::default(), 4, 7)?;
        let batches = loader.epoch(0, 0).map(|batch| (batch.pixels, batch.labels));
        Ok::<_, DataError>(batches.collect::<Vec<_>>())
    };
    assert_eq!(
        batches(mapped.clone()).expect("a set"),
        batches(whole.clone()).expect("a set")
    );
    // A clone outlives the set from which it was made.
    let clone = mapped.clone();
    drop(mapped);
    assert_eq!(clone, whole);
}

#[test]
fn missing_and_compressed_files() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let missing = npy::map(folder.path(), "some", vec!["a".to_owned()]).expect_err("no file");
    assert!(
        matches!(missing, DataError::File(FileError::Unreadable { .. })),
        "{missing}"
    );
    assert!(missing.to_string().contains("some-images.npy"), "{missing}");

    let images = idx(2051, &[2, 4, 3], &scattered(24));
    let labels = mnist_labels(&[1, 2]);
    // Labels are read rather than mapped, so they may be compressed.
    let sets = both_idx(folder.path(), &images, &gzip(&labels), 255);
    assert!(assert_alike(&sets));
    let [whole, mapped] = both_idx(folder.path(), &gzip(&images), &labels, 255);
    assert!(whole.is_ok());
    let error = mapped.expect_err("a packed file");
    assert!(
        matches!(error, DataError::File(FileError::Packed { .. })),
        "{error}"
    );
    assert!(error.to_string().contains("images"), "{error}");

    // The path is missing at first, and then a folder.
    fs::remove_file(folder.path().join("images")).expect("a file");
    let (images, labels) = (folder.path().join("images"), folder.path().join("labels"));
    for _ in 0..2 {
        let error = mnist::map(&images, &labels, [4, 3], 255).expect_err("no file");
        assert!(
            matches!(error, DataError::File(FileError::Unreadable { .. })),
            "{error}"
        );
        let _ = fs::create_dir(&images);
    }
}

#[test]
fn sets_without_images_and_pixels_that_are_too_bright() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let none = both_idx(
        folder.path(),
        &idx(2051, &[0, 4, 3], &[]),
        &mnist_labels(&[]),
        255,
    );
    assert!(assert_alike(&none));
    let none = both_arrays(
        folder.path(),
        &array(1, "|u1", "(0, 4, 3)", &[]),
        &array(1, "|u1", "(0,)", &[]),
    );
    assert!(assert_alike(&none));
    let mut pixels = vec![16; 24];
    for brightest in [17, 16] {
        pixels[20] = 17;
        let images = idx(2051, &[2, 4, 3], &pixels);
        let sets = both_idx(folder.path(), &images, &mnist_labels(&[1, 2]), brightest);
        assert_eq!(assert_alike(&sets), brightest == 17);
    }
}

fn damaged(
    mut bytes: Vec<u8>,
    flips: &[(prop::sample::Index, u8)],
    cut: Option<prop::sample::Index>,
    more: &[u8],
) -> Vec<u8> {
    // Damage only the first bytes, which include most of those that matter.
    for (place, flip) in flips {
        let place = place.index(bytes.len().min(100));
        bytes[place] ^= flip;
    }
    bytes.extend_from_slice(more);
    if let Some(cut) = cut {
        bytes.truncate(cut.index(bytes.len()));
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn valid_arrays_give_the_same_images(
        version in 1u8..4,
        (channels, height, width) in (1usize..4, 1usize..9, 1usize..9),
        labels in prop::collection::vec(0u8..3, 0..300),
        grey: bool,
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let count = labels.len();
        let (channels, shape) = if grey {
            (1, format!("({count}, {height}, {width})"))
        } else {
            (channels, format!("({count}, {channels}, {height}, {width})"))
        };
        let pixels = scattered(count * channels * height * width);
        let sets = both_arrays(
            folder.path(),
            &array(version, "|u1", &shape, &pixels),
            &array(version, "|u1", &format!("({count},)"), &labels),
        );
        prop_assert!(assert_alike(&sets));
        prop_assert_eq!(bytes(sets[1].as_ref().expect("whole")), &pixels[..]);
    }

    #[test]
    fn damaged_arrays_give_the_same_error(
        version in 1u8..4,
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1u8..), 0..3),
        cut in prop::option::of(any::<prop::sample::Index>()),
        more in prop::collection::vec(any::<u8>(), 0..2),
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let images = array(version, "|u1", "(2, 4, 3)", &scattered(24));
        let images = damaged(images, &flips, cut, &more);
        assert_alike(&both_arrays(folder.path(), &images, &array(1, "|u1", "(2,)", &[1, 2])));
    }

    #[test]
    fn damaged_idx_files_give_the_same_error(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1u8..), 0..2),
        cut in prop::option::of(any::<prop::sample::Index>()),
        more in prop::collection::vec(any::<u8>(), 0..2),
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let images = damaged(idx(2051, &[2, 4, 3], &scattered(24)), &flips, cut, &more);
        // The two treat compressed files differently, and read to different lengths past the end.
        prop_assume!(!images.starts_with(&[0x1f, 0x8b]));
        let [whole, mapped] = both_idx(folder.path(), &images, &mnist_labels(&[1, 2]), 255);
        match (&whole, &mapped) {
            (
                Err(DataError::File(FileError::Long { expected, .. })),
                Err(DataError::File(FileError::Long { expected: alike, .. })),
            ) => prop_assert_eq!(expected, alike),
            _ => {
                assert_alike(&[whole, mapped]);
            }
        }
    }
}
