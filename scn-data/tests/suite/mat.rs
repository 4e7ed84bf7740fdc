//! Damaged elements of MATLAB files, read by the SVHN functions.

use scn_data::FileError;

use crate::common::{mat, mat_array, mat_element, mat_packed};
use crate::svhn::{BY_SCIPY, UINT8, labels, pictures};

#[test]
fn every_truncated_file_is_an_error() {
    for file in BY_SCIPY {
        for length in 0..file.len() {
            assert!(labels(&file[..length]).is_err(), "{length} bytes");
        }
        let error = pictures(&file[..1000.min(file.len() - 1)]).expect_err("cut");
        assert!(matches!(error, FileError::Short { .. }), "{error}");
    }
}

/// Each element gives an error about byte 128 that contains the given text.
#[test]
fn invalid_elements() {
    let y = |values: &[u8]| mat_array("y", UINT8, &[2, 1], 2, values);
    let with_sizes = |sizes: &[i32]| mat_array("y", UINT8, sizes, 2, &[1, 2]);
    // The parts of an array: flags up to byte 24, sizes up to 40, the name up to 56, then the
    // values.
    let changed = |at: usize, byte: u8| {
        let mut array = y(&[1, 2]);
        array[at] = byte;
        array
    };
    let mut long = y(&[1, 2]);
    long[4] += 8;
    long.extend([0; 8]);
    let mut early = y(&[1, 2]);
    early.truncate(56);
    early[4] = 48;
    for (element, found) in [
        (mat_element(9, &[0; 8]), "has type 9"),
        (mat_packed(&mat_element(9, &[0; 8])), "has type 9"),
        (mat_packed(&mat_packed(&y(&[1, 2]))), "has type 15"),
        (mat_element(14, &[]), "ends 4 bytes too early"),
        (early, "ends 4 bytes too early"),
        (changed(8, 5), "has 8 bytes of type 5 for array flags"),
        (changed(28, 4), "has 4 bytes of type 5 for sizes"),
        (changed(29, 1), "has 264 bytes of type 5 for sizes"),
        (changed(40, 2), "has 1 bytes of type 2 for a name"),
        (changed(58, 5), "has a small part of 5 bytes"),
        (with_sizes(&[2, -1]), "has size -1"),
        (y(&[1]), "has 1 bytes of values instead of 2"),
        (y(&[1, 2, 3]), "has 3 bytes of values instead of 2"),
        (changed(56, 7), "has values of type 7"),
        (changed(56, 9), "has values of type 9"),
        (long, "continues for 14 bytes"),
    ] {
        let error = labels(&mat(std::slice::from_ref(&element))).expect_err("no array");
        assert!(
            matches!(&error, FileError::Element { at: 128, found: f, .. } if f.contains(found)),
            "{error} does not say: {found}"
        );
    }
    // Far more values than the file holds.
    let sizes = [32, 32, 3, i32::MAX];
    let many = mat_array("X", UINT8, &sizes, 2, &[0; 3072]);
    let error = pictures(&mat(&[many])).expect_err("too few values");
    assert!(
        error.to_string().contains("instead of 6597069763"),
        "{error}"
    );
}

#[test]
fn invalid_compressed_elements() {
    let array = mat_array("y", UINT8, &[2, 1], 2, &[1, 2]);
    let stream = mat_packed(&array)[8..].to_vec();
    let element = |stream: &[u8]| {
        let length = (stream.len() as u32).to_le_bytes();
        mat(&[[&15_u32.to_le_bytes()[..], &length, stream].concat()])
    };
    assert_eq!(labels(&element(&stream)).expect("whole"), [1, 2]);
    let end = stream.len();
    let mut other_sum = stream.clone();
    other_sum[end - 1] ^= 1;
    let longer = mat_packed(&[&array[..], &[0; 8]].concat())[8..].to_vec();
    for wrong in [
        &other_sum[..],
        &stream[..end - 1],
        &stream[..end - 4],
        &[&stream[..], &[0]].concat(),
        &longer,
        b"no stream, but as long as one",
    ] {
        let error = labels(&element(wrong)).expect_err("no stream");
        assert!(matches!(error, FileError::Zlib { at: 128, .. }), "{error}");
        assert!(std::error::Error::source(&error).is_some());
    }
    for cut in 0..end {
        assert!(labels(&element(&stream[..cut])).is_err(), "{cut} bytes");
    }
}

/// Lengths of 4 GB do not make the parser allocate or decompress that much.
#[test]
fn claimed_lengths_allocate_no_memory() {
    let array = |length: u32, values: &[u8]| {
        let mut array = mat_array("X", UINT8, &[32, 32, 3, 1_398_100], 2, values);
        // Offset of the type and the length of the values.
        let at = 8 + 16 + 24 + 16;
        array[4..8].copy_from_slice(&(length + at as u32).to_le_bytes());
        array[at + 4..at + 8].copy_from_slice(&length.to_le_bytes());
        array
    };
    let promise = 3072 * 1_398_100;
    let error = pictures(&mat(&[mat_packed(&array(promise, &[0; 100]))])).expect_err("100 bytes");
    assert!(error.to_string().contains("too early"), "{error}");
    // A stream that decompresses to far more than the sizes of its array is not decompressed.
    let bomb = mat_packed(&black_bomb());
    let error = pictures(&mat(&[bomb])).expect_err("other sizes");
    assert!(
        error
            .to_string()
            .contains("67108864 bytes of values instead of 3072"),
        "{error}"
    );
}

/// Returns an array with the sizes of one image, but 64 MiB of values.
fn black_bomb() -> Vec<u8> {
    mat_array("X", UINT8, &[32, 32, 3, 1], 2, &vec![0; 64 << 20])
}
