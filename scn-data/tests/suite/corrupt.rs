//! Files that are missing, corrupt or of a different kind: each gives its own error, which names
//! the file.

use std::fs;
use std::path::Path;

use crate::common::{files, folder, gzip, idx, mnist_images, mnist_labels, write};
use scn_data::format::cifar;
use scn_data::{DataError, Dataset, DatasetName, FileError};

const WITH_FILES: [DatasetName; 5] = [
    DatasetName::Mnist,
    DatasetName::Cifar10,
    DatasetName::Cifar100,
    DatasetName::Svhn,
    DatasetName::Stl10,
];

/// Opens a folder that is valid except for one file.
fn open_with(name: DatasetName, file: &str, bytes: &[u8]) -> Result<Dataset, DataError> {
    let data = folder(name, &files(name));
    write(
        &data
            .path()
            .join(name.folder().expect("with files"))
            .join(file),
        bytes,
    );
    scn_data::open(name, data.path())
}

/// Returns the error for such a folder, and checks that its message names the file and is one
/// sentence.
fn error_with(name: DatasetName, file: &str, bytes: &[u8]) -> DataError {
    let error = open_with(name, file, bytes).expect_err("a wrong file");
    let message = error.to_string();
    assert!(message.contains(file), "{message}");
    assert!(
        !message.contains('\n') && !message.ends_with('.'),
        "{message}"
    );
    error
}

#[test]
fn a_missing_file_is_named_with_its_data_set_and_folder() {
    for name in WITH_FILES {
        for (file, _) in files(name) {
            let data = folder(name, &files(name));
            let folder = data.path().join(name.folder().expect("with files"));
            fs::remove_file(folder.join(file)).expect("written above");
            let error = scn_data::open(name, data.path()).expect_err("a missing file");
            assert!(
                matches!(&error, DataError::File(FileError::Missing { dataset, .. }) if *dataset == name),
                "{error}"
            );
            let message = error.to_string();
            for part in [file, name.as_str(), &folder.display().to_string()] {
                assert!(message.contains(part), "{message} does not say {part}");
            }
        }
        assert!(matches!(
            scn_data::open(name, Path::new("no such folder")),
            Err(DataError::File(FileError::Missing { .. }))
        ));
    }
}

#[test]
fn a_folder_in_place_of_a_file_is_unreadable() {
    let data = folder(DatasetName::Cifar100, &[]);
    fs::create_dir(data.path().join("cifar-100-binary/train.bin")).expect("a fresh folder");
    let error = scn_data::open(DatasetName::Cifar100, data.path()).expect_err("a folder");
    assert!(
        matches!(error, DataError::File(FileError::Unreadable { .. })),
        "{error}"
    );
}

#[test]
fn invalid_idx_files() {
    let name = DatasetName::Mnist;
    let (images, labels) = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte");
    let whole = mnist_images(2);

    let error = error_with(name, images, &mnist_labels(&[1, 2]));
    assert!(
        matches!(
            error,
            DataError::File(FileError::Kind {
                expected: 2051,
                found: 2049,
                ..
            })
        ),
        "{error}"
    );
    let error = error_with(name, labels, &whole);
    assert!(
        matches!(
            error,
            DataError::File(FileError::Kind {
                expected: 2049,
                found: 2051,
                ..
            })
        ),
        "{error}"
    );
    let error = error_with(name, images, &idx(2051, &[2, 28, 27], &[0; 2 * 28 * 27]));
    assert!(
        matches!(
            error,
            DataError::File(FileError::PictureSize {
                expected: [28, 28],
                found: [28, 27],
                ..
            })
        ),
        "{error}"
    );
    for (bytes, expected, found) in [
        (&whole[..0], 16, 0),
        (&whole[..3], 16, 3),
        (&whole[..15], 16, 15),
        (&whole[..1583], 1584, 1583),
    ] {
        for bytes in [bytes.to_vec(), gzip(bytes)] {
            let error = error_with(name, images, &bytes);
            assert!(
                matches!(error, DataError::File(FileError::Short { expected: e, found: f, .. }) if (e, f) == (expected, found)),
                "{error}"
            );
        }
    }
    let long = [&whole[..], &[0; 9]].concat();
    for bytes in [long.clone(), gzip(&long)] {
        let error = error_with(name, images, &bytes);
        assert!(
            matches!(
                error,
                DataError::File(FileError::Long {
                    expected: 1584,
                    found: 1585,
                    ..
                })
            ),
            "{error}"
        );
    }
    let error = error_with(name, labels, &mnist_labels(&[3, 10]));
    assert!(
        matches!(
            error,
            DataError::File(FileError::Label {
                record: 1,
                value: 10,
                first: 0,
                last: 9,
                ..
            })
        ),
        "{error}"
    );
    let error = error_with(name, labels, &mnist_labels(&[3, 4, 5]));
    assert!(
        matches!(
            error,
            DataError::File(FileError::Counts {
                images: 2,
                labels: 3,
                ..
            })
        ),
        "{error}"
    );
    assert!(error.to_string().contains(images), "{error}");
}

