//! From the name of a data set to its files: downloading, checking and unpacking of the official archives.
//!
//! An archive is received as `NAME.part` in the data folder and compared with its published MD5 sum; then it is
//! unpacked beside the place where it shall lie, and renamed. So the folder of a data set is there as a whole or not at
//! all, whenever the process is killed. What is left over then is `.part` files that the next fetch goes on with, and
//! two hidden entries: `.FOLDER.unpacking`, which the next fetch removes, and `.FOLDER.lock`, which keeps two fetches of
//! a data set apart and which the system unlocks when its holder ends.
//!
//! An archive with the right sum that does not unpack stays, as `NAME.part`: the same bytes would come again.
//!
//! MD5 sums find damage, not forgery: what protects from the latter is HTTPS, or trust in the mirror. The SHA-256 sums of all files, as they were
//! unpacked, are written beside them, for [`check_sums`] and for `sha256sum --check`.

mod archives;
mod check;
mod download;
mod error;
mod rate;
mod sums;
mod transfer;
mod unpack;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::FileLock;
pub use archives::{Archive, Packing, Source};
pub use check::{CheckedFile, check_files};
pub use error::FetchError;
pub use sums::{CheckedSum, SUMS, check_sums};

/// How patient a download is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Longest wait for a connection, and for the address of a name.
    pub connect: Duration,
    /// Longest wait for an answer, and for the next bytes of it.
    pub read: Duration,
    /// Fewest bytes a second, on average over each [`window`](Self::window), that are waited for; 0 for any.
    pub slowest: u64,
    /// Time over which [`slowest`](Self::slowest) is measured.
    pub window: Duration,
    /// How often a transfer is tried again that failed in a way that may pass; each time it goes on where the last one ended.
    pub retries: u32,
    /// Wait before the first retry; it doubles with each one, up to a minute. A server may ask for a longer one, up to a minute too.
    pub backoff: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            read: Duration::from_secs(30),
            slowest: 1000,
            window: Duration::from_secs(60),
            retries: 5,
            backoff: Duration::from_secs(1),
        }
    }
}

/// What a fetch is doing.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// Bytes of an archive have come.
    Received {
        /// The archive.
        file: &'a str,
        /// Bytes there are, those of an earlier transfer among them.
        bytes: u64,
        /// Bytes there will be, if the server says.
        total: Option<u64>,
    },
    /// A transfer failed and will be tried again.
    Retry {
        /// The archive.
        file: &'a str,
        /// What failed.
        error: &'a FetchError,
        /// Time until then.
        wait: Duration,
    },
    /// A whole archive is unpacked.
    Unpacking {
        /// The archive.
        file: &'a str,
    },
}

/// Gets the archives of `source` and puts what they hold into its folder inside `data`, the data folder, which is made
/// where it is missing. Returns the folder.
///
/// # Errors
/// [`FetchError::FolderThere`] if the folder is there already: nothing is overwritten. [`FetchError::Busy`] while another
/// fetch of the same data set is at work, in this process or another. Else one error for each way in which a transfer,
/// an archive or the file system can fail; the folder is not there then.
pub fn fetch(
    source: &Source,
    data: &Path,
    settings: &Settings,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<PathBuf, FetchError> {
    let folder = data.join(&source.folder);
    refuse_if_there(&folder)?;
    fs::create_dir_all(data).map_err(FetchError::file(data))?;
    let lock = data.join(format!(".{}.lock", source.folder));
    let Some(_lock) = FileLock::take(&lock).map_err(FetchError::file(&lock))? else {
        return Err(FetchError::Busy {
            folder: data.join(&source.folder),
            lock,
        });
    };
    // Again: who held the lock until now may have put it there.
    refuse_if_there(&folder)?;
    let beside = data.join(format!(".{}.unpacking", source.folder));
    // Of a fetch that was killed: one at work would hold the lock.
    match fs::remove_dir_all(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(FetchError::file(&beside)(error));
        }
        _ => {}
    }
    let mut parts = Vec::with_capacity(source.archives.len());
    for archive in &source.archives {
        let part = data.join(format!("{}.part", archive.file));
        download::download(archive, &part, settings, progress)?;
        parts.push(part);
    }
    // Beside the final place, hence on the same file system, where a rename is one step.
    let beside = RemovedAtLast::create(beside)?;
    let unpacked = beside.path.join(&source.folder);
    fs::create_dir(&unpacked).map_err(FetchError::file(&unpacked))?;
    for (archive, part) in source.archives.iter().zip(&parts) {
        progress(Progress::Unpacking {
            file: &archive.file,
        });
        match archive.packing {
            Packing::Kept => unpack::keep(part, &unpacked.join(&archive.file))?,
            Packing::TarGz { largest } => {
                unpack::tar_gz(part, &beside.path, &source.folder, largest)?;
            }
        }
    }
    sums::write(&unpacked)?;
    sync_folder(&unpacked)?;
    fs::rename(&unpacked, &folder).map_err(FetchError::file(&folder))?;
    drop(beside);
    sync_folder(data)?;
    for part in &parts {
        fs::remove_file(part).map_err(FetchError::file(part))?;
    }
    Ok(folder)
}

fn refuse_if_there(folder: &Path) -> Result<(), FetchError> {
    if folder.symlink_metadata().is_ok() {
        return Err(FetchError::FolderThere {
            folder: folder.to_owned(),
        });
    }
    Ok(())
}

/// A new folder that is removed with all that is in it.
struct RemovedAtLast {
    path: PathBuf,
}

impl RemovedAtLast {
    fn create(path: PathBuf) -> Result<Self, FetchError> {
        fs::create_dir(&path).map_err(FetchError::file(&path))?;
        Ok(Self { path })
    }
}

impl Drop for RemovedAtLast {
    fn drop(&mut self) {
        // What cannot be removed now is tried again by the next fetch.
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn sync_folder(folder: &Path) -> Result<(), FetchError> {
    crate::sync_folder(folder).map_err(FetchError::file(folder))
}
