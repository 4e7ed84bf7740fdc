//! Pixels that stay in their file. The one place in this crate with `unsafe`: a file can be larger
//! than memory, and there is no safe way to have the system read what is looked at, and forget it
//! again.
//!
//! What makes it unsafe is that a file is not ours alone. If another process changes it, pixels
//! change; if it is cut short, the system ends this process (SIGBUS) where a pixel is looked at
//! that is no longer there. So only pixels are mapped, bytes of which any is right and on which no
//! length and no place depends; headers and labels are read.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::sync::Arc;

use memmap2::{Mmap, MmapOptions};

/// A range of a file, as bytes. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Mapped {
    map: Arc<Mmap>,
    length: usize,
}

impl Mapped {
    /// `length` bytes of `file`, one or more, from the byte `start` on.
    pub(crate) fn new(file: &File, start: u64, length: usize) -> io::Result<Self> {
        let mut options = MmapOptions::new();
        options.offset(start).len(length);
        #[expect(unsafe_code, reason = "see the top of this file")]
        // SAFETY: the map is for reading alone. That the file stays as it is cannot be had from the
        // system; it is asked of the callers of the functions that map, in their documentation.
        // Nothing relies on two looks at a pixel seeing the same.
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
