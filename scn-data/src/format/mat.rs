//! MATLAB files of level 5 (`.mat`, versions 5 to 7): named arrays of numbers.
//!
//! The little-endian [format](https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf), as
//! written by MATLAB and `scipy.io.savemat`:
//!
//! | | |
//! |---|---|
//! | bytes 0-123 | text, and an offset that is not used here |
//! | bytes 124-127 | the version 0x0100 and the letters IM |
//! | then | elements: type (4 bytes), length (4 bytes), contents of that length |
//!
//! An element of type 14 is an array. One of type 15 is a zlib stream that holds one array. An
//! array consists of four parts, each padded to a multiple of 8 bytes: flags, sizes of the axes,
//! name, values. A part of at most 4 bytes may have its length next to its type, and its bytes in
//! place of the length. An array has a class, such as double, but its values may be stored in a
//! smaller type that can hold them. The first axis varies fastest.
//!
//! Other arrays of the file are skipped. Version 7.3 is HDF5 and is not supported.
//!
//! The elements are parsed here because no crate for this format (November 2026) guarantees that it
//! never panics and never allocates more than the bytes justify. `matfile` 0.5 multiplies the sizes
//! of the axes as `i32` without overflow checks, unpacks streams within streams to any length and
//! depth, and prints. `matrw` 0.1 panics if a stream does not unpack. `mat5` 0.1 subtracts lengths
//! without overflow checks, and reads only arrays of two axes. `matio-rs` wraps a C library.
//! Checking every element before a crate reads it would need all of this module except the copying
//! of the values.

mod stream;

use self::stream::{INT8, Stream};
use super::Contents;
use crate::error::FileError;

/// Bytes before the first element.
const HEAD: usize = 128;
/// Bytes 124 to 127.
const VERSION: [u8; 4] = [0, 1, b'I', b'M'];
/// Largest number of axes of an array, the limit of scipy.
const MOST_AXES: u32 = 32;
/// Longest name that is read. The limit of MATLAB is lower.
const LONGEST_NAME: u32 = 4096;

// Types of values.
const UINT8: u32 = 2;
const INT16: u32 = 3;
const UINT16: u32 = 4;
const INT32: u32 = 5;
const UINT32: u32 = 6;
const DOUBLE: u32 = 9;

// Classes of arrays.
const CLASS_DOUBLE: u8 = 6;
const CLASS_UINT8: u8 = 9;

/// An array of a file. Its values have not been read yet.
pub(super) struct Array<'a> {
    name: &'static str,
    class: u8,
    is_complex: bool,
    /// Sizes of the axes, fastest first.
    pub(super) shape: Vec<usize>,
    /// The part of the element after the name.
    stream: Stream<'a>,
}

impl<'a> Array<'a> {
    /// Finds the array with this name.
    ///
    /// The file must be complete, as far as this can be checked without unpacking the values of
    /// other arrays.
    pub(super) fn find(contents: Contents<'a>, name: &'static str) -> Result<Self, FileError> {
        let file = || contents.file.to_owned();
        let length = contents.bytes.len();
        let version = contents.bytes.get(HEAD - VERSION.len()..HEAD);
        let version = version.ok_or_else(|| FileError::Short {
            file: file(),
            expected: HEAD as u64,
            found: length as u64,
        })?;
        if version != VERSION {
            return Err(FileError::NoMat {
                file: file(),
                found: version.to_vec(),
            });
        }
        let mut found = None;
        let mut at = HEAD;
        while at < length {
            let (stream, end) = Stream::open(contents, at)?;
            if let Some(array) = Self::named(name, stream)?
                && found.replace(array).is_some()
            {
                return Err(FileError::Variable {
                    file: file(),
                    name,
                    expected: "unique",
                    found: format!("occurs again at byte {at}"),
                });
            }
            at = end;
        }
        found.ok_or_else(|| FileError::NoVariable { file: file(), name })
    }

