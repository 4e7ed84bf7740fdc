//! The header of a numpy array.

use std::io::Read;

use super::Contents;
use crate::error::FileError;

/// Longest header, the limit of version 1. Plain numbers need about a hundred bytes.
const LONGEST: usize = u16::MAX as usize;

/// Largest number of axes, the limit of numpy.
const MOST_AXES: usize = 64;

/// Returns the length of the header, and the number of bytes before it.
fn head_length(bytes: &[u8]) -> Option<(usize, usize)> {
    match *bytes {
        [0x93, b'N', b'U', b'M', b'P', b'Y', 1, _, a, b, ..] => {
            Some((usize::from(u16::from_le_bytes([a, b])), 10))
        }
        [0x93, b'N', b'U', b'M', b'P', b'Y', 2 | 3, _, a, b, c, d, ..] => {
            Some((u32::from_le_bytes([a, b, c, d]) as usize, 12))
        }
        _ => None,
    }
}

/// Reads the bytes before the values, or a few bytes if this is not an array. Memory is allocated
/// as they arrive.
pub(super) fn read_head(file: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    file.by_ref().take(12).read_to_end(&mut head)?;
    if let Some((length, start)) = head_length(&head).filter(|&(length, _)| length <= LONGEST) {
        let missing = length.saturating_add(start).saturating_sub(head.len());
        file.take(missing as u64).read_to_end(&mut head)?;
    }
    Ok(head)
}

/// Returns the bytes before the values of an array. Their number is a multiple of 64, as in numpy.
pub(super) fn head(kind: &str, shape: &[usize], fortran_order: bool) -> Vec<u8> {
    let order = if fortran_order { "True" } else { "False" };
    let sides: String = shape.iter().map(|side| format!("{side}, ")).collect();
    let mut text = format!("{{'descr': '{kind}', 'fortran_order': {order}, 'shape': ({sides}), }}");
    let start = (10 + text.len() + 1).next_multiple_of(64);
    text.push_str(&" ".repeat(start - 10 - text.len() - 1));
    text.push('\n');
    let length = (text.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], text.as_bytes()].concat()
}

/// The header of an array.
pub(super) struct Header<'a> {
    /// Byte order, kind and size, such as `|u1` or `<i8`.
    pub(super) kind: &'a str,
    pub(super) shape: Vec<usize>,
    /// Whether the first of several axes varies fastest.
    pub(super) fortran_order: bool,
    /// Number of bytes before the values.
    pub(super) start: usize,
}

impl<'a> Header<'a> {
    /// Reads the header of an array.
    pub(super) fn read(contents: Contents<'a>) -> Result<Self, FileError> {
        let file = || contents.file.to_owned();
        let (length, start) =
            head_length(contents.bytes).ok_or_else(|| FileError::NoArray { file: file() })?;
        if length > LONGEST {
            return Err(FileError::Array {
                file: file(),
                expected: "an array with a header of at most 65535 bytes",
                found: format!("one with {length}"),
            });
        }
        let text = contents.bytes[start..]
            .get(..length)
            .ok_or_else(|| FileError::Short {
                file: file(),
                expected: (start as u64).saturating_add(length as u64),
                found: contents.bytes.len() as u64,
            })?;
        let (kind, fortran_order, shape) = std::str::from_utf8(text)
            .ok()
            .and_then(|text| Text(text).header())
            .ok_or_else(|| FileError::NoArray { file: file() })?;
        let header = Self {
            kind,
            // With one axis the two orders are the same, and numpy may write either.
            fortran_order: fortran_order && shape.len() > 1,
            shape,
            start: start + length,
        };
        if header.shape.len() > MOST_AXES {
            return Err(header.refuse(contents, "an array of at most 64 axes"));
        }
        Ok(header)
    }

    /// Reads the header of an array in C order.
    pub(super) fn read_c_order(contents: Contents<'a>) -> Result<Self, FileError> {
        let header = Self::read(contents)?;
        if header.fortran_order {
            return Err(FileError::Array {
                file: contents.file.to_owned(),
                expected: "an array in C order",
                found: "one in Fortran order".to_owned(),
            });
        }
        Ok(header)
    }

    /// Whether the most significant byte of a value comes first.
    pub(super) fn is_big_endian(&self) -> bool {
        self.kind.starts_with('>')
    }

    /// Returns the number of values.
    pub(super) fn count(&self) -> u64 {
        let sides = self.shape.iter().map(|&side| side as u64);
        sides.fold(1, u64::saturating_mul)
    }

    /// Returns the bytes of the values, which have `size` bytes each.
    pub(super) fn values(
        &self,
        contents: Contents<'a>,
        size: usize,
    ) -> Result<&'a [u8], FileError> {
        let values = self.count().saturating_mul(size as u64);
        let expected = values.saturating_add(self.start as u64);
        let found = contents.bytes.len() as u64;
        contents.check_length(expected, found)?;
        Ok(&contents.bytes[self.start..])
    }

    /// The error for an array that is not as `expected`.
    pub(super) fn refuse(&self, contents: Contents<'_>, expected: &'static str) -> FileError {
        // The header may be long.
        let kind: String = self.kind.chars().take(24).collect();
        let axes = &self.shape[..self.shape.len().min(8)];
        FileError::Array {
            file: contents.file.to_owned(),
            expected,
            found: format!("values of type {kind:?} and shape {axes:?}"),
        }
    }
}

/// The rest of a header that is being parsed.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    /// Parses the type, Fortran order and shape from a dictionary that holds only these three, in
    /// any order.
    fn header(mut self) -> Option<(&'a str, bool, Vec<usize>)> {
        let (mut kind, mut fortran_order, mut shape) = (None, None, None);
        self.symbol("{")?;
        while self.symbol("}").is_none() {
            let key = self.quoted()?;
            self.symbol(":")?;
            match key {
                "descr" => kind = Some(self.quoted()?),
                "fortran_order" => fortran_order = Some(self.truth()?),
                "shape" => shape = Some(self.sizes()?),
                _ => return None,
            }
            if self.symbol(",").is_none() {
                self.symbol("}")?;
                break;
            }
        }
        self.0
            .trim()
            .is_empty()
            .then_some((kind?, fortran_order?, shape?))
    }

    /// Skips `symbol` and the blanks before it, if it comes next.
    fn symbol(&mut self, symbol: &str) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(symbol)?;
        Some(())
    }

    /// Parses a string without escapes.
    fn quoted(&mut self) -> Option<&'a str> {
        let quote = ["'", "\""]
            .into_iter()
            .find(|quote| self.symbol(quote).is_some())?;
        let (text, rest) = self.0.split_once(quote)?;
        self.0 = rest;
        Some(text)
    }

    fn truth(&mut self) -> Option<bool> {
        match self.symbol("True") {
            Some(()) => Some(true),
            None => self.symbol("False").map(|()| false),
        }
    }

    /// Parses a tuple of numbers.
    fn sizes(&mut self) -> Option<Vec<usize>> {
        let mut sizes = Vec::new();
        self.symbol("(")?;
        while self.symbol(")").is_none() {
            let rest = self.0.trim_start();
            let end = rest.find(|c: char| !c.is_ascii_digit())?;
            sizes.push(rest[..end].parse().ok()?);
            // Python 2 may have written `(3L, 4L)`.
            self.0 = rest[end..].strip_prefix('L').unwrap_or(&rest[end..]);
            if self.symbol(",").is_none() {
                self.symbol(")")?;
                break;
            }
        }
        Some(sizes)
    }
}
