//! One fetch at a time for each data set.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use super::FetchError;

/// The right to fetch into a folder, until it is dropped or the process ends, however that happens.
pub(super) struct Lock {
    path: PathBuf,
    /// Held open: the system gives the lock back when the file is closed.
    _file: File,
}

impl Lock {
    /// Takes the lock of the folder `name` in `data`.
    pub(super) fn take(data: &Path, name: &str) -> Result<Self, FetchError> {
        let path = data.join(format!(".{name}.lock"));
        loop {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
                .map_err(FetchError::file(&path))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(FetchError::Busy {
                        folder: data.join(name),
                        lock: path,
                    });
                }
                Err(TryLockError::Error(source)) => {
                    return Err(FetchError::File { file: path, source });
                }
            }
            if is_at(&file, &path)? {
                return Ok(Self { path, _file: file });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is locked, and only where `is_at` can tell that this happened; a lock file that stays does no harm.
        if cfg!(unix) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether the open file is still the one at `path`: between opening and locking, its holder may have removed it, and who comes next
/// would make and lock another one.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> Result<bool, FetchError> {
    use std::io::ErrorKind;
    use std::os::unix::fs::MetadataExt;

    let opened = file.metadata().map_err(FetchError::file(path))?;
    match fs::symlink_metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (opened.dev(), opened.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(source) => Err(FetchError::File {
            file: path.to_owned(),
            source,
        }),
    }
}

/// Elsewhere nobody removes it.
#[cfg(not(unix))]
fn is_at(_file: &File, _path: &Path) -> Result<bool, FetchError> {
    Ok(true)
}
