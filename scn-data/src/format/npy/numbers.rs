//! Arrays of any shape, read as floating point numbers.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use half::f16;

use super::archive::{Member, member, named};
use super::header::{Header, read_head};
use crate::error::{DataError, FileError};
use crate::files::open_regular;
use crate::format::{Contents, unreadable};
use crate::memory::{bytes_of, check_memory};

/// The type of the numbers of an array, named as in numpy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// `float16`
    F2,
    /// `float32`
    F4,
    /// `float64`
    F8,
    /// `int8`
    I1,
    /// `int16`
    I2,
    /// `int32`
    I4,
    /// `int64`
    I8,
    /// `uint8`
    U1,
    /// `uint16`
    U2,
    /// `uint32`
    U4,
    /// `uint64`
    U8,
}

impl Kind {
    /// Parses the kind in a header: a byte order followed by a type.
    pub(super) fn from_descr(text: &str) -> Option<Self> {
        Some(match text.strip_prefix(['<', '>', '|', '='])? {
            "f2" => Self::F2,
            "f4" => Self::F4,
            "f8" => Self::F8,
            "i1" => Self::I1,
            "i2" => Self::I2,
            "i4" => Self::I4,
            "i8" => Self::I8,
            "u1" => Self::U1,
            "u2" => Self::U2,
            "u4" => Self::U4,
            "u8" => Self::U8,
            _ => return None,
        })
    }

    /// Returns the size of a number in bytes.
    pub fn size(self) -> usize {
        match self {
            Self::I1 | Self::U1 => 1,
            Self::F2 | Self::I2 | Self::U2 => 2,
            Self::F4 | Self::I4 | Self::U4 => 4,
            Self::F8 | Self::I8 | Self::U8 => 8,
        }
    }

    /// Returns the largest integer of the type, or `None` for floating point numbers.
    pub fn largest_integer(self) -> Option<f64> {
        let bits = 8 * self.size() - usize::from(self.is_signed());
        self.is_integer().then(|| (bits as f64).exp2() - 1.0)
    }

    /// Whether the type holds integers.
    pub fn is_integer(self) -> bool {
        !matches!(self, Self::F2 | Self::F4 | Self::F8)
    }

    pub(super) fn is_signed(self) -> bool {
        !matches!(self, Self::U1 | Self::U2 | Self::U4 | Self::U8)
    }

    /// Whether `f32` cannot hold every number of the kind exactly.
    ///
    /// numpy also promotes such a kind and `float32` to `float64`.
    pub fn needs_f64(self) -> bool {
        self.size() == 8 || (self.is_integer() && self.size() == 4)
    }

    /// Returns the bytes before the numbers of a little-endian array of this kind and shape.
    pub fn head(self, shape: &[usize], fortran_order: bool) -> Vec<u8> {
        let letter = match self {
            Self::F2 | Self::F4 | Self::F8 => 'f',
            kind if kind.is_signed() => 'i',
            _ => 'u',
        };
        super::header::head(&format!("<{letter}{}", self.size()), shape, fortran_order)
    }
}

/// A type in which the numbers of an array can be read and written: `f32` or `f64`.
pub trait Float: Copy + Default + Send + sealed::Sealed + 'static {
    /// The kind of arrays that hold such numbers.
    const KIND: Kind;

    /// Returns the number of this type that is nearest to `value`.
    fn nearest(value: f64) -> Self;

    /// Returns the same number as `f64`, exactly.
    fn widened(self) -> f64;

    /// Whether the number is neither infinite nor NaN.
    fn is_finite(self) -> bool;

    /// Appends the bytes of numbers, in little-endian order.
    fn append(numbers: &[Self], bytes: &mut Vec<u8>);
}

macro_rules! float {
    ($number:ident, $kind:expr) => {
        impl Float for $number {
            const KIND: Kind = $kind;

            fn nearest(value: f64) -> Self {
                value as $number
            }

            fn widened(self) -> f64 {
                self.into()
            }

            fn is_finite(self) -> bool {
                $number::is_finite(self)
            }

            fn append(numbers: &[Self], bytes: &mut Vec<u8>) {
                let start = bytes.len();
                bytes.resize(start + size_of_val(numbers), 0);
                let (words, _) = bytes[start..].as_chunks_mut();
                for (word, number) in words.iter_mut().zip(numbers) {
                    *word = number.to_le_bytes();
                }
            }
        }
    };
}

