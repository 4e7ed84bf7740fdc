//! The bytes of the elements of MATLAB files, unpacked if they are compressed.

use std::io::{Chain, Error, ErrorKind, Read};

use flate2::bufread::ZlibDecoder;

use super::Contents;
use crate::error::FileError;

/// The type of letters.
pub(super) const INT8: u32 = 1;
/// The type of an array.
const MATRIX: u32 = 14;
/// The type of a zlib stream.
const COMPRESSED: u32 = 15;

/// The type and the length of a part of an array.
#[derive(Clone, Copy)]
pub(super) struct Tag {
    pub(super) kind: u32,
    pub(super) length: u32,
    /// Whether the bytes of the part take the place of its length, in 4 bytes.
    is_small: bool,
}

/// The bytes of an array. If they are compressed, they are unpacked as they are read.
pub(super) struct Stream<'a> {
    pub(super) contents: Contents<'a>,
    /// Offset of its element in the file.
    at: usize,
    /// Number of bytes of the array that have not been read.
    left: u64,
    source: Source<'a>,
}

enum Source<'a> {
    Plain(&'a [u8]),
    Packed {
        /// The stream, followed by zeros. A truncated stream consumes some of them.
        decoder: Box<ZlibDecoder<Chain<&'a [u8], &'static [u8]>>>,
        /// Length of the stream in bytes.
        length: u64,
    },
}

impl<'a> Stream<'a> {
    /// Opens the array whose element starts at byte `at` of the file. Also returns the end of the
    /// element.
    pub(super) fn open(contents: Contents<'a>, at: usize) -> Result<(Self, usize), FileError> {
        let short = |expected: usize| FileError::Short {
            file: contents.file.to_owned(),
            expected: expected as u64,
            found: contents.bytes.len() as u64,
        };
        let start = at.saturating_add(8);
        let tag = contents.bytes.get(at..start).ok_or_else(|| short(start))?;
        let [kind, length] = words(tag);
        let end = start.saturating_add(length as usize);
        let bytes = contents.bytes.get(start..end).ok_or_else(|| short(end))?;
        let mut stream = Self {
            contents,
            at,
            left: u64::from(length),
            source: Source::Plain(bytes),
        };
        let mut inner = kind;
        if kind == COMPRESSED {
            stream.source = Source::Packed {
                decoder: Box::new(ZlibDecoder::new(bytes.chain(&[0_u8; 8][..]))),
                length: u64::from(length),
            };
            stream.left = 8;
            let [kind, length] = words(&stream.exact(8)?);
            (inner, stream.left) = (kind, u64::from(length));
        }
        if inner != MATRIX {
            let found = format!("has type {inner}");
            return Err(stream.wrong("an array (type 14), compressed (type 15) or not", found));
        }
        Ok((stream, end))
    }

    /// Reads the next part, which must have the type `kind` and `least` to `most` bytes. Unless
    /// they are letters, their number must be a multiple of 4.
    pub(super) fn part(
        &mut self,
        what: &'static str,
        kind: u32,
        least: u32,
        most: u32,
    ) -> Result<Vec<u8>, FileError> {
        let tag = self.tag()?;
        let is_long_enough = (least..=most).contains(&tag.length);
        let is_whole = kind == INT8 || tag.length.is_multiple_of(4);
        if tag.kind != kind || !is_long_enough || !is_whole {
            let found = format!("has {} bytes of type {} for {what}", tag.length, tag.kind);
            return Err(self.wrong("an array with flags, sizes and a name", found));
        }
        let bytes = self.data(tag)?;
        if !tag.is_small {
            let filled = tag.length.next_multiple_of(8);
            self.exact(u64::from(filled - tag.length))?;
        }
        Ok(bytes)
    }

    /// Reads the type and the length of the next part.
    pub(super) fn tag(&mut self) -> Result<Tag, FileError> {
        let [word] = words(&self.exact(4)?);
        let (kind, length) = (word & 0xffff, word >> 16);
        if length > 4 {
            let found = format!("has a small part of {length} bytes");
            return Err(self.wrong("an array whose small parts have at most 4 bytes", found));
        }
        if length > 0 {
            return Ok(Tag {
                kind,
                length,
                is_small: true,
            });
        }
        let [length] = words(&self.exact(4)?);
        Ok(Tag {
            kind,
            length,
            is_small: false,
        })
    }

    /// Reads the bytes of a part.
    pub(super) fn data(&mut self, tag: Tag) -> Result<Vec<u8>, FileError> {
        if !tag.is_small {
            return self.exact(u64::from(tag.length));
        }
        let mut bytes = self.exact(4)?;
        bytes.truncate(tag.length as usize);
        Ok(bytes)
    }

    /// Reads the next `count` bytes, which must exist.
    fn exact(&mut self, count: u64) -> Result<Vec<u8>, FileError> {
        let bytes = self.up_to(count.min(self.left))?;
        let found = bytes.len() as u64;
        if found < count {
            let missing = format!("ends {} bytes too early", count - found);
            return Err(self.wrong("an array as long as its lengths say", missing));
        }
        self.left -= count;
        Ok(bytes)
    }

    /// Reads at most `limit` bytes. Memory is allocated as they arrive.
    fn up_to(&mut self, limit: u64) -> Result<Vec<u8>, FileError> {
        let mut bytes = Vec::new();
        let read = match &mut self.source {
            Source::Plain(rest) => rest.take(limit).read_to_end(&mut bytes),
            Source::Packed { decoder, .. } => decoder.take(limit).read_to_end(&mut bytes),
        };
        match read {
            Ok(_) => Ok(bytes),
            Err(source) if source.kind() == ErrorKind::OutOfMemory => Err(FileError::Unreadable {
                file: self.contents.file.to_owned(),
                source,
            }),
            Err(source) => Err(self.does_not_unpack(source)),
        }
    }

    /// Checks that only padding follows, and that a compressed array has the right checksum.
    pub(super) fn end(mut self) -> Result<(), FileError> {
        if self.left >= 8 {
            let found = format!("continues for {} bytes", self.left);
            return Err(self.wrong("an array that ends after its values", found));
        }
        self.exact(self.left)?;
        // One more byte is requested: its absence makes the decoder verify the checksum.
        let more = self.up_to(1)?;
        match &self.source {
            Source::Packed { decoder, length }
                if !more.is_empty() || decoder.total_in() != *length =>
            {
                let source = Error::new(
                    ErrorKind::InvalidData,
                    "the stream does not end where its element ends",
                );
                Err(self.does_not_unpack(source))
            }
            _ => Ok(()),
        }
    }

    fn does_not_unpack(&self, source: Error) -> FileError {
        FileError::Zlib {
            file: self.contents.file.to_owned(),
            at: self.at as u64,
            source,
        }
    }

    /// The error for an element that is not as `expected`.
    pub(super) fn wrong(&self, expected: &'static str, found: String) -> FileError {
        FileError::Element {
            file: self.contents.file.to_owned(),
            at: self.at as u64,
            expected,
            found,
        }
    }
}

/// The first `COUNT` numbers of 4 bytes, little-endian. Missing ones are 0.
fn words<const COUNT: usize>(bytes: &[u8]) -> [u32; COUNT] {
    let mut words = [0; COUNT];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(4)) {
        *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    words
}
