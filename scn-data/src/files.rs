//! Reading regular files, and flushing folders to disk.

use crate::memory::check_memory;
use std::fs::{self, File};
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// Opens a regular file. Pipes and devices are refused, because they might never end.
///
/// # Errors
/// Returns [`ErrorKind::InvalidInput`] for a pipe, a device or a folder, and any other I/O error.
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
/// Same as [`open_regular`]. Also returns [`ErrorKind::OutOfMemory`] if the file is larger than the
/// available memory.
pub fn read_regular(path: &Path) -> Result<Vec<u8>> {
    let file = open_regular(path)?;
    check_memory("the file", file.metadata()?.len())
        .map_err(|error| Error::new(ErrorKind::OutOfMemory, error))?;
    read(file, u64::MAX)
}

/// Reads all bytes of a small regular file, such as one written by hand.
///
/// # Errors
/// Same as [`open_regular`]. Also returns [`ErrorKind::FileTooLarge`] if the file has more than
/// `most` bytes.
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

/// Reads a small UTF-8 text file of at most `most` bytes.
///
/// # Errors
/// Same as [`read_small`]. Also returns [`ErrorKind::InvalidData`] if the file is not UTF-8.
pub fn read_text(path: &Path, most: u64) -> Result<String> {
    String::from_utf8(read_small(path, most)?).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        Error::new(
            ErrorKind::InvalidData,
            format!("expected UTF-8 text, found invalid bytes from byte {valid} on"),
        )
    })
}

/// Reads at most `most` bytes of an open file. Some system files have no length and no end.
fn read(file: File, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Flushes the entries of a folder to disk, so that a file moved into it survives a power failure.
///
/// Does nothing except on Unix: other systems cannot open a folder for this.
///
/// # Errors
/// Returns any I/O error, unless the file system lacks this operation.
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

    /// A sparse file takes no disk space, but reading it would take all available memory.
    #[cfg(target_os = "linux")]
    #[test]
    fn files_larger_than_memory_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("holes");
        let holes = File::create(&path).expect("a file");
        // Not every file system supports files of this length.
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

    /// Each of these would block, or be read, forever.
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
