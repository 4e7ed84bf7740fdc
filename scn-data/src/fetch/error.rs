//! What can go wrong on the way from a server to a folder.

use crate::dataset_name::DatasetName;
use std::io;
use std::path::{Path, PathBuf};

/// Why a data set could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// A data set without archives.
    #[error("data set {dataset} is embedded and need not be fetched")]
    Embedded {
        /// The data set.
        dataset: DatasetName,
    },
    /// The folder is there already.
    #[error("{} must not be there yet, but is: nothing is overwritten", .folder.display())]
    FolderThere {
        /// The folder.
        folder: PathBuf,
    },
    /// Another fetch of the same data set is at work.
    #[error(
        "{} must be fetched by one process at a time, but another fetch is at work and holds {}",
        .folder.display(), .lock.display()
    )]
    Busy {
        /// The folder that it will make.
        folder: PathBuf,
        /// The file that it has locked.
        lock: PathBuf,
    },
    /// A file or folder that cannot be read, written or renamed.
    #[error("{} must be readable and writable, but is not", .file.display())]
    File {
        /// The file or folder.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// An answer other than the file.
    #[error("{url} must be answered with the file, but the server answers with status {status}")]
    Status {
        /// The address.
        url: String,
        /// The status of HTTP.
        status: u16,
    },
    /// No connection, or one that breaks off or stalls.
    #[error("the transfer of {url} failed")]
    Transfer {
        /// The address.
        url: String,
        /// What the client says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A connection that gives fewer bytes than can be waited for.
    #[error(
        "{url} must come with at least {needed} bytes per second, but {bytes} came in {seconds} s"
    )]
    TooSlow {
        /// The address.
        url: String,
        /// Bytes per second.
        needed: u64,
        /// Bytes that came.
        bytes: u64,
        /// Time in which they came.
        seconds: u64,
    },
    /// A part of the file other than the one asked for, or of another version of the file; what
    /// there was is deleted.
    #[error(
        "{url} must be answered with the bytes from {asked} on of the same file, but the answer holds \"{found}\""
    )]
    Range {
        /// The address.
        url: String,
        /// First byte asked for.
        asked: u64,
        /// The header `Content-Range` found.
        found: String,
    },
    /// More bytes than the archive can have.
    #[error("{url} must have at most {longest} bytes, but has more")]
    TooLong {
        /// The address.
        url: String,
        /// The bound.
        longest: u64,
    },
    /// A transfer that gave other bytes; they are deleted.
    #[error("{url} must have the MD5 sum {expected}, but what came has {found}")]
    Checksum {
        /// The address.
        url: String,
        /// The sum published.
        expected: String,
        /// The sum found.
        found: String,
    },
    /// A file of sums that cannot be understood.
    #[error(
        "{} must have lines of a SHA-256 sum, two spaces and the name of a file in its folder, but line {line} is \"{found}\"",
        .file.display()
    )]
    Sums {
        /// The file.
        file: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What it says, or its beginning.
        found: String,
    },
    /// An archive that does not unpack; it stays.
    #[error(
        "{} must be a whole archive, but does not unpack; it stays there, as its MD5 sum is the published one",
        .archive.display()
    )]
    Unpack {
        /// The archive.
        archive: PathBuf,
        /// What the decoder says.
        source: io::Error,
    },
    /// An entry that an official archive would not have; the archive stays.
    #[error(
        "{} must hold only files and folders inside {folder}, but holds {} ({what}); \
         it stays there, as its MD5 sum is the published one",
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
    /// An archive that unpacks to more than its data set has; it stays.
    #[error(
        "{} must unpack to at most {largest} bytes, but holds more; it stays there, as its MD5 sum is the published one",
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
    /// What the system says about a file, as an error of this kind.
    pub(super) fn file(file: &Path) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::File { file, source }
    }
}
