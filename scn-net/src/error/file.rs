//! Errors of reading and writing files.

use std::path::PathBuf;

use super::config::ConfigError;
use super::net::NetError;

/// A model or checkpoint that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelFileError {
    /// An error from the operating system.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io {
        /// The action that failed, such as "read" or "write".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A file that is truncated or not in the safetensors format.
    #[error("{path}: expected a safetensors file, found {reason}", path = path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The parser's message.
        reason: String,
    },
    /// A tensor or an entry of the metadata that is missing or does not fit the network.
    #[error("{path}: expected {expected}, found {found}", path = path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// A file whose contents do not match its checksum.
    #[error(
        "{path}: expected contents with the checksum {expected}, found {found}: the file is damaged, or was changed after it was written",
        path = path.display(), expected = beginning(expected), found = beginning(found)
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The checksum stored in the file.
        expected: String,
        /// The checksum of the contents.
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
    /// A network whose dictionaries have not been learned yet.
    #[error("{path}: not written, because the network's dictionaries have not been learned yet", path = path.display())]
    Unlearned {
        /// The file.
        path: PathBuf,
    },
    /// Parameters that cannot be fetched from the device that trained them.
    #[error("{path}: the parameters cannot be fetched: {source}", path = path.display())]
    Parameters {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: Box<NetError>,
    },
    /// A configuration that is out of range.
    #[error("{path}: {source}", path = path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The cause.
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

/// Returns the beginning of a checksum, enough to compare by eye.
fn beginning(checksum: &str) -> String {
    checksum.chars().take(15).collect()
}
