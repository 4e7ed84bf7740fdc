//! Arrays in .npz archives.

use std::fs::File;
use std::io::{Error, Read, Result, Seek, SeekFrom, copy};
use std::path::Path;

use zip::{CompressionMethod, ZipArchive};

use crate::error::FileError;
use crate::format::unreadable;

/// The first bytes of an archive.
const START: [u8; 4] = *b"PK\x03\x04";

/// Whether a file starts like an archive, such as a .npz file. The file is rewound afterwards.
///
/// # Errors
/// Returns any I/O error.
pub fn is_archive(file: &mut File) -> Result<bool> {
    let mut first = Vec::new();
    file.take(START.len() as u64).read_to_end(&mut first)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(first == START)
}

/// An array in a file, with its offset and length in bytes.
pub(super) struct Member {
    pub(super) file: File,
    pub(super) start: u64,
    pub(super) length: u64,
}

/// Returns the only array of an archive, or the file itself if it is not an archive. A compressed
/// array is unpacked into a temporary file.
pub(super) fn member(mut file: File, path: &Path) -> std::result::Result<Member, FileError> {
    let length = file.metadata().map_err(unreadable(path))?.len();
    if !is_archive(&mut file).map_err(unreadable(path))? {
        let start = 0;
        return Ok(Member {
            file,
            start,
            length,
        });
    }
    let archive = opened(file, path)?;
    if archive.len() != 1 {
        return Err(FileError::Array {
            file: path.to_owned(),
            expected: "one array",
            found: format!("{} files", archive.len()),
        });
    }
    unpack(archive, 0).map_err(unreadable(path))
}

/// Returns the array with this name in an archive of any number of arrays.
pub(super) fn named(
    file: File,
    path: &Path,
    name: &'static str,
) -> std::result::Result<Member, FileError> {
    let archive = opened(file, path)?;
    match archive.index_for_name(&format!("{name}.npy")) {
        Some(index) => unpack(archive, index).map_err(unreadable(path)),
        None => Err(FileError::NoMember {
            file: path.to_owned(),
            name,
        }),
    }
}

fn opened(file: File, path: &Path) -> std::result::Result<ZipArchive<File>, FileError> {
    ZipArchive::new(file)
        .map_err(Error::other)
        .map_err(unreadable(path))
}

fn unpack(mut archive: ZipArchive<File>, index: usize) -> Result<Member> {
    let mut entry = archive.by_index(index).map_err(Error::other)?;
    let length = entry.size();
    if entry.compression() != CompressionMethod::Stored {
        let mut file = tempfile::tempfile()?;
        let length = copy(&mut entry.by_ref().take(length), &mut file)?;
        file.seek(SeekFrom::Start(0))?;
        let start = 0;
        return Ok(Member {
            file,
            start,
            length,
        });
    }
    let start = entry
        .data_start()
        .ok_or_else(|| Error::other("the offset of the array is unknown"))?;
    drop(entry);
    let mut file = archive.into_inner();
    file.seek(SeekFrom::Start(start))?;
    Ok(Member {
        file,
        start,
        length,
    })
}
