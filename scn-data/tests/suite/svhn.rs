//! SVHN in MATLAB files: files written by SciPy are read correctly, errors are named.

use std::path::Path;

use crate::common::{files, folder, mat, mat_array, mat_element, mat_packed};
use scn_data::format::{Contents, svhn};
use scn_data::{DataError, DatasetName, FileError};

/// Files of two images and the labels 10 and 3, as bytes and as doubles, written by SciPy 1.17:
///
/// ```text
/// import numpy, scipy.io
/// h, w, c, n = numpy.ogrid[:32, :32, :3, :2]
/// X = ((3 * h + 5 * w + 40 * c + 90 * n) % 256).astype(numpy.uint8)
/// for packed in (False, True):
///     for kind in ("u1", "f8"):
///         file = f"tests/svhn/{'packed' if packed else 'plain'}-{kind}.mat"
///         y = numpy.array([[10], [3]], kind)
///         scipy.io.savemat(file, {"X": X, "y": y}, do_compression=packed)
/// ```
pub(crate) const BY_SCIPY: [&[u8]; 4] = [
    include_bytes!("../svhn/plain-u1.mat"),
    include_bytes!("../svhn/plain-f8.mat"),
    include_bytes!("../svhn/packed-u1.mat"),
    include_bytes!("../svhn/packed-f8.mat"),
];

const DOUBLE: u8 = 6;
pub(crate) const UINT8: u8 = 9;

/// Checks that an error names the file and is one sentence.
fn checked<T>(result: Result<T, DataError>) -> Result<T, FileError> {
    result.map_err(|error| {
        let message = error.to_string();
        assert!(message.contains("some.file"), "{message}");
        assert!(
            !message.contains('\n') && !message.ends_with('.'),
            "{message}"
        );
        let DataError::File(error) = error else {
            panic!("{message}")
        };
        error
    })
}

pub(crate) fn pictures(bytes: &[u8]) -> Result<Vec<u8>, FileError> {
    checked(svhn::pictures(Contents::new(bytes, Path::new("some.file"))))
}

pub(crate) fn labels(bytes: &[u8]) -> Result<Vec<u16>, FileError> {
    checked(svhn::labels(Contents::new(bytes, Path::new("some.file"))))
}

/// Returns an array of black images.
fn black(shape: &[i32]) -> Vec<u8> {
    let count: i32 = shape.iter().product();
    mat_array("X", UINT8, shape, 2, &vec![0; count as usize])
}

