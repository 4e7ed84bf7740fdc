//! Reading of regular files, and folders flushed to disk.

use crate::memory::check_memory;
use std::fs::{self, File};
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// Opens a regular file and refuses pipes and devices, which might never end.
///
/// # Errors
/// What the system says, or [`ErrorKind::InvalidInput`] for a pipe, a device or a folder.
pub fn open_regular(path: &Path) -> Result<File> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_file() {
        return File::open(path);
    }
    let found = if kind.is_dir() {
        "a folder"
    } else {
        "a pipe or a device"
    };
    Err(Error::new(
        ErrorKind::InvalidInput,
        format!("expected a regular file, found {found}"),
    ))
}

/// Reads all bytes of a regular file.
///
/// # Errors
/// As there; [`ErrorKind::OutOfMemory`] for a file that is larger than the memory left.
pub fn read_regular(path: &Path) -> Result<Vec<u8>> {
    let file = open_regular(path)?;
    check_memory("the file", file.metadata()?.len())
        .map_err(|error| Error::new(ErrorKind::OutOfMemory, error))?;
    read(file, u64::MAX)
}

/// All bytes of a file that [`open_regular`] opens, of which there should be at most `most`: for
/// files that a person writes, or that are small.
///
/// # Errors
/// As there; [`ErrorKind::FileTooLarge`] for a file with more.
pub fn read_small(path: &Path, most: u64) -> Result<Vec<u8>> {
    let bytes = read(open_regular(path)?, most.saturating_add(1))?;
    if bytes.len() as u64 > most {
        return Err(Error::new(
            ErrorKind::FileTooLarge,
            format!("expected at most {most} bytes, found more"),
        ));
    }
    Ok(bytes)
}

/// Reads a small text file in UTF-8, of at most `most` bytes.
///
/// # Errors
/// As there; [`ErrorKind::InvalidData`] for what is not UTF-8.
pub fn read_text(path: &Path, most: u64) -> Result<String> {
    String::from_utf8(read_small(path, most)?).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        Error::new(
            ErrorKind::InvalidData,
            format!("expected text in UTF-8, found other bytes from byte {valid} on"),
        )
    })
}

/// So many bytes of an open file at most. Some files of the system have no length and no end.
fn read(file: File, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Makes the names in a folder last: a file that was moved into it is there after a loss of power.
/// Only Unix lets a folder be opened for that.
///
/// # Errors
/// What the system says, unless the file system has no such operation.
pub fn sync_folder(folder: &Path) -> Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(folder)?.sync_all() {
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_and_folders_are_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "bytes").expect("written");
        assert_eq!(read_regular(&file).expect("a file"), b"bytes");
        let refused = read_regular(folder.path()).expect_err("a folder");
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        let absent = read_regular(&folder.path().join("none")).expect_err("nothing");
        assert_eq!(absent.kind(), ErrorKind::NotFound);
    }

    #[test]
    fn small_files_are_read_up_to_their_bound() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "bytes").expect("written");
        assert_eq!(read_text(&file, 5).expect("five bytes"), "bytes");
        let refused = read_small(&file, 4).expect_err("five bytes");
        assert_eq!(refused.kind(), ErrorKind::FileTooLarge);
        assert_eq!(refused.to_string(), "expected at most 4 bytes, found more");
        fs::write(&file, b"by\xfftes").expect("written");
        let refused = read_text(&file, 9).expect_err("no text");
        assert_eq!(refused.kind(), ErrorKind::InvalidData);
        assert!(refused.to_string().contains("from byte 2 on"), "{refused}");
    }

    /// A file of holes takes no room on the disk, and all the memory there is if it is read.
    #[cfg(target_os = "linux")]
    #[test]
    fn files_larger_than_memory_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("holes");
        let holes = File::create(&path).expect("a file");
        // Not every file system has files so long.
        if holes.set_len(1 << 42).is_err() {
            return;
        }
        let refused = read_regular(&path).expect_err("four terabytes");
        assert_eq!(refused.kind(), ErrorKind::OutOfMemory);
        assert_eq!(
            read_small(&path, 9).expect_err("more").kind(),
            ErrorKind::FileTooLarge
        );
    }

    /// Each of these would be waited for, or read, for ever.
    #[cfg(unix)]
    #[test]
    fn what_never_ends_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let endless = folder.path().join("endless");
        std::os::unix::fs::symlink("/dev/zero", &endless).expect("a link");
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        let mut paths = vec![endless];
        paths.extend(made.is_ok_and(|status| status.success()).then_some(pipe));
        for path in paths {
            for read in [read_regular(&path), read_small(&path, 9)] {
                let refused = read.expect_err("no file").to_string();
                assert_eq!(refused, "expected a regular file, found a pipe or a device");
            }
        }
    }
}