float!(f32, Kind::F4);
float!(f64, Kind::F8);

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// An array whose header has been read, but not its numbers.
#[derive(Debug)]
pub struct Numbers<R> {
    pub(super) values: R,
    pub(super) file: PathBuf,
    pub(super) kind: Kind,
    pub(super) big_endian: bool,
    pub(super) fortran_order: bool,
    pub(super) shape: Vec<usize>,
    /// Number of bytes before the numbers.
    pub(super) start: u64,
    /// Product of the shape.
    count: usize,
}

impl Numbers<File> {
    /// Opens the array in a file, or the only array in a .npz archive.
    ///
    /// The array may hold floating point numbers of 2, 4 or 8 bytes or integers of 1 to 8 bytes, in
    /// C or Fortran order.
    ///
    /// # Errors
    /// Returns [`FileError::Unreadable`] if the file does not exist, is not a regular file, or
    /// cannot be read or unpacked; [`FileError::NoArray`] if it is not an array;
    /// [`FileError::Array`] if the type or the header is not supported; and [`FileError::Short`] or
    /// [`FileError::Long`] if the length does not match the header.
    ///
    /// # Example
    ///
    /// ```
    /// use scn_data::format::npy::{Float, Kind, Numbers};
    ///
    /// // A 2 x 3 array of float32 in Fortran order, which has column after column.
    /// let mut bytes = Kind::F4.head(&[2, 3], true);
    /// f32::append(&[1.0, 4.0, 2.0, 5.0, 3.0, 6.0], &mut bytes);
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("x.npy");
    /// std::fs::write(&path, bytes)?;
    ///
    /// let numbers = Numbers::open(&path)?;
    /// assert_eq!((numbers.kind(), numbers.shape()), (Kind::F4, &[2, 3][..]));
    /// assert_eq!(numbers.read::<f64>()?, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let file = open_regular(path).map_err(unreadable(path))?;
        Self::of_member(member(file, path)?, path)
    }

    /// Opens the array `name.npy` in a .npz archive of any number of arrays.
    ///
    /// # Errors
    /// Same as [`open`](Self::open). Also returns [`FileError::NoMember`] if there is no array of
    /// this name.
    pub fn open_member(path: &Path, name: &'static str) -> Result<Self, DataError> {
        let file = open_regular(path).map_err(unreadable(path))?;
        Self::of_member(named(file, path, name)?, path)
    }

    fn of_member(member: Member, path: &Path) -> Result<Self, DataError> {
        let Member {
            mut file,
            start,
            length,
        } = member;
        let head = read_head(&mut file).map_err(unreadable(path))?;
        let mut numbers = Self::after(&head, file, length, path)?;
        numbers.start += start;
        Ok(numbers)
    }

    /// Reads consecutive numbers of the file, starting at index `first`.
    ///
    /// They are in C order, unless the array is in Fortran order. All of them must exist.
    ///
    /// # Errors
    /// Returns [`FileError::Unreadable`] if the file cannot be read or has become shorter.
    pub fn read_at<T: Float>(&mut self, first: usize, out: &mut [T]) -> Result<(), DataError> {
        let size = self.kind.size();
        let place = self.start + first as u64 * size as u64;
        self.values
            .seek(SeekFrom::Start(place))
            .map_err(unreadable(&self.file))?;
        self.read_next(out)
    }
}

impl<'a> Numbers<&'a [u8]> {
    /// Same as [`open`](Numbers::open), for the bytes of a file.
    ///
    /// # Errors
    /// Same as [`open`](Numbers::open).
    pub fn new(contents: Contents<'a>) -> Result<Self, DataError> {
        let mut values = contents.bytes;
        let head = read_head(&mut values).map_err(unreadable(contents.file))?;
        let length = contents.bytes.len() as u64;
        Ok(Self::after(&head, values, length, contents.file)?)
    }
}

