//! Files that are written whole or not at all.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{BufWriter, Error, ErrorKind, Result, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::files::sync_folder;

/// What the names of files begin and end with that are not complete yet.
const PREFIX: &str = ".scn-";
const SUFFIX: &str = ".tmp";

/// Writes a file beside its final place and moves it there when it is complete and on disk. Folders
/// on the way are made.
///
/// A file that is replaced hands its permissions on. Through a link its target is replaced. What is
/// no file but a device, a pipe or a terminal is written to as it is.
///
/// # Errors
/// Whatever `fill` returns, and what the file system says. What was at `path` is then still there.
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

/// Where what is written goes.
pub(crate) enum Place {
    /// Into something that is no file and stays what it is.
    Through(File),
    /// To this path, whose file, if there is one, has these permissions.
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

/// A new file in the folder of this path, which is made if it is not there.
pub(crate) fn beside(path: &Path) -> Result<NamedTempFile> {
    let folder = folder_of(path);
    fs::create_dir_all(folder)?;
    let file = builder().tempfile_in(folder)?;
    // Says to `remove_unfinished` that somebody is writing; file systems without locks go without.
    let _ = file.as_file().try_lock();
    Ok(file)
}

/// Moves a complete file to its place when it is on disk.
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

/// Removes what processes have left in a folder that were ended while they wrote. Files that
/// somebody is writing stay.
///
/// # Errors
/// What the file system says.
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
        // Gone already, if its writer has just finished.
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

/// Where a chain of links ends; nothing need be there.
fn target(path: &Path) -> Result<PathBuf> {
    /// As many as Linux follows.
    const MOST_LINKS: usize = 40;
    let mut path = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&path) {
            // The pipe or the file that standard output is, for example: to be written to, not
            // replaced.
            Ok(_) if is_of_the_system(&path) => return Ok(path),
            Ok(next) => path = folder_of(&path).join(next),
            Err(_) => return Ok(path),
        }
    }
    Err(Error::other("too many links"))
}

/// Whether what is there only stands for something else. Files in memory, in `/dev/shm`, are files like any others.
fn is_of_the_system(path: &Path) -> bool {
    let below = |folder: &str| path.starts_with(folder);
    cfg!(unix) && (below("/dev") && !below("/dev/shm") || below("/proc"))
}

pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Files that others may read as far as the user lets them, unlike those that are temporary for
/// good.
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
            // The second leads to the first, and that to a file that is not there yet.
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

        /// Files in `/dev/shm` are written whole, though it is below `/dev`.
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

        /// A named pipe is written to, and stays one.
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
