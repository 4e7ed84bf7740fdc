//! Files that cannot be read or written.

use std::path::PathBuf;

use super::config::ConfigError;
use super::net::NetError;

/// A model or checkpoint that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelFileError {
    /// The system's refusal.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io {
        /// "read" or "write".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not a safetensors file, or cut short.
    #[error("{path}: expected a safetensors file, found {reason}", path = path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        reason: String,
    },
    /// A tensor or an entry of the metadata that is missing or does not fit the network.
    #[error("{path}: expected {expected}, found {found}", path = path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What belongs there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// Not what was written: the checksum is another.
    #[error(
        "{path}: expected contents with the checksum {expected}, found {found}: damaged, or changed after it was written",
        path = path.display(), expected = beginning(expected), found = beginning(found)
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The checksum in the file.
        expected: String,
        /// That of what is in the file.
        found: String,
    },
    /// A network with custom layers, which a model file cannot describe.
    #[error("{path}: a model file cannot describe the custom layer {layer}", path = path.display())]
    CustomLayer {
        /// The file.
        path: PathBuf,
        /// The layer.
        layer: String,
    },
    /// A network whose dictionaries are still to be learned.
    #[error("{path}: not written, as the dictionaries of the network are still to be learned from images", path = path.display())]
    Unlearned {
        /// The file.
        path: PathBuf,
    },
    /// Parameters that cannot be fetched from the device that trained them.
    #[error("{path}: the parameters cannot be fetched: {source}", path = path.display())]
    Parameters {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<NetError>,
    },
    /// A configuration that is out of range.
    #[error("{path}: {source}", path = path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<ConfigError>,
    },
}

impl ModelFileError {
    pub(crate) fn io(path: &std::path::Path, action: &'static str, source: std::io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_path_buf(),
            source,
        }
    }
}

/// As much of a checksum as a person compares.
fn beginning(checksum: &str) -> String {
    checksum.chars().take(15).collect()
}
