//! Downloading, checking and unpacking the official archives of the data sets.
//!
//! An archive is downloaded as `NAME.part` into the data folder and compared with its published MD5
//! sum. It is then unpacked next to its final folder, and renamed. The folder of a data set is
//! therefore complete or absent, even if the process is killed. In that case `.part` files remain,
//! which the next fetch resumes, and two hidden entries: `.FOLDER.unpacking`, which the next fetch
//! removes, and `.FOLDER.lock`, which keeps two fetches of a data set apart. The system unlocks it
//! when its holder ends.
//!
//! An archive with the right sum that cannot be unpacked is kept as `NAME.part`, because a new
//! download would give the same bytes.
//!
//! MD5 sums detect damage, not forgery. Protection from forgery comes from HTTPS, or from trust in
//! the mirror; SVHN is published without HTTPS. The SHA-256 sums of all unpacked files are written
//! next to them, for [`check_sums`] and for `sha256sum --check`.

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

/// Downloads the archives of `set` and unpacks them into its folder inside `data`, the data folder.
///
/// Returns the folder. The data folder is created if it does not exist.
///
/// # Errors
/// Returns [`FetchError::FolderThere`] if the folder already exists, because nothing is
/// overwritten, and [`FetchError::Busy`] while another fetch of the same data set is running, in
/// this process or another. Any other error reports how a transfer, an archive or the file system
/// failed; the folder then does not exist.
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
    // Checked again, because the last holder of the lock may have created it.
    refuse_if_there(&folder)?;
    let beside = data.join(format!(".{}.unpacking", set.folder));
    // Left by a fetch that was killed: a running one would hold the lock.
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
    // Next to the final folder, and so on the same file system, where a rename is a single step.
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

/// A new folder that is removed with its contents when it is dropped.
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
        // If this fails, the next fetch tries again.
        let _ = fs::remove_dir_all(&self.path);
    }
}
