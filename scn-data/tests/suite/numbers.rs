//! NumPy arrays as floating-point numbers: every type, both byte orders, both orders of axes, and
//! what is refused.

use std::fs;
use std::path::Path;

use npyz::{Order, WriteOptions, WriterBuilder};
use proptest::prelude::*;
use scn_data::DataError;
use scn_data::format::Contents;
use scn_data::format::npy::{Kind, Numbers};

/// Returns an array of version 1 with this type and shape.
fn array(kind: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    let header =
        format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}          \n");
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), values].concat()
}

fn open(bytes: &[u8]) -> Result<Numbers<&[u8]>, DataError> {
    Numbers::new(Contents::new(bytes, Path::new("some.npy")))
}

fn read(bytes: &[u8]) -> Vec<f64> {
    open(bytes).and_then(Numbers::read).expect("whole")
}

/// Checks these bytes, the most significant first, against the values that the standards of the
/// types define.
#[test]
fn every_type_is_read_in_both_byte_orders() {
    let cases: [(&str, Kind, &[u8], &[f64]); 11] = [
        // Half precision: 1.5, -2, the largest, the smallest, minus infinity.
        (
            "f2",
            Kind::F2,
            &[0x3e, 0, 0xc0, 0, 0x7b, 0xff, 0, 1, 0xfc, 0],
            &[1.5, -2.0, 65504.0, 1.0 / 16_777_216.0, f64::NEG_INFINITY],
        ),
        (
            "f4",
            Kind::F4,
            &[0x40, 0x49, 0x0f, 0xdb, 0xbf, 0x80, 0, 0],
            &[13_176_795.0 / 4_194_304.0, -1.0],
        ),
        (
            "f8",
            Kind::F8,
            &[0x3f, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a],
            &[0.1],
        ),
        ("i1", Kind::I1, &[0x80, 0x7f], &[-128.0, 127.0]),
        ("i2", Kind::I2, &[0x80, 0, 1, 2], &[-32768.0, 258.0]),
        (
            "i4",
            Kind::I4,
            &[0xff, 0xff, 0xff, 0xfe, 0, 1, 0, 0],
            &[-2.0, 65536.0],
        ),
        (
            "i8",
            Kind::I8,
            &[0x80, 0, 0, 0, 0, 0, 0, 0],
            &[-9_223_372_036_854_775_808.0],
        ),
        ("u1", Kind::U1, &[0, 255], &[0.0, 255.0]),
        ("u2", Kind::U2, &[0xff, 0xff], &[65535.0]),
        (
            "u4",
            Kind::U4,
            &[0xff, 0xff, 0xff, 0xff],
            &[4_294_967_295.0],
        ),
        (
            "u8",
            Kind::U8,
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf8, 0],
            &[18_446_744_073_709_549_568.0],
        ),
    ];
    for (name, kind, big, expected) in cases {
        let shape = format!("({},)", expected.len());
        let little: Vec<u8> = big
            .chunks(kind.size())
            .flat_map(|number| number.iter().rev().copied())
            .collect();
        for (order, bytes) in [('>', big), ('<', &little)] {
            let bytes = array(&format!("{order}{name}"), &shape, bytes);
            let numbers = open(&bytes).expect("whole");
            assert_eq!(
                (numbers.kind(), numbers.shape()),
                (kind, &[expected.len()][..])
            );
            assert_eq!(numbers.read::<f64>().expect("whole"), expected, "{name}");
            let nearest: Vec<f32> = expected.iter().map(|&number| number as f32).collect();
            let numbers = open(&bytes).expect("whole");
            assert_eq!(numbers.read::<f32>().expect("whole"), nearest, "{name}");
        }
    }
}

/// Types for which `numpy.result_type(kind, "f4")` is float64 need f64.
#[test]
fn promotion_is_that_of_numpy() {
    use Kind::{F2, F4, F8, I1, I2, I4, I8, U1, U2, U4, U8};
    for (kinds, wide) in [
        (&[F2, F4, I1, I2, U1, U2][..], false),
        (&[F8, I4, I8, U4, U8][..], true),
    ] {
        assert!(kinds.iter().all(|kind| kind.needs_f64() == wide));
    }
}

