//! Files that are written completely or not at all.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{BufWriter, Error, ErrorKind, Result, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::files::sync_folder;

/// Prefix and suffix of the names of incomplete files.
const PREFIX: &str = ".scn-";
const SUFFIX: &str = ".tmp";

/// Writes a file completely or not at all. Missing folders are created.
///
/// The file is written next to its final path and moved there when it is complete and on disk. A
/// replaced file passes on its permissions. If `path` is a link, its target is replaced. A device,
/// a pipe or a terminal is written to directly.
///
/// # Errors
/// Returns any error of `fill`, and any I/O error. A file at `path` is then unchanged.
///
/// # Example
///
/// ```
/// use scn_data::write_whole;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("results/errors.txt");
/// write_whole(&path, |out| out.write_all(b"complete"))?;
/// let failed = write_whole(&path, |out| {
///     out.write_all(b"half")?;
///     Err(std::io::Error::other("disconnected"))
/// });
/// assert_eq!(failed.map_err(|error| error.to_string()), Err("disconnected".to_owned()));
/// assert_eq!(std::fs::read(&path)?, b"complete");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn write_whole(path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    match Place::find(path)? {
        Place::Through(mut file) => {
            let mut out = BufWriter::new(&mut file);
            fill(&mut out)?;
            out.flush()
        }
        Place::File { path, permissions } => {
            let mut file = beside(&path)?;
            let mut out = BufWriter::new(file.as_file_mut());
            fill(&mut out)?;
            out.flush()?;
            drop(out);
            into_place(file, &path, permissions)
        }
    }
}

/// The destination of a write.
pub(crate) enum Place {
    /// A device, a pipe or a terminal, which is written to directly.
    Through(File),
    /// A path, and the permissions of the file that is there, if any.
    File {
        path: PathBuf,
        permissions: Option<Permissions>,
    },
}

impl Place {
    pub(crate) fn find(path: &Path) -> Result<Self> {
        let path = target(path)?;
        let old = match fs::metadata(&path) {
            Ok(old) => Some(old),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if old.as_ref().is_some_and(fs::Metadata::is_dir) {
            return Err(ErrorKind::IsADirectory.into());
        }
        if old.as_ref().is_some_and(|old| !old.is_file()) || is_of_the_system(&path) {
            return Ok(Self::Through(OpenOptions::new().append(true).open(&path)?));
        }
        let permissions = old.map(|old| old.permissions());
        Ok(Self::File { path, permissions })
    }
}

/// Creates a temporary file in the folder of `path`. The folder is created if it does not exist.
pub(crate) fn beside(path: &Path) -> Result<NamedTempFile> {
    let folder = folder_of(path);
    fs::create_dir_all(folder)?;
    let file = builder().tempfile_in(folder)?;
    // The lock shows `remove_unfinished` that the file is in use. Not every file system has locks.
    let _ = file.as_file().try_lock();
    Ok(file)
}

/// Flushes a complete file to disk and moves it to its final path.
pub(crate) fn into_place(
    file: NamedTempFile,
    path: &Path,
    permissions: Option<Permissions>,
) -> Result<()> {
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(folder_of(path))
}

/// Removes the incomplete files that ended processes have left in a folder.
///
/// Files that are still being written are kept.
///
/// # Errors
/// Returns any I/O error.
pub fn remove_unfinished(folder: &Path) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let ours = name.starts_with(PREFIX) && name.ends_with(SUFFIX);
        if !(ours && entry.file_type()?.is_file()) {
            continue;
        }
        // The file is gone if its writer has just finished.
        if let Ok(file) = OpenOptions::new().write(true).open(entry.path())
            && file.try_lock().is_ok()
        {
            match fs::remove_file(entry.path()) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Follows a chain of links to its end, which need not exist.
fn target(path: &Path) -> Result<PathBuf> {
    /// The limit of Linux.
    const MOST_LINKS: usize = 40;
    let mut path = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&path) {
            // For example the pipe or file that is standard output, which is written to, not
            // replaced.
            Ok(_) if is_of_the_system(&path) => return Ok(path),
            Ok(next) => path = folder_of(&path).join(next),
            Err(_) => return Ok(path),
        }
    }
    Err(Error::other("too many links"))
}

