//! Errors of a fetch.

use crate::dataset_name::DatasetName;
use std::io;
use std::path::{Path, PathBuf};

/// The reason why a data set could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The data set has no archives.
    #[error("data set {dataset} is embedded and need not be fetched")]
    Embedded {
        /// The data set.
        dataset: DatasetName,
    },
    /// The folder already exists.
    #[error("{} must not exist yet, but does: nothing is overwritten", .folder.display())]
    FolderThere {
        /// The folder.
        folder: PathBuf,
    },
    /// Another fetch of the same data set is running.
    #[error(
        "{} must be fetched by one process at a time, but another fetch is running and holds {}",
        .folder.display(), .lock.display()
    )]
    Busy {
        /// The folder that it will create.
        folder: PathBuf,
        /// The file that it has locked.
        lock: PathBuf,
    },
    /// A file or folder cannot be read, written or renamed.
    #[error("{} must be readable and writable, but is not", .file.display())]
    File {
        /// The file or folder.
        file: PathBuf,
        /// The underlying I/O error.
        source: io::Error,
    },
    /// The server did not send the file.
    #[error("{url} must be the address of the file, but the server responds with status {status}")]
    Status {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The connection failed, broke off or stalled.
    #[error("the transfer of {url} failed")]
    Transfer {
        /// The address.
        url: String,
        /// The error reported by the HTTP client.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The connection is too slow.
    #[error(
        "{url} must arrive at {needed} bytes per second or more, but {bytes} bytes arrived in {seconds} s"
    )]
    TooSlow {
        /// The address.
        url: String,
        /// Lowest rate allowed, in bytes per second.
        needed: u64,
        /// Number of bytes that arrived.
        bytes: u64,
        /// Time in which they arrived, in seconds.
        seconds: u64,
    },
    /// The server sent a different part of the file than requested, or a part of a different
    /// version. The bytes received earlier are deleted.
    #[error(
        "{url} must return the bytes from {asked} on of the same file, but returns \"{found}\""
    )]
    Range {
        /// The address.
        url: String,
        /// The first byte requested.
        asked: u64,
        /// The `Content-Range` header found.
        found: String,
    },
    /// The file has more bytes than the archive can have.
    #[error("{url} must have at most {longest} bytes, but has more")]
    TooLong {
        /// The address.
        url: String,
        /// The bound.
        longest: u64,
    },
    /// The file does not have the right sum. It is deleted.
    #[error("{url} must have the MD5 sum {expected}, but the file received has {found}")]
    Checksum {
        /// The address.
        url: String,
        /// The published sum.
        expected: String,
        /// The sum found.
        found: String,
    },
    /// A file of sums cannot be parsed.
    #[error(
        "{} must have lines of a SHA-256 sum, two spaces and the name of a file in its folder, but line {line} is \"{found}\"",
        .file.display()
    )]
    Sums {
        /// The file.
        file: PathBuf,
        /// Number of the line, from 1.
        line: usize,
        /// The line, or its beginning.
        found: String,
    },
    /// An archive cannot be unpacked. It is kept.
    #[error(
        "{} must be a complete archive, but cannot be unpacked; it is kept, because its MD5 sum is the published one",
        .archive.display()
    )]
    Unpack {
        /// The archive.
        archive: PathBuf,
        /// The error reported by the decoder.
        source: io::Error,
    },
    /// An archive has an entry that an official one would not have. It is kept.
    #[error(
        "{} must hold only files and folders inside {folder}, but holds {} ({what}); \
         it is kept, because its MD5 sum is the published one",
        .archive.display(), .entry.display()
    )]
    Entry {
        /// The archive.
        archive: PathBuf,
        /// The folder that all entries must lie in.
        folder: String,
        /// The entry.
        entry: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// An archive unpacks to more than its data set has. It is kept.
    #[error(
        "{} must unpack to at most {largest} bytes, but holds more; it is kept, because its MD5 sum is the published one",
        .archive.display()
    )]
    TooLarge {
        /// The archive.
        archive: PathBuf,
        /// The bound.
        largest: u64,
    },
}

impl FetchError {
    /// Turns an I/O error into one that names the file.
    pub(super) fn file(file: &Path) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::File { file, source }
    }
}
