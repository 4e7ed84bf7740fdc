//! Memory-mapped pixels.
//!
//! This is the only module of this crate with `unsafe`. A file can be larger than memory, and there
//! is no safe way to let the system load pages on access and drop them again.
//!
//! Mapping is unsafe because other processes can change the file. If they do, pixels change. If the
//! file is truncated, the system ends this process (SIGBUS) on access to a pixel that no longer
//! exists. Therefore only pixels are mapped: every byte is a valid pixel, and no length or index
//! depends on it. Headers and labels are read.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::sync::Arc;

use memmap2::{Mmap, MmapOptions};

/// A range of a file as bytes, shared by clones.
#[derive(Debug, Clone)]
pub(crate) struct Mapped {
    map: Arc<Mmap>,
    length: usize,
}

impl Mapped {
    /// Maps `length` bytes of `file`, at least one, starting at byte `start`.
    pub(crate) fn new(file: &File, start: u64, length: usize) -> io::Result<Self> {
        let mut options = MmapOptions::new();
        options.offset(start).len(length);
        #[expect(unsafe_code, reason = "see the top of this file")]
        // SAFETY: the map is read-only. The system cannot guarantee that the file stays unchanged;
        // the documentation of the functions that map requires it of their callers. Nothing relies
        // on two reads of a pixel being equal.
        let map = unsafe { options.map(file) }?;
        let map = Arc::new(map);
        Ok(Self { map, length })
    }

    /// The first `length` bytes, or all if there are fewer.
    pub(crate) fn first(&self, length: usize) -> Self {
        Self {
            map: Arc::clone(&self.map),
            length: length.min(self.length),
        }
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map[..self.length]
    }
}
