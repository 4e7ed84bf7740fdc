//! Files that are written in pieces. If a signal ends the program, nothing of them remains.

use std::ffi::OsStr;
use std::io::Result;
use std::ops::{Deref, DerefMut};
use std::path::Path;

use scn_data::{PlacedFile, remove_unfinished};

use crate::signals::Unfinished;

/// A [`PlacedFile`] that a signal removes if it is not complete.
pub(crate) struct WatchedFile {
    file: PlacedFile,
    _unfinished: Option<Unfinished>,
}

impl WatchedFile {
    /// Creates a file of `length` bytes.
    pub(crate) fn create(path: &Path, length: u64) -> Result<Self> {
        let (file, unfinished) = Unfinished::watched(|| {
            let file = PlacedFile::create(path, length)?;
            let unfinished = file.unfinished().map(Path::to_owned);
            Ok((file, unfinished))
        })?;
        // Remove files left by processes that were killed, as far as possible.
        let _ = remove_unfinished(&file.folder());
        Ok(Self {
            file,
            _unfinished: unfinished,
        })
    }

    /// Opens the file of another process by [its name](PlacedFile::join).
    pub(crate) fn join(path: &Path, name: &OsStr) -> Result<Self> {
        Ok(Self {
            file: PlacedFile::join(path, name)?,
            _unfinished: None,
        })
    }

    /// Completes the file and moves it into place.
    pub(crate) fn finish(self) -> Result<()> {
        self.file.finish()
    }
}

impl Deref for WatchedFile {
    type Target = PlacedFile;

    fn deref(&self) -> &PlacedFile {
        &self.file
    }
}

impl DerefMut for WatchedFile {
    fn deref_mut(&mut self) -> &mut PlacedFile {
        &mut self.file
    }
}