    /// Returns the array in `stream`, if it has this name.
    fn named(name: &'static str, mut stream: Stream<'a>) -> Result<Option<Self>, FileError> {
        let flags = stream.part("array flags", UINT32, 8, 8)?;
        let (class, is_complex) = (flags[0], flags[1] & 8 != 0);
        // Functions and class objects have no sizes, and are not arrays.
        if !(1..=15).contains(&class) {
            return Ok(None);
        }
        let sizes = stream.part("sizes of 2 to 32 axes", INT32, 8, 4 * MOST_AXES)?;
        let found_name = stream.part("a name", INT8, 0, LONGEST_NAME)?;
        if found_name != name.as_bytes() {
            return Ok(None);
        }
        let size = |size: &[u8]| {
            let size = i32::from_le_bytes([size[0], size[1], size[2], size[3]]);
            usize::try_from(size).map_err(|_| {
                stream.wrong(
                    "an array without negative sizes",
                    format!("has size {size}"),
                )
            })
        };
        let shape = sizes.chunks_exact(4).map(size).collect::<Result<_, _>>()?;
        Ok(Some(Self {
            name,
            class,
            is_complex,
            shape,
            stream,
        }))
    }

    /// Reads the values of an array of bytes.
    pub(super) fn bytes(self, expected: &'static str) -> Result<Vec<u8>, FileError> {
        if self.class != CLASS_UINT8 {
            return Err(self.refuse(expected));
        }
        self.values(expected).map(|(_, values)| values)
    }

    /// Reads the values of an array of bytes or of double-precision numbers.
    pub(super) fn numbers(
        self,
        expected: &'static str,
    ) -> Result<impl Iterator<Item = f64>, FileError> {
        let (kind, values) = self.values(expected)?;
        let size = size_of(kind).unwrap_or(1);
        let count = values.len() / size;
        let number = move |at: usize| match (kind, &values[at * size..][..size]) {
            (INT16, &[a, b]) => f64::from(i16::from_le_bytes([a, b])),
            (_, &[a]) => f64::from(a),
            (_, &[a, b]) => f64::from(u16::from_le_bytes([a, b])),
            (_, &[a, b, c, d]) => f64::from(i32::from_le_bytes([a, b, c, d])),
            (_, &[a, b, c, d, e, f, g, h]) => f64::from_le_bytes([a, b, c, d, e, f, g, h]),
            _ => f64::NAN,
        };
        Ok((0..count).map(number))
    }

    /// Reads the values. Returns the type that they are stored in, and their bytes.
    fn values(mut self, expected: &'static str) -> Result<(u32, Vec<u8>), FileError> {
        let is_known = matches!(self.class, CLASS_UINT8 | CLASS_DOUBLE);
        if !is_known || self.is_complex {
            return Err(self.refuse(expected));
        }
        let tag = self.stream.tag()?;
        // Doubles may be stored in any of these types, bytes only as bytes.
        let size = size_of(tag.kind)
            .filter(|_| tag.kind == UINT8 || self.class == CLASS_DOUBLE)
            .ok_or_else(|| {
                let found = format!("has values of type {}", tag.kind);
                self.stream.wrong("an array of numbers of its class", found)
            })?;
        let sides = self.shape.iter().map(|&side| side as u64);
        let needed = sides.fold(size as u64, u64::saturating_mul);
        if u64::from(tag.length) != needed {
            let found = format!("has {} bytes of values instead of {needed}", tag.length);
            return Err(self
                .stream
                .wrong("an array with as many values as its sizes say", found));
        }
        let values = self.stream.data(tag)?;
        self.stream.end()?;
        Ok((tag.kind, values))
    }

    /// The error for an array that is not as `expected`.
    pub(super) fn refuse(&self, expected: &'static str) -> FileError {
        let class = match self.class {
            1 => "cell",
            2 => "struct",
            3 => "object",
            4 => "char",
            5 => "sparse",
            CLASS_DOUBLE => "double",
            7 => "single",
            8 => "int8",
            CLASS_UINT8 => "uint8",
            10 => "int16",
            11 => "uint16",
            12 => "int32",
            13 => "uint32",
            14 => "int64",
            _ => "uint64",
        };
        let complex = if self.is_complex { "complex " } else { "" };
        let axes = &self.shape[..self.shape.len().min(8)];
        FileError::Variable {
            file: self.stream.contents.file.to_owned(),
            name: self.name,
            expected,
            found: format!("is of class {complex}{class} and shape {axes:?}"),
        }
    }
}

/// Size in bytes of a value stored in this type; `None` for types in which doubles are not stored.
fn size_of(kind: u32) -> Option<usize> {
    match kind {
        UINT8 => Some(1),
        INT16 | UINT16 => Some(2),
        INT32 => Some(4),
        DOUBLE => Some(8),
        _ => None,
    }
}