#[test]
fn invalid_gzip_streams() {
    let name = DatasetName::Mnist;
    let whole = gzip(&mnist_images(2));
    let mut other_sum = whole.clone();
    let crc = other_sum.len() - 8;
    other_sum[crc] ^= 1;
    let followed = [&whole[..], b"more"].concat();
    for bytes in [
        &whole[..2],
        &whole[..whole.len() / 2],
        &whole[..whole.len() - 1],
        &other_sum,
        &followed,
    ] {
        let error = error_with(name, "train-images-idx3-ubyte", bytes);
        assert!(
            matches!(error, DataError::File(FileError::Gzip { .. })),
            "{error}"
        );
        assert!(std::error::Error::source(&error).is_some());
    }
}

/// Headers that claim 2^32 images allocate no memory for them, which would be 3 TiB.
#[test]
fn claimed_sizes_allocate_no_memory() {
    let promise = idx(2051, &[u32::MAX, 28, 28], &[0; 100]);
    for bytes in [promise.clone(), gzip(&promise)] {
        let error = error_with(DatasetName::Mnist, "train-images-idx3-ubyte", &bytes);
        assert!(
            matches!(error, DataError::File(FileError::Short { found: 116, .. })),
            "{error}"
        );
    }
    // A stream that decompresses to far more than its header claims is only decompressed up to
    // there.
    let bomb = gzip(&[idx(2049, &[2], &[1, 2]), vec![0; 64 << 20]].concat());
    let error = error_with(DatasetName::Mnist, "train-labels-idx1-ubyte", &bomb);
    assert!(
        matches!(
            error,
            DataError::File(FileError::Long {
                expected: 10,
                found: 11,
                ..
            })
        ),
        "{error}"
    );
}

#[test]
fn invalid_records() {
    for (name, file, record) in [
        (DatasetName::Cifar10, "data_batch_4.bin", 3073),
        (DatasetName::Cifar100, "test.bin", 3074),
        (DatasetName::Stl10, "train_X.bin", 27648),
    ] {
        let error = error_with(name, file, &vec![0; record - 1]);
        assert!(
            matches!(error, DataError::File(FileError::Short { .. })),
            "{error}"
        );
        for length in [record + 1, 2 * record - 1] {
            let error = error_with(name, file, &vec![0; length]);
            assert!(
                matches!(error, DataError::File(FileError::PartialRecord { record: r, found, .. })
                    if (r, found) == (record as u64, length as u64)),
                "{error}"
            );
        }
    }
    let error = error_with(DatasetName::Stl10, "test_y.bin", b"");
    assert!(
        matches!(
            error,
            DataError::File(FileError::Short {
                expected: 1,
                found: 0,
                ..
            })
        ),
        "{error}"
    );
}

#[test]
fn labels_without_a_class() {
    let record = |labels: &[u8]| [labels, &[0; 3072]].concat();
    let second = |labels: &[u8], wrong: &[u8]| [record(labels), record(wrong)].concat();
    for (name, file, bytes, record, value, first, last) in [
        (
            DatasetName::Cifar10,
            "test_batch.bin",
            second(&[9], &[10]),
            1,
            10,
            0,
            9,
        ),
        (
            DatasetName::Cifar100,
            "train.bin",
            second(&[0, 0], &[20, 0]),
            1,
            20,
            0,
            19,
        ),
        (
            DatasetName::Cifar100,
            "train.bin",
            second(&[0, 0], &[0, 100]),
            1,
            100,
            0,
            99,
        ),
        (DatasetName::Stl10, "train_y.bin", vec![0, 1], 0, 0, 1, 10),
        (DatasetName::Stl10, "test_y.bin", vec![11], 0, 11, 1, 10),
    ] {
        let error = error_with(name, file, &bytes);
        let DataError::File(FileError::Label {
            record: r,
            value: v,
            first: f,
            last: l,
            ..
        }) = error
        else {
            panic!("{error}")
        };
        assert_eq!((r, v, f, l), (record, value, first, last));
    }
    let error = error_with(DatasetName::Stl10, "train_y.bin", &[1, 2, 3]);
    assert!(
        matches!(
            error,
            DataError::File(FileError::Counts {
                images: 2,
                labels: 3,
                ..
            })
        ),
        "{error}"
    );
}

#[test]
fn invalid_class_names() {
    let error = error_with(DatasetName::Cifar10, "batches.meta.txt", b"cat\ndog\n");
    assert!(
        matches!(
            error,
            DataError::File(FileError::ClassNames {
                expected: 10,
                found: 2,
                ..
            })
        ),
        "{error}"
    );
    let name = DatasetName::Cifar100;
    let data = folder(name, &files(name));
    let file = "coarse_label_names.txt";
    write(
        &data.path().join("cifar-100-binary").join(file),
        "a\n".repeat(100).as_bytes(),
    );
    let error = cifar::open_coarse(data.path()).expect_err("names of the fine labels");
    assert!(
        matches!(
            error,
            DataError::File(FileError::ClassNames {
                expected: 20,
                found: 100,
                ..
            })
        ),
        "{error}"
    );
    assert!(error.to_string().contains(file), "{error}");
    let error = error_with(DatasetName::Stl10, "class_names.txt", &[0xff; 20]);
    assert!(
        matches!(error, DataError::File(FileError::Text { valid: 0, .. })),
        "{error}"
    );
}
