//! STL-10's folds and unlabelled images: valid files are read correctly, invalid ones are named.

use std::io::{self, Read};
use std::path::Path;

use crate::common::{bytes, files, fold_indices, folder};
use scn_data::format::{Contents, stl10};
use scn_data::{BatchError, DataError, DatasetName, FileError};

const PICTURE: usize = 3 * 96 * 96;

/// Checks that the error names the file and is one sentence.
fn assert_names_file(error: &DataError) {
    let message = error.to_string();
    assert!(message.contains("some.file"), "{message}");
    assert!(
        !message.contains('\n') && !message.ends_with('.'),
        "{message}"
    );
}

fn folds(text: &[u8], images: usize) -> Result<Vec<Vec<usize>>, DataError> {
    let folds = stl10::folds(Contents::new(text, Path::new("some.file")), images);
    if let Err(error) = &folds {
        assert_names_file(error);
    }
    folds
}

#[test]
fn folds_are_the_lines_of_their_file() {
    let name = DatasetName::Stl10;
    let mut files = files(name);
    // Image 1 has label 10 and one lit pixel: row 3, column 20 of the green plane.
    files[0].1[PICTURE + 9216 + 20 * 96 + 3] = 200;
    files.push((
        "fold_indices.txt",
        b"1\n0\n1 0\n0 1 \r\n0\n0\n0\n0\n0\n1\n\n".to_vec(),
    ));
    let data = folder(name, &files);
    let train = scn_data::open(name, data.path()).expect("whole").train;
    let folds = stl10::open_folds(data.path(), train.len()).expect("ten folds");
    assert_eq!(
        (folds.len(), &folds[0][..], &folds[2][..], &folds[3][..]),
        (10, &[1][..], &[1, 0][..], &[0, 1][..])
    );
    let fold = train.subset(&folds[2]).expect("indices below 2");
    assert_eq!((fold.labels(), fold.shape()), (&[9, 0][..], [3, 96, 96]));
    assert_eq!(
        bytes(&fold).iter().position(|&pixel| pixel > 0),
        Some(9216 + 3 * 96 + 20)
    );
}

#[test]
fn invalid_folds() {
    let whole = String::from_utf8(fold_indices()).expect("digits");
    assert!(folds(whole.as_bytes(), 20).is_ok());
    for (text, found) in [
        (String::new(), 0),
        (whole.replace("9 19\n", ""), 9),
        (whole.replace("4 14\n", "\n"), 9),
        (whole.clone() + "1 2", 11),
    ] {
        let error = folds(text.as_bytes(), 20).expect_err("not ten");
        assert!(
            matches!(error, DataError::File(FileError::Folds { expected: 10, found: f, .. }) if f == found),
            "{error}"
        );
    }
    for wrong in ["20", "-1", "3.0", "x\u{1b}", "99999999999999999999999"] {
        let error =
            folds(whole.replace("14", wrong).as_bytes(), 20).expect_err("no index below 20");
        assert!(
            matches!(&error, DataError::File(FileError::FoldIndex { fold: 4, images: 20, found, .. }) if found == wrong),
            "{error}"
        );
        assert!(!error.to_string().contains('\u{1b}'));
    }
    let error = folds(whole.replace("14", "4").as_bytes(), 20).expect_err("4 twice");
    assert!(
        matches!(
            error,
            DataError::File(FileError::FoldRepeats {
                fold: 4,
                index: 4,
                ..
            })
        ),
        "{error}"
    );
    let error = folds(b"1 2\n\xff", 20).expect_err("no text");
    assert!(
        matches!(error, DataError::File(FileError::Text { valid: 4, .. })),
        "{error}"
    );
}

#[test]
fn unlabelled_images_are_upright_and_in_batches() {
    let name = DatasetName::Stl10;
    let mut pictures = vec![0; 5 * PICTURE];
    // Row 3, column 20 of the blue plane of the fourth image: after 20 whole columns.
    pictures[3 * PICTURE + 2 * 9216 + 20 * 96 + 3] = 200;
    let data = folder(name, &[("unlabeled_X.bin", pictures)]);
    let batches: Vec<Vec<u8>> = stl10::open_unlabelled(data.path(), 2)
        .expect("there")
        .collect::<Result<_, _>>()
        .expect("whole");
    let lengths: Vec<usize> = batches.iter().map(Vec::len).collect();
    assert_eq!(lengths, [2 * PICTURE, 2 * PICTURE, PICTURE]);
    let lit: Vec<usize> = (0..5 * PICTURE)
        .filter(|&at| batches[at / (2 * PICTURE)][at % (2 * PICTURE)] > 0)
        .collect();
    assert_eq!(lit, [3 * PICTURE + 2 * 9216 + 3 * 96 + 20]);
}

/// Reads one byte less than three images, a few at a time, then fails if `fails` is set.
struct Trickle {
    left: usize,
    fails: bool,
}

impl Read for Trickle {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && self.fails {
            return Err(io::Error::other("no more"));
        }
        let count = into.len().min(1000).min(self.left);
        into[..count].fill(7);
        self.left -= count;
        Ok(count)
    }
}

#[test]
fn invalid_unlabelled_images() {
    let file = Path::new("some.file");
    let stream = |left, fails, batch_size| {
        stl10::Unlabelled::new(Trickle { left, fails }, file, batch_size).expect("a batch size")
    };
    let mut cut = stream(3 * PICTURE - 1, false, 2);
    assert!(matches!(cut.next(), Some(Ok(pixels)) if pixels.len() == 2 * PICTURE));
    let error = cut.next().expect("an error").expect_err("cut short");
    assert_names_file(&error);
    assert!(
        matches!(error, DataError::File(FileError::PartialRecord { record, found, .. })
            if (record, found) == (PICTURE as u64, 3 * PICTURE as u64 - 1)),
        "{error}"
    );
    assert!(cut.next().is_none());

    let mut failing = stream(2 * PICTURE, true, 2);
    assert!(matches!(failing.next(), Some(Ok(_))));
    let error = failing.next().expect("an error").expect_err("unreadable");
    assert_names_file(&error);
    assert!(
        matches!(error, DataError::File(FileError::Unreadable { .. })),
        "{error}"
    );
    assert!(failing.next().is_none());

    for left in [0, PICTURE - 1] {
        // Even the largest batch size allocates no memory for images that are not there.
        let error = stream(left, false, usize::MAX)
            .next()
            .expect("an error")
            .expect_err("too short");
        assert_names_file(&error);
        assert!(
            matches!(error, DataError::File(FileError::Short { found, .. }) if found == left as u64),
            "{error}"
        );
    }
    assert!(matches!(
        stl10::Unlabelled::new(io::empty(), file, 0),
        Err(DataError::Batch(BatchError::BatchSize))
    ));
}

#[test]
fn missing_folds_and_unlabelled_images_are_named() {
    let data = folder(DatasetName::Stl10, &[]);
    for (file, error) in [
        (
            "fold_indices.txt",
            stl10::open_folds(data.path(), 2).expect_err("not there"),
        ),
        (
            "unlabeled_X.bin",
            stl10::open_unlabelled(data.path(), 2).expect_err("not there"),
        ),
    ] {
        assert!(
            matches!(error, DataError::File(FileError::Missing { .. })),
            "{error}"
        );
        assert!(error.to_string().contains(file), "{error}");
    }
}