fn bytes(values: &[f64]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

/// Returns a file with labels of class double.
fn doubles(values: &[f64]) -> Vec<u8> {
    let shape = [values.len() as i32, 1];
    mat(&[mat_array("y", DOUBLE, &shape, 9, &bytes(values))])
}

#[test]
fn files_of_scipy_are_read_upright() {
    let mut expected = Vec::new();
    for n in 0..2 {
        for c in 0..3 {
            for h in 0..32 {
                expected.extend((0..32).map(|w| (3 * h + 5 * w + 40 * c + 90 * n) as u8));
            }
        }
    }
    for file in BY_SCIPY {
        assert!(pictures(file).expect("whole") == expected);
        assert_eq!(labels(file).expect("whole"), [0, 3]);
    }
}

#[test]
fn a_folder_has_a_file_for_training_and_one_for_tests() {
    let name = DatasetName::Svhn;
    let data = folder(name, &files(name));
    let svhn = scn_data::open(name, data.path()).expect("whole");
    assert_eq!(
        (svhn.train.labels(), svhn.test.labels()),
        (&[0, 3][..], &[1][..])
    );
    for set in [&svhn.train, &svhn.test] {
        assert_eq!(
            (set.shape(), set.classes(), set.brightest()),
            (name.shape(), name.classes(), f32::from(name.brightest()))
        );
        assert_eq!((&*set.class_names()[0], &*set.class_names()[9]), ("0", "9"));
    }
}

#[test]
fn doubles_are_read_from_any_stored_type() {
    for (kind, values) in [
        (2, vec![10, 1]),
        (3, vec![10, 0, 1, 0]),
        (4, vec![10, 0, 1, 0]),
        (5, vec![10, 0, 0, 0, 1, 0, 0, 0]),
        (9, bytes(&[10.0, 1.0])),
    ] {
        let file = mat(&[mat_array("y", DOUBLE, &[2, 1], kind, &values)]);
        assert_eq!(labels(&file).expect("labels"), [0, 1], "type {kind}");
    }
}

#[test]
fn other_variables_are_skipped() {
    let text = mat_array("note", 4, &[1, 5], 16, b"hello");
    let object = mat_element(14, &mat_element(6, &[17, 0, 0, 0, 0, 0, 0, 0]));
    let packed = mat_packed(&mat_array("Z", DOUBLE, &[1, 1], 9, &bytes(&[0.5])));
    let y = mat_array("y", UINT8, &[1, 1], 2, &[7]);
    let file = mat(&[text, object, black(&[32, 32, 3, 1]), packed, mat_packed(&y)]);
    assert_eq!(pictures(&file).expect("X"), [0; 3072]);
    assert_eq!(labels(&file).expect("y"), [7]);
}

#[test]
fn one_image_and_none_are_valid() {
    let one = mat(&[black(&[32, 32, 3])]);
    assert_eq!(pictures(&one).expect("without a last axis").len(), 3072);
    let none = mat(&[
        black(&[32, 32, 3, 0]),
        mat_array("y", UINT8, &[0, 1], 2, &[]),
    ]);
    assert!(pictures(&none).expect("no picture").is_empty());
    assert!(labels(&none).expect("no label").is_empty());
}

#[test]
fn other_files_are_refused() {
    let mut newer = BY_SCIPY[0].to_vec();
    newer[125] = 2;
    let mut big_endian = BY_SCIPY[0].to_vec();
    big_endian[124..128].copy_from_slice(b"\x01\x00MI");
    for file in [newer, big_endian, vec![0; 128]] {
        let error = pictures(&file).expect_err("no file of level 5");
        assert!(
            matches!(&error, FileError::NoMat { found, .. } if *found == file[124..128]),
            "{error}"
        );
    }
    for length in [0, 127] {
        let error = pictures(&vec![0; length]).expect_err("no head");
        assert!(
            matches!(error, FileError::Short { expected: 128, found, .. } if found == length as u64),
            "{error}"
        );
    }
}

#[test]
fn missing_and_repeated_variables_are_named() {
    for file in [mat(&[]), mat(&[black(&[32, 32, 3, 1])])] {
        let error = labels(&file).expect_err("no labels");
        assert!(
            matches!(error, FileError::NoVariable { name: "y", .. }),
            "{error}"
        );
    }
    let y = mat_array("y", UINT8, &[1, 1], 2, &[7]);
    let error = pictures(&mat(std::slice::from_ref(&y))).expect_err("no pictures");
    assert!(
        matches!(error, FileError::NoVariable { name: "X", .. }),
        "{error}"
    );
    let error = labels(&mat(&[y.clone(), y])).expect_err("two");
    assert!(
        error.to_string().contains("occurs again at byte"),
        "{error}"
    );
}

#[test]
fn other_shapes_and_classes_are_refused() {
    let mut complex = black(&[32, 32, 3, 1]);
    complex[17] = 8;
    let pixels = bytes(&[0.0; 3072]);
    for (array, found) in [
        (black(&[2, 32, 32, 3]), "uint8 and shape [2, 32, 32, 3]"),
        (black(&[3, 32, 32, 2]), "uint8 and shape [3, 32, 32, 2]"),
        (black(&[32, 96]), "uint8 and shape [32, 96]"),
        (
            black(&[32, 32, 3, 1, 1]),
            "uint8 and shape [32, 32, 3, 1, 1]",
        ),
        (
            mat_array("X", DOUBLE, &[32, 32, 3, 1], 9, &pixels),
            "double and shape [32, 32, 3, 1]",
        ),
        (
            mat_array("X", 1, &[32, 32, 3], 14, &[]),
            "cell and shape [32, 32, 3]",
        ),
        (complex, "complex uint8 and shape [32, 32, 3, 1]"),
    ] {
        let error = pictures(&mat(&[array])).expect_err("no pictures");
        assert!(
            matches!(&error, FileError::Variable { name: "X", found: f, .. } if *f == format!("is of class {found}")),
            "{error}"
        );
    }
    for (array, found) in [
        (
            mat_array("y", UINT8, &[1, 2], 2, &[1, 2]),
            "uint8 and shape [1, 2]",
        ),
        (
            mat_array("y", UINT8, &[2, 1, 1], 2, &[1, 2]),
            "uint8 and shape [2, 1, 1]",
        ),
        (
            mat_array("y", 8, &[2, 1], 1, &[1, 2]),
            "int8 and shape [2, 1]",
        ),
        (
            mat_array("y", 4, &[2, 1], 16, b"12"),
            "char and shape [2, 1]",
        ),
    ] {
        let error = labels(&mat(&[array])).expect_err("no labels");
        assert!(
            matches!(&error, FileError::Variable { name: "y", found: f, .. } if *f == format!("is of class {found}")),
            "{error}"
        );
    }
}

#[test]
fn labels_without_a_digit() {
    let as_bytes = |values: &[u8]| mat(&[mat_array("y", UINT8, &[2, 1], 2, values)]);
    let small = mat_array("y", DOUBLE, &[2, 1], 3, &[1, 0, 0xff, 0xff]);
    for (file, value) in [
        (as_bytes(&[1, 0]), 0),
        (as_bytes(&[1, 11]), 11),
        (as_bytes(&[1, 255]), 255),
        (mat(&[small]), -1),
        (doubles(&[1.0, -0.0]), 0),
        (doubles(&[1.0, 1e300]), i64::MAX),
    ] {
        let error = labels(&file).expect_err("no digit");
        assert!(
            matches!(error, FileError::Label { record: 1, value: v, first: 1, last: 10, .. } if v == value),
            "{error}"
        );
    }
    for value in [2.5, f64::NAN, f64::INFINITY] {
        let error = labels(&doubles(&[1.0, value])).expect_err("no whole number");
        let found = format!("is {value} for record 1");
        assert!(
            matches!(&error, FileError::Variable { name: "y", found: f, .. } if *f == found),
            "{error}"
        );
    }
    let name = DatasetName::Svhn;
    let mut files = files(name);
    files[1].1 = mat(&[
        black(&[32, 32, 3, 2]),
        mat_array("y", UINT8, &[3, 1], 2, &[1, 2, 3]),
    ]);
    let data = folder(name, &files);
    let error = scn_data::open(name, data.path()).expect_err("a label too many");
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
