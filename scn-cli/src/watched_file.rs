//! Files that are written in pieces, and of which a signal that ends the program leaves nothing.

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
    /// A file of so many bytes.
    pub(crate) fn create(path: &Path, length: u64) -> Result<Self> {
        let (file, unfinished) = Unfinished::watched(|| {
            let file = PlacedFile::create(path, length)?;
            let unfinished = file.unfinished().map(Path::to_owned);
            Ok((file, unfinished))
        })?;
        // What others have left who were killed, as far as it may be removed.
        let _ = remove_unfinished(&file.folder());
        Ok(Self {
            file,
            _unfinished: unfinished,
        })
    }

    /// That of another process, by [its name](PlacedFile::join).
    pub(crate) fn join(path: &Path, name: &OsStr) -> Result<Self> {
        Ok(Self {
            file: PlacedFile::join(path, name)?,
            _unfinished: None,
        })
    }

    /// Moves the file to its place.
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
