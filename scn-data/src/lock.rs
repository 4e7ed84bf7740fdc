//! Locks that only one process at a time can hold.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// A lock that only one process at a time can hold: a file that the system keeps locked.
///
/// It is released when it is dropped or when the process ends, however that happens.
#[derive(Debug)]
pub struct FileLock {
    path: PathBuf,
    /// Held open, because the system releases the lock when the file is closed.
    _file: File,
}

impl FileLock {
    /// Takes the lock, creating its file if necessary. Returns `None` if the lock is held already.
    ///
    /// # Errors
    /// Returns an error if the file cannot be created or locked, and
    /// [`io::ErrorKind::InvalidInput`] if `path` is not a regular file. Opening a pipe would block,
    /// and a link would look like a file that its holder has removed.
    pub fn take(path: &Path) -> io::Result<Option<Self>> {
        loop {
            if fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "expected a regular file, found a folder, a link, a pipe or a device",
                ));
            }
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            if is_at(&file, path)? {
                return Ok(Some(Self {
                    path: path.to_path_buf(),
                    _file: file,
                }));
            }
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Removed while it is still locked, and only where `is_at` detects the removal. A lock file
        // that stays does no harm.
        if cfg!(unix) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether the open file is still the one at `path`. Its holder may have removed it between opening
/// and locking, and the next process would then create and lock a different file.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;

    let opened = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (opened.dev(), opened.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Lock files are never removed on other systems.
#[cfg(not(unix))]
fn is_at(_file: &File, _path: &Path) -> io::Result<bool> {
    Ok(true)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Each of these would block, or be retried, forever.
    #[test]
    fn what_is_no_file_is_not_locked() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "").expect("written");
        symlink(at("file"), at("link")).expect("a link");
        symlink("/dev/null", at("device")).expect("a link");
        fs::create_dir(at("folder")).expect("a folder");
        let made = std::process::Command::new("mkfifo")
            .arg(at("pipe"))
            .status();
        let pipe = made.is_ok_and(|status| status.success()).then_some("pipe");
        for name in ["link", "device", "folder"].into_iter().chain(pipe) {
            let refused = FileLock::take(&at(name)).expect_err(name);
            assert_eq!(refused.kind(), io::ErrorKind::InvalidInput, "{name}");
        }
        let lock = FileLock::take(&at("file")).expect("a file");
        assert!(lock.is_some());
        assert!(FileLock::take(&at("file")).expect("a file").is_none());
    }
}