impl<R: Read> Numbers<R> {
    /// Creates the array that follows `head` in a file of `length` bytes.
    fn after(head: &[u8], values: R, length: u64, file: &Path) -> Result<Self, FileError> {
        let contents = Contents::new(head, file);
        let header = Header::read(contents)?;
        let expected = "numbers of type f2, f4, f8, i1 to i8 or u1 to u8";
        let kind =
            Kind::from_descr(header.kind).ok_or_else(|| header.refuse(contents, expected))?;
        let bytes = header.count().saturating_mul(kind.size() as u64);
        contents.check_length(bytes.saturating_add(header.start as u64), length)?;
        Ok(Self {
            values,
            file: file.to_owned(),
            kind,
            big_endian: header.is_big_endian(),
            fortran_order: header.fortran_order,
            // At most the number of bytes of the file.
            count: header.count() as usize,
            start: header.start as u64,
            shape: header.shape,
        })
    }

    /// Returns the length of each axis. Their product is the number of numbers.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Returns the type of the numbers in the file.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Reads all numbers, in C order.
    ///
    /// # Errors
    /// Returns [`FileError::Unreadable`] if the file cannot be read or has become shorter, and
    /// [`DataError::Memory`] if the numbers do not fit in memory.
    pub fn read<T: Float>(mut self) -> Result<Vec<T>, DataError> {
        check_memory(
            &format!("the numbers of {}", self.file.display()),
            bytes_of::<T>(&[self.count, if self.fortran_order { 2 } else { 1 }]),
        )?;
        let mut numbers = vec![T::default(); self.count];
        self.read_next(&mut numbers)?;
        Ok(if self.fortran_order {
            to_c_order(&numbers, &self.shape)
        } else {
            numbers
        })
    }

    /// Reads the next numbers.
    fn read_next<T: Float>(&mut self, out: &mut [T]) -> Result<(), DataError> {
        let size = self.kind.size();
        // Holds a whole number of values of any kind.
        let mut buffer = [0; 1 << 13];
        for numbers in out.chunks_mut(buffer.len() / size) {
            let part = &mut buffer[..numbers.len() * size];
            self.values
                .read_exact(part)
                .map_err(unreadable(&self.file))?;
            decode(self.kind, self.big_endian, part, numbers);
        }
        Ok(())
    }
}

/// Decodes `bytes` into `numbers`.
pub(super) fn decode<T: Float>(kind: Kind, big_endian: bool, bytes: &[u8], numbers: &mut [T]) {
    macro_rules! decode {
        ($number:ty, $to_f64:expr) => {{
            let (words, _) = bytes.as_chunks();
            for (number, &word) in numbers.iter_mut().zip(words) {
                let found = match big_endian {
                    true => <$number>::from_be_bytes(word),
                    false => <$number>::from_le_bytes(word),
                };
                *number = T::nearest($to_f64(found));
            }
        }};
    }
    match kind {
        Kind::F2 => decode!(f16, f64::from),
        Kind::F4 => decode!(f32, f64::from),
        Kind::F8 => decode!(f64, f64::from),
        Kind::I1 => decode!(i8, f64::from),
        Kind::I2 => decode!(i16, f64::from),
        Kind::I4 => decode!(i32, f64::from),
        Kind::I8 => decode!(i64, |number| number as f64),
        Kind::U1 => decode!(u8, f64::from),
        Kind::U2 => decode!(u16, f64::from),
        Kind::U4 => decode!(u32, f64::from),
        Kind::U8 => decode!(u64, |number| number as f64),
    }
}

/// Converts the values of an array from Fortran order to C order.
fn to_c_order<T: Copy>(values: &[T], shape: &[usize]) -> Vec<T> {
    let mut strides = vec![1; shape.len()];
    for axis in 1..shape.len() {
        // If there are no values, the product of some sides may overflow. The strides are then
        // unused.
        strides[axis] = usize::saturating_mul(strides[axis - 1], shape[axis - 1]);
    }
    let mut index = vec![0; shape.len()];
    let mut position = 0;
    let mut turned = Vec::with_capacity(values.len());
    for _ in values {
        turned.push(values[position]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            position += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            position -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    turned
}
