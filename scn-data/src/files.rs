//! Files that can be read to an end, and folders whose names last.

use std::fs::{self, File};
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// Opens a file that is one: a pipe might never be written to, a device might never end.
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

/// All bytes of a file that [`open_regular`] opens.
///
/// # Errors
/// As there.
pub fn read_regular(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Makes the names in a folder last: a file that was moved into it is there after a loss of power. Only Unix lets a folder be opened for that.
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
            let refused = read_regular(&path).expect_err("no file").to_string();
            assert_eq!(refused, "expected a regular file, found a pipe or a device");
        }
    }
}
