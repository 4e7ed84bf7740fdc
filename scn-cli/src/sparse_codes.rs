//! Sparse codes, in an archive that scipy reads.

use std::fs::File;
use std::io::{BufWriter, Read, Result, Seek, SeekFrom, Write};
use std::path::Path;

use npyz::{DType, WriterBuilder};
use scn_data::PlacedFile;
use scn_data::format::npy::{Float, Kind};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::samples::Samples;

/// A writer of sparse codes in the format of `scipy.sparse.load_npz`.
///
/// The format is `csc` if signals are columns, `csr` if they are rows. Until all codes are there,
/// the arrays are in unnamed temporary files.
pub(crate) struct SparseCodes {
    /// End of each code in `numbers`.
    ends: BufWriter<File>,
    atoms: BufWriter<File>,
    numbers: BufWriter<File>,
    /// Number of entries so far.
    count: u64,
    bytes: Vec<u8>,
}

impl SparseCodes {
    /// Creates a writer with its temporary files in this folder.
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        let part = || tempfile::tempfile_in(folder).map(BufWriter::new);
        let mut parts = Self {
            ends: part()?,
            atoms: part()?,
            numbers: part()?,
            count: 0,
            bytes: Vec::new(),
        };
        parts.ends.write_all(&0_u64.to_le_bytes())?;
        Ok(parts)
    }

    /// Adds a code.
    pub(crate) fn push<T: Float>(&mut self, code: &[T]) -> Result<()> {
        for (atom, &number) in (0_u32..).zip(code) {
            if number.widened() != 0.0 {
                self.atoms.write_all(&atom.to_le_bytes())?;
                self.bytes.clear();
                T::append(&[number], &mut self.bytes);
                self.numbers.write_all(&self.bytes)?;
                self.count += 1;
            }
        }
        self.ends.write_all(&self.count.to_le_bytes())
    }

    /// Writes the codes so far to a file, at its current position, for another process to
    /// [append](Self::append).
    pub(crate) fn write_part(self, file: &mut File) -> Result<()> {
        let mut out = BufWriter::new(file);
        for part in [self.ends, self.atoms, self.numbers] {
            let mut part = rewound(part)?;
            out.write_all(&part.metadata()?.len().to_le_bytes())?;
            std::io::copy(&mut part, &mut out)?;
        }
        out.flush()
    }

    /// Adds the codes that another process wrote with [`write_part`](Self::write_part).
    pub(crate) fn append(&mut self, file: &mut File) -> Result<()> {
        let mut parts = std::io::BufReader::new(file);
        let mut ends = Words(next_part(&mut parts)?);
        // Skip the start of the first code.
        ends.next().transpose()?;
        let before = self.count;
        for end in ends {
            self.count = before + u64::from_le_bytes(end?);
            self.ends.write_all(&self.count.to_le_bytes())?;
        }
        for out in [&mut self.atoms, &mut self.numbers] {
            std::io::copy(&mut next_part(&mut parts)?, out)?;
        }
        Ok(())
    }

    /// Writes the archive, after all codes have been added.
    pub(crate) fn finish<T: Float>(
        self,
        file: &mut PlacedFile,
        [atoms, columns]: [usize; 2],
        samples: Samples,
    ) -> Result<()> {
        let mut archive = ZipWriter::new(BufWriter::new(file.file()));
        let numbers = [self.count as usize];
        let ends = [columns + 1];
        // Use 4-byte integers if they suffice, as scipy does.
        let narrow = i32::try_from(self.count).is_ok();
        let kind = if narrow { Kind::I4 } else { Kind::I8 };
        begin(&mut archive, "indptr", kind, &ends)?;
        for word in Words::of(self.ends)? {
            let word = word?;
            archive.write_all(if narrow { &word[..4] } else { &word })?;
        }
        begin(&mut archive, "indices", Kind::I4, &numbers)?;
        append(&mut archive, self.atoms)?;
        begin(&mut archive, "data", T::KIND, &numbers)?;
        append(&mut archive, self.numbers)?;
        let (format, shape) = match samples {
            Samples::InColumns => (b"csc", [atoms, columns]),
            Samples::InRows => (b"csr", [columns, atoms]),
        };
        begin(&mut archive, "shape", Kind::I8, &[2])?;
        for side in shape {
            archive.write_all(&(side as u64).to_le_bytes())?;
        }
        archive.start_file("format.npy", options(3))?;
        let kind = "|S3".parse().map_err(std::io::Error::other)?;
        let mut writer = npyz::WriteOptions::<[u8]>::new()
            .dtype(DType::Plain(kind))
            .shape(&[])
            .writer(&mut archive)
            .begin_nd()?;
        writer.push(format)?;
        writer.finish()?;
        archive.finish()?.flush()
    }
}

type Archive<'a> = ZipWriter<BufWriter<&'a mut File>>;

/// Returns the options for a file of this size: uncompressed, as `numpy.savez` writes it.
fn options(bytes: u64) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .large_file(bytes >= u64::from(u32::MAX))
}

/// Starts an array in the archive.
fn begin(archive: &mut Archive<'_>, name: &str, kind: Kind, shape: &[usize]) -> Result<()> {
    let head = kind.head(shape, false);
    let numbers = shape.iter().product::<usize>() as u64;
    let bytes = numbers * kind.size() as u64 + head.len() as u64;
    archive.start_file(format!("{name}.npy"), options(bytes))?;
    archive.write_all(&head)
}

/// Returns a reader of the next part, which is prefixed with its length.
fn next_part<R: Read>(mut parts: R) -> Result<std::io::Take<R>> {
    let mut length = [0; 8];
    parts.read_exact(&mut length)?;
    Ok(parts.take(u64::from_le_bytes(length)))
}

/// Flushes a part and rewinds it.
fn rewound(part: BufWriter<File>) -> Result<File> {
    let mut part = part.into_inner()?;
    part.seek(SeekFrom::Start(0))?;
    Ok(part)
}

fn append(archive: &mut Archive<'_>, part: BufWriter<File>) -> Result<()> {
    std::io::copy(&mut rewound(part)?, archive).map(|_| ())
}

/// An iterator over the 8-byte words of a part.
struct Words<R>(R);

impl Words<std::io::BufReader<File>> {
    fn of(part: BufWriter<File>) -> Result<Self> {
        rewound(part).map(std::io::BufReader::new).map(Self)
    }
}

impl<R: Read> Iterator for Words<R> {
    type Item = Result<[u8; 8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut word = [0; 8];
        match self.0.read_exact(&mut word) {
            Ok(()) => Some(Ok(word)),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => None,
            Err(error) => Some(Err(error)),
        }
    }
}
