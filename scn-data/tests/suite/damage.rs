//! Arbitrary bytes, and valid files with random damage: parsers never panic, and never return part
//! of a record.

use std::path::Path;

use crate::common::{files, fold_indices, gzip, mnist_images, mnist_labels};
use crate::svhn::BY_SCIPY;
use proptest::prelude::*;
use scn_data::DatasetName;
use scn_data::format::{Contents, cifar, class_names, idx, stl10, svhn};

const WITH_FILES: [DatasetName; 5] = [
    DatasetName::Mnist,
    DatasetName::Cifar10,
    DatasetName::Cifar100,
    DatasetName::Svhn,
    DatasetName::Stl10,
];

/// Runs every parser on the same bytes, and checks that results are consistent.
fn parse_all(bytes: &[u8]) -> Result<(), TestCaseError> {
    let contents = Contents::new(bytes, Path::new("file"));
    if let Ok(pixels) = idx::images(contents, [28, 28]) {
        prop_assert_eq!(pixels.len() % 784, 0);
    }
    if let Ok(labels) = idx::labels(contents, 10) {
        prop_assert!(labels.iter().all(|&label| label < 10));
    }
    for (layout, classes) in [
        (&cifar::CIFAR10, 10),
        (&cifar::CIFAR100, 100),
        (&cifar::CIFAR100_COARSE, 20),
    ] {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        // Appended records are complete even after an error.
        let _ = cifar::records(contents, layout, &mut pixels, &mut labels);
        prop_assert_eq!(pixels.len(), labels.len() * 3072);
        prop_assert!(labels.iter().all(|&label| label < classes));
    }
    if let Ok(pixels) = stl10::pictures(contents) {
        prop_assert_eq!(pixels.len(), bytes.len());
    }
    if let Ok(labels) = stl10::labels(contents) {
        prop_assert!(labels.iter().all(|&label| label < 10));
    }
    if let Ok(pixels) = svhn::pictures(contents) {
        prop_assert_eq!(pixels.len() % 3072, 0);
    }
    if let Ok(labels) = svhn::labels(contents) {
        prop_assert!(labels.iter().all(|&label| label < 10));
    }
    for batch in stl10::Unlabelled::new(bytes, Path::new("file"), 2).expect("a batch size") {
        // The last item may be an error; a batch contains one or two complete images.
        prop_assert!(
            batch.is_err() || batch.is_ok_and(|batch| [27648, 2 * 27648].contains(&batch.len()))
        );
    }
    if let Ok(folds) = stl10::folds(contents, 20) {
        prop_assert_eq!(folds.len(), 10);
        prop_assert!(folds.iter().flatten().all(|&index| index < 20));
    }
    if let Ok(names) = class_names::parse(contents, 10) {
        prop_assert_eq!(names.len(), 10);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), packed: bool) {
        parse_all(&if packed { gzip(&bytes) } else { bytes })?;
    }

    /// Damages valid files of every format: changes a few bytes, then cuts the file at a random
    /// position.
    #[test]
    fn damaged_files_never_panic(
        which in 0usize..26,
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1u8..), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut all: Vec<Vec<u8>> = WITH_FILES.iter().flat_map(|&name| files(name)).map(|(_, bytes)| bytes).collect();
        all.extend([gzip(&mnist_images(2)), gzip(&mnist_labels(&[1, 2]))]);
        all.extend([fold_indices(), vec![0; 5 * 27648]]);
        all.extend(BY_SCIPY.map(<[u8]>::to_vec));
        prop_assert_eq!(all.len(), 26);
        let mut bytes = all.swap_remove(which);
        for (place, flip) in flips {
            let place = place.index(bytes.len());
            bytes[place] ^= flip;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        parse_all(&bytes)?;
    }

    /// Every truncated IDX file is refused.
    #[test]
    fn a_truncated_file_is_an_error(cut in 0usize..1584, packed: bool) {
        let whole = mnist_images(2);
        let bytes = if packed {
            let stream = gzip(&whole);
            stream[..cut * stream.len() / 1584].to_vec()
        } else {
            whole[..cut].to_vec()
        };
        prop_assert!(idx::images(Contents::new(&bytes, Path::new("file")), [28, 28]).is_err());
    }
}

/// Tries every value of every byte of an uncompressed MATLAB file, except for its text header and
/// its pixels.
#[test]
fn a_wrong_byte_in_a_matlab_file_never_panics() {
    let [whole, ..] = BY_SCIPY;
    let mut bytes = whole.to_vec();
    let pixels = 192..192 + 2 * 3072;
    for place in (120..bytes.len()).filter(|place| !pixels.contains(place)) {
        for value in 0..=u8::MAX {
            bytes[place] = value;
            let contents = Contents::new(&bytes, Path::new("file"));
            if let Ok(pixels) = svhn::pictures(contents) {
                assert_eq!(pixels.len(), 2 * 3072);
            }
            if let Ok(labels) = svhn::labels(contents) {
                assert!(labels.iter().all(|&label| label < 10));
            }
        }
        bytes[place] = whole[place];
    }
}