#[test]
fn shapes_are_those_of_numpy_and_of_python_2() {
    let values = [1, 2, 3, 4, 5, 6];
    for (shape, sides) in [
        ("(6,)", &[6][..]),
        ("(6L,)", &[6]),
        ("(2L, 3L)", &[2, 3]),
        ("(2,3,)", &[2, 3]),
        ("( 1 , 6 )", &[1, 6]),
    ] {
        let bytes = array("|u1", shape, &values);
        assert_eq!(open(&bytes).expect("whole").shape(), sides, "{shape}");
    }
    let bytes = array("|u1", "()", &[7]);
    assert!(open(&bytes).expect("whole").shape().is_empty());
    assert_eq!(read(&bytes), [7.0]);
    assert_eq!(read(&array("<f4", "(3, 0, 2)", &[])), [0.0; 0]);
}

/// A different implementation writes the array; entry (i, j, k) is 100 i + 10 j + k.
#[test]
fn fortran_order_is_transposed() {
    let [a, b, c] = [2, 3, 4];
    let entry = |i: usize, j: usize, k: usize| (100 * i + 10 * j + k) as f64;
    let mut bytes = Vec::new();
    let mut writer = WriteOptions::new()
        .default_dtype()
        .order(Order::Fortran)
        .shape(&[a as u64, b as u64, c as u64])
        .writer(&mut bytes)
        .begin_nd()
        .expect("memory");
    for k in 0..c {
        for j in 0..b {
            for i in 0..a {
                writer.push(&entry(i, j, k)).expect("memory");
            }
        }
    }
    writer.finish().expect("all");
    let numbers = read(&bytes);
    for i in 0..a {
        for j in 0..b {
            for k in 0..c {
                assert_eq!(numbers[(i * b + j) * c + k], entry(i, j, k));
            }
        }
    }
}

#[test]
fn long_files_are_read_in_parts() {
    // Longer than a buffer, and not a multiple of its length.
    let values: Vec<u8> = (0..5001_u16).flat_map(u16::to_le_bytes).collect();
    let bytes = array("<u2", "(5001,)", &values);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("long.npy");
    fs::write(&path, &bytes).expect("written");
    let expected: Vec<f64> = (0..5001).map(f64::from).collect();
    assert_eq!(read(&bytes), expected);
    let opened = Numbers::open(&path).expect("whole");
    assert_eq!(opened.read::<f64>().expect("whole"), expected);
}

#[test]
fn invalid_arrays_are_refused() {
    let error = |bytes: &[u8]| {
        let error = open(bytes).expect_err("wrong").to_string();
        assert!(error.contains("some.npy") && error.len() < 250, "{error}");
        error
    };
    for kind in [
        "<c8", "|b1", "|S3", "<U5", "<f16", "<M8[s]", "f4", "<f1", "",
    ] {
        let found = error(&array(kind, "(0,)", &[]));
        assert!(found.contains("numbers of type f2, f4, f8"), "{found}");
    }
    error(&array(&"x".repeat(60_000), "(0,)", &[]));
    for shape in [
        "(4294967296, 4294967296)",
        "(4294967296, 4294967296, 4294967296)",
        "(9223372036854775807,)",
        "(3,)",
    ] {
        let found = error(&array("<f8", shape, &[0; 16]));
        assert!(found.contains("but ends after"), "{found}");
    }
    let found = error(&array("<f8", "(1,)", &[0; 16]));
    assert!(found.contains("holds at least"), "{found}");
    for text in ["(2LL,)", "(L,)", "(1, -1)", "(1e3,)", "((1,),)", "[1]"] {
        let found = error(&array("|u1", text, &[0; 2]));
        assert!(found.contains("header of a numpy array"), "{found}");
    }
    error(b"hello");
    error(b"");
}

/// A file with more numbers than memory can hold is refused. The file is sparse, so it takes no
/// disk space.
#[cfg(target_os = "linux")]
#[test]
fn arrays_that_exceed_memory_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("holes.npy");
    let head = array("|u1", "(4398046511104,)", &[]);
    fs::write(&path, &head).expect("written");
    let file = fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .expect("there");
    // Not every file system supports files of this length.
    if file.set_len(head.len() as u64 + (1 << 42)).is_err() {
        return;
    }
    let numbers = Numbers::open(&path).expect("whole");
    let error = numbers.read::<f32>().expect_err("16 TiB");
    assert!(matches!(error, DataError::Memory(_)), "{error}");
    assert!(
        error.to_string().contains("holes.npy would take 17.6 TB"),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn damaged_arrays_never_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1u8..), 0..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = array("<f4", "(2, 3)", &[1; 24]);
        for (place, flip) in flips {
            let place = place.index(bytes.len());
            bytes[place] ^= flip;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(numbers) = open(&bytes) {
            let count = numbers.shape().iter().product::<usize>();
            prop_assert_eq!(numbers.read::<f32>().expect("memory").len(), count);
        }
    }
}