/// Whether `path` is in `/dev` or `/proc`, where files stand for something else. Files in
/// `/dev/shm` are ordinary files.
fn is_of_the_system(path: &Path) -> bool {
    let below = |folder: &str| path.starts_with(folder);
    cfg!(unix) && (below("/dev") && !below("/dev/shm") || below("/proc"))
}

pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// A builder of temporary files with the permissions of ordinary files: others may read them if the
/// umask allows it.
fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept");
        fs::write(&path, "old").unwrap();
        let failed = write_whole(&path, |out| {
            out.write_all(b"new")?;
            Err(Error::other("disk full"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "disk full");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        assert!(write_whole(folder.path(), |out| out.write_all(b"x")).is_err());
        assert!(folder.path().is_dir());
    }

    #[test]
    fn leftovers_go_and_files_that_are_being_written_stay() {
        let folder = tempfile::tempdir().unwrap();
        let names = || {
            let entries = fs::read_dir(folder.path()).unwrap();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        for name in [".scn-dead.tmp", ".scn-other", "metrics.jsonl"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        let path = folder.path().join("new");
        write_whole(&path, |out| {
            remove_unfinished(folder.path())?;
            assert_eq!(names().len(), 3);
            out.write_all(b"x")
        })
        .unwrap();
        assert_eq!(names(), [".scn-other", "metrics.jsonl", "new"]);
        remove_unfinished(&folder.path().join("none")).unwrap();
    }

    #[cfg(unix)]
    mod unix {
        use std::io::Read;
        use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};

        use super::*;

        fn mode(path: &Path) -> u32 {
            fs::metadata(path).unwrap().permissions().mode()
        }

        #[test]
        fn files_are_as_readable_as_any() {
            let folder = tempfile::tempdir().unwrap();
            let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
            write_whole(&ours, |out| out.write_all(b"x")).unwrap();
            fs::write(&plain, "x").unwrap();
            assert_eq!(mode(&ours), mode(&plain));
        }

        #[test]
        fn permissions_are_kept() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("secret");
            fs::write(&path, "old").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            write_whole(&path, |out| out.write_all(b"new")).unwrap();
            assert_eq!(mode(&path) & 0o777, 0o600);
        }

        #[test]
        fn links_are_followed() {
            let folder = tempfile::tempdir().unwrap();
            let at = |name: &str| folder.path().join(name);
            fs::create_dir(at("elsewhere")).unwrap();
            // The second link leads to the first, and that to a file that does not exist yet.
            symlink("elsewhere/file", at("first")).unwrap();
            symlink(at("first"), at("second")).unwrap();
            for text in ["one", "two"] {
                write_whole(&at("second"), |out| out.write_all(text.as_bytes())).unwrap();
                assert_eq!(fs::read_to_string(at("elsewhere/file")).unwrap(), text);
            }
            assert!(at("second").is_symlink() && at("first").is_symlink());
            symlink("loop", at("loop")).unwrap();
            assert!(write_whole(&at("loop"), |out| out.write_all(b"x")).is_err());
        }

        /// Files in `/dev/shm` are replaced, although it is below `/dev`.
        #[test]
        fn files_in_shared_memory_are_files() {
            let Ok(folder) = tempfile::tempdir_in("/dev/shm") else {
                return;
            };
            let path = folder.path().join("new");
            for text in ["one", "two"] {
                write_whole(&path, |out| out.write_all(text.as_bytes())).unwrap();
                assert_eq!(fs::read_to_string(&path).unwrap(), text);
            }
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }

        /// A named pipe is written to, and remains a pipe.
        #[test]
        fn what_is_no_file_is_written_to() {
            let folder = tempfile::tempdir().unwrap();
            let pipe = folder.path().join("pipe");
            let made = std::process::Command::new("mkfifo").arg(&pipe).status();
            if !made.is_ok_and(|status| status.success()) {
                return;
            }
            let link = folder.path().join("link");
            symlink(&pipe, &link).unwrap();
            for path in [&pipe, &link] {
                let reader = {
                    let pipe = pipe.clone();
                    std::thread::spawn(move || {
                        let mut text = String::new();
                        File::open(pipe)?.read_to_string(&mut text)?;
                        Ok::<_, Error>(text)
                    })
                };
                write_whole(path, |out| out.write_all(b"through")).unwrap();
                assert_eq!(reader.join().unwrap().unwrap(), "through");
            }
            assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
        }
    }
}
