//! From the name of a data set to its files: downloading, checking and unpacking of the official
//! archives.
//!
//! An archive is received as `NAME.part` in the data folder and compared with its published MD5
//! sum; then it is unpacked beside the place where it shall lie, and renamed. So the folder of a
//! data set is there as a whole or not at all, whenever the process is killed. What is left over
//! then is `.part` files that the next fetch goes on with, and two hidden entries:
//! `.FOLDER.unpacking`, which the next fetch removes, and `.FOLDER.lock`, which keeps two fetches
//! of a data set apart and which the system unlocks when its holder ends.
//!
//! An archive with the right sum that does not unpack stays, as `NAME.part`: the same bytes would
//! come again.
//!
//! MD5 sums find damage, not forgery: what protects from the latter is HTTPS, or trust in the
//! mirror; SVHN is published without HTTPS. The SHA-256 sums of all files, as they were unpacked,
//! are written beside them, for [`check_sums`] and for `sha256sum --check`.

mod archives;
mod check;
mod download;
mod error;
mod policy;
mod progress;
mod rate;
mod retry;
mod sums;
mod transfer;
mod unpack;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

pub use self::archives::{Archive, ArchiveSet, Packing};
pub use self::check::{CheckedFile, check_files};
pub use self::error::FetchError;
pub use self::policy::TransferPolicy;
pub use self::progress::Progress;
pub use self::sums::{CheckedSum, SUMS, check_sums};
use crate::files::sync_folder;
use crate::lock::FileLock;

/// Gets the archives of `set` and puts what they hold into its folder inside `data`, the data
/// folder, which is made where it is missing. Returns the folder.
///
/// # Errors
/// [`FetchError::FolderThere`] if the folder is there already: nothing is overwritten.
/// [`FetchError::Busy`] while another fetch of the same data set is at work, in this process or
/// another. Else one error for each way in which a transfer, an archive or the file system can
/// fail; the folder is not there then.
pub fn fetch(
    set: &ArchiveSet,
    data: &Path,
    policy: &TransferPolicy,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<PathBuf, FetchError> {
    let folder = data.join(&set.folder);
    refuse_if_there(&folder)?;
    fs::create_dir_all(data).map_err(FetchError::file(data))?;
    let lock = data.join(format!(".{}.lock", set.folder));
    let Some(_lock) = FileLock::take(&lock).map_err(FetchError::file(&lock))? else {
        return Err(FetchError::Busy {
            folder: data.join(&set.folder),
            lock,
        });
    };
    // Again: who held the lock until now may have put it there.
    refuse_if_there(&folder)?;
    let beside = data.join(format!(".{}.unpacking", set.folder));
    // Of a fetch that was killed: one at work would hold the lock.
    match fs::remove_dir_all(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(FetchError::file(&beside)(error));
        }
        _ => {}
    }
    let mut parts = Vec::with_capacity(set.archives.len());
    for archive in &set.archives {
        let part = data.join(format!("{}.part", archive.file));
        download::download(archive, &part, policy, progress)?;
        parts.push(part);
    }
    // Beside the final place, hence on the same file system, where a rename is one step.
    let beside = RemovedAtLast::create(beside)?;
    let unpacked = beside.path.join(&set.folder);
    fs::create_dir(&unpacked).map_err(FetchError::file(&unpacked))?;
    for (archive, part) in set.archives.iter().zip(&parts) {
        progress(Progress::Unpacking {
            file: &archive.file,
        });
        match archive.packing {
            Packing::Kept => unpack::keep(part, &unpacked.join(&archive.file))?,
            Packing::TarGz { largest } => {
                unpack::tar_gz(part, &beside.path, &set.folder, largest)?;
            }
        }
    }
    sums::write(&unpacked)?;
    sync_folder(&unpacked).map_err(FetchError::file(&unpacked))?;
    fs::rename(&unpacked, &folder).map_err(FetchError::file(&folder))?;
    drop(beside);
    sync_folder(data).map_err(FetchError::file(data))?;
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
