//! Files that are written in pieces, in any order, whole or not at all.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{Error, ErrorKind, Result, Seek, SeekFrom, Write, copy};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::whole_file::{Place, beside, folder_of, into_place};

/// A file of known length whose bytes come in any order. It is written beside its final place and moved there by
/// [`finish`](Self::finish); dropped before, it leaves nothing.
///
/// As with [`write_whole`](crate::write_whole), a file that is replaced hands its permissions on, a link is followed, and
/// what is no file but a device, a pipe or a terminal gets the bytes at the end, in order.
#[derive(Debug)]
pub struct PlacedFile(Destination);

#[derive(Debug)]
enum Destination {
    Beside {
        file: NamedTempFile,
        path: PathBuf,
        permissions: Option<Permissions>,
    },
    Through {
        gathered: File,
        out: File,
    },
    /// Another process's.
    Joined {
        file: File,
        folder: PathBuf,
    },
}

impl PlacedFile {
    /// A file of so many bytes, for which there is room on the disk. Folders on the way are made.
    ///
    /// # Errors
    /// What the file system says. What is at `path` stays.
    pub fn create(path: &Path, length: u64) -> Result<Self> {
        Ok(Self(match Place::find(path)? {
            Place::Through(out) => {
                let gathered = tempfile::tempfile()?;
                reserve(&gathered, length)?;
                Destination::Through { gathered, out }
            }
            Place::File { path, permissions } => {
                let file = beside(&path)?;
                reserve(file.as_file(), length)?;
                Destination::Beside {
                    file,
                    path,
                    permissions,
                }
            }
        }))
    }

    /// The file for the same path that another process has created and will finish, by the name that its
    /// [unfinished](Self::unfinished) file has: for processes that each write a part of it.
    ///
    /// # Errors
    /// What the file system says, as where the processes do not share one.
    pub fn join(path: &Path, name: &OsStr) -> Result<Self> {
        let Place::File { path, .. } = Place::find(path)? else {
            return Err(Error::new(ErrorKind::InvalidInput, "not a regular file"));
        };
        let folder = folder_of(&path).to_owned();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(folder.join(name))?;
        Ok(Self(Destination::Joined { file, folder }))
    }

    /// The file that is written until it is complete, for those who end a process and leave nothing; None if it has no name, or is
    /// another process's.
    pub fn unfinished(&self) -> Option<&Path> {
        match &self.0 {
            Destination::Beside { file, .. } => Some(file.path()),
            Destination::Through { .. } | Destination::Joined { .. } => None,
        }
    }

    /// The folder for other files without a name that are written meanwhile: that of the file.
    pub fn folder(&self) -> PathBuf {
        match &self.0 {
            Destination::Beside { path, .. } => folder_of(path).to_owned(),
            Destination::Through { .. } => std::env::temp_dir(),
            Destination::Joined { folder, .. } => folder.clone(),
        }
    }

    /// The file that is written until it is complete.
    pub fn file(&mut self) -> &mut File {
        match &mut self.0 {
            Destination::Beside { file, .. } => file.as_file_mut(),
            Destination::Through { gathered, .. } => gathered,
            Destination::Joined { file, .. } => file,
        }
    }

    /// Writes bytes from this place on.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_at(&mut self, bytes: &[u8], place: u64) -> Result<()> {
        let file = self.file();
        file.seek(SeekFrom::Start(place))?;
        file.write_all(bytes)
    }

    /// Moves the file to its final place when it is on disk. One that was [joined](Self::join) stays where it is: what this process has
    /// written is on disk then.
    ///
    /// # Errors
    /// What the file system says. What was at the path is then still there.
    pub fn finish(self) -> Result<()> {
        match self.0 {
            Destination::Beside {
                file,
                path,
                permissions,
            } => into_place(file, &path, permissions),
            Destination::Through {
                mut gathered,
                mut out,
            } => {
                gathered.seek(SeekFrom::Start(0))?;
                copy(&mut gathered, &mut out)?;
                out.flush()
            }
            Destination::Joined { file, .. } => file.sync_all(),
        }
    }
}

/// Room on the disk, so that a full one is known before anything is computed. Some file systems promise nothing.
fn reserve(file: &File, length: u64) -> Result<()> {
    #[cfg(target_os = "linux")]
    if length > 0 {
        use rustix::fs::{FallocateFlags, fallocate};
        use rustix::io::Errno;
        match fallocate(file, FallocateFlags::empty(), 0, length) {
            Ok(()) => return Ok(()),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
            Err(error) => return Err(error.into()),
        }
    }
    file.set_len(length)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn pieces_come_in_any_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/file");
        let mut file = PlacedFile::create(&path, 6).unwrap();
        file.write_at(b"def", 3).unwrap();
        file.write_at(b"abc", 0).unwrap();
        assert!(!path.exists() && file.unfinished().is_some_and(Path::exists));
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"abcdef");
        assert_eq!(names(path.parent().unwrap()), 1);
    }

    #[test]
    fn others_write_their_parts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut file = PlacedFile::create(&path, 6).unwrap();
        let name = file.unfinished().and_then(Path::file_name).unwrap();
        let mut other = PlacedFile::join(&path, name).unwrap();
        assert_eq!(other.unfinished(), None);
        other.write_at(b"def", 3).unwrap();
        other.finish().unwrap();
        file.write_at(b"abc", 0).unwrap();
        assert!(!path.exists());
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"abcdef");
        assert!(PlacedFile::join(&path, OsStr::new("missing")).is_err());
        assert_eq!(names(folder.path()), 1);
    }

    #[test]
    fn a_file_that_is_not_finished_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept");
        fs::write(&path, "old").unwrap();
        let mut file = PlacedFile::create(&path, 1 << 20).unwrap();
        file.write_at(b"new", 0).unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(names(folder.path()), 1);
    }

    /// No disk has so much room.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_no_disk_holds_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        assert!(PlacedFile::create(&path, 1 << 60).is_err());
        assert_eq!(names(folder.path()), 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_gets_the_bytes_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        if !made.is_ok_and(|status| status.success()) {
            return;
        }
        let reader = {
            let pipe = pipe.clone();
            std::thread::spawn(move || fs::read(pipe))
        };
        let mut file = PlacedFile::create(&pipe, 4).unwrap();
        assert!(file.unfinished().is_none());
        file.write_at(b"cd", 2).unwrap();
        file.write_at(b"ab", 0).unwrap();
        file.finish().unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), b"abcd");
    }
}
