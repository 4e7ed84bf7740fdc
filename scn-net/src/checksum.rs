//! The checksum of a model file or a checkpoint: SHA-256 over its header and all arrays. It reveals
//! bits that changed on disk or in transit when the file is read.
//!
//! The hashed bytes are, with all integers as little-endian u64: the length of the header (the
//! metadata entry `scn`) and its bytes; then for each array, in byte order of the names, the length
//! of its name and its name, the number of its dimensions and their extents, the length of its data
//! and its data. All arrays in these files are f32, so their type is not hashed.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

/// The metadata key of the checksum.
pub(crate) const CHECKSUM_KEY: &str = "scn.sha256";

/// Prefix of every checksum. The checksum is also found by this prefix, so a damaged key does not
/// hide it.
const PREFIX: &str = "sha256:";

/// The checksum of the data added so far.
pub(crate) struct Checksum(Sha256);

impl Checksum {
    pub(crate) fn new(header: &str) -> Self {
        let mut sum = Self(Sha256::new());
        sum.part(header.as_bytes());
        sum
    }

    /// Adds an array. Arrays have to be added in the order of their names.
    pub(crate) fn add(&mut self, name: &str, shape: &[usize], data: &[u8]) {
        self.part(name.as_bytes());
        self.number(shape.len());
        shape.iter().for_each(|&side| self.number(side));
        self.part(data);
    }

    /// Returns the checksum as it is written to a file.
    pub(crate) fn text(self) -> String {
        let digest = self.0.finalize();
        let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{PREFIX}{digits}")
    }

    fn part(&mut self, bytes: &[u8]) {
        self.number(bytes.len());
        self.0.update(bytes);
    }

    fn number(&mut self, number: usize) {
        self.0.update((number as u64).to_le_bytes());
    }
}

/// Returns the checksum among the metadata entries of a file, or None for files of early versions,
/// which have none.
pub(crate) fn written_checksum(entries: &HashMap<String, String>) -> Option<String> {
    let by_value = || entries.values().find(|value| value.starts_with(PREFIX));
    entries.get(CHECKSUM_KEY).or_else(by_value).cloned()
}
