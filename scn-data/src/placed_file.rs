//! Files that are written in pieces and in any order, and appear complete or not at all.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{Error, ErrorKind, Result, Seek, SeekFrom, Write, copy};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::whole_file::{Place, beside, folder_of, into_place};

/// A file of known length whose bytes may be written in any order.
///
/// It is written next to its final path and moved there by [`finish`](Self::finish). If it is
/// dropped before that, it leaves nothing behind.
///
/// As with [`write_whole`](crate::write_whole), a replaced file passes on its permissions, and a
/// link is followed. A device, a pipe or a terminal receives all bytes in order at the end.
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
    /// A file created by another process.
    Joined {
        file: File,
        folder: PathBuf,
    },
}

impl PlacedFile {
    /// Creates a file of `length` bytes and reserves disk space for it. Missing folders are
    /// created.
    ///
    /// # Errors
    /// Returns any I/O error. A file at `path` is then unchanged.
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

    /// Opens the unfinished file that another process has created for the same path, for processes
    /// that each write a part of it.
    ///
    /// `name` is the name of the [unfinished](Self::unfinished) file. The process that created the
    /// file must finish it.
    ///
    /// # Errors
    /// Returns any I/O error, for example because the processes do not share a file system.
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

    /// Returns the path of the incomplete file, so that a program that is being ended can remove
    /// it.
    ///
    /// Returns `None` if the file has no name, or belongs to another process.
    pub fn unfinished(&self) -> Option<&Path> {
        match &self.0 {
            Destination::Beside { file, .. } => Some(file.path()),
            Destination::Through { .. } | Destination::Joined { .. } => None,
        }
    }

    /// Returns the folder for unnamed temporary files that are written meanwhile: the folder of the
    /// file.
    pub fn folder(&self) -> PathBuf {
        match &self.0 {
            Destination::Beside { path, .. } => folder_of(path).to_owned(),
            Destination::Through { .. } => std::env::temp_dir(),
            Destination::Joined { folder, .. } => folder.clone(),
        }
    }

    /// Returns the incomplete file.
    pub fn file(&mut self) -> &mut File {
        match &mut self.0 {
            Destination::Beside { file, .. } => file.as_file_mut(),
            Destination::Through { gathered, .. } => gathered,
            Destination::Joined { file, .. } => file,
        }
    }

    /// Writes `bytes` at the offset `place`.
    ///
    /// # Errors
    /// Returns any I/O error.
    pub fn write_at(&mut self, bytes: &[u8], place: u64) -> Result<()> {
        let file = self.file();
        file.seek(SeekFrom::Start(place))?;
        file.write_all(bytes)
    }

    /// Flushes the file to disk and moves it to its final path.
    ///
    /// A [joined](Self::join) file is only flushed, with everything that this process has written.
    ///
    /// # Errors
    /// Returns any I/O error. A file at the final path is then unchanged.
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

/// Reserves disk space, so that a full disk is detected before anything is computed. Some file
/// systems cannot reserve space.
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

    /// No disk is this large.
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
