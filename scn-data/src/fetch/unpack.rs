//! Unpacking archives, with checks that they contain what they should.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;
use tar::EntryType;

use super::error::FetchError;
use crate::files::sync_folder;

/// Copies `part` to `file`. The part is kept until the folder is complete.
pub(super) fn keep(part: &Path, file: &Path) -> Result<(), FetchError> {
    let mut from = File::open(part).map_err(FetchError::file(part))?;
    write(&mut from, file)
}

/// Unpacks `part` into `beside`. All its entries must lie in `folder`, and `largest` bounds the
/// size of the unpacked archive.
pub(super) fn tar_gz(
    part: &Path,
    beside: &Path,
    folder: &str,
    largest: u64,
) -> Result<(), FetchError> {
    let broken = |source| FetchError::Unpack {
        archive: part.to_owned(),
        source,
    };
    let packed = BufReader::new(File::open(part).map_err(FetchError::file(part))?);
    // The bound applies to the whole stream, because long names and padding take space as well.
    let mut archive = tar::Archive::new(MultiGzDecoder::new(packed).take(largest));
    let mut left = largest;
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let name = entry.path().map_err(broken)?.into_owned();
        let refuse = |what| FetchError::Entry {
            archive: part.to_owned(),
            folder: folder.to_owned(),
            entry: name.clone(),
            what,
        };
        let is_file = match entry.header().entry_type() {
            EntryType::Regular => true,
            EntryType::Directory => false,
            // Metadata of the archive, not an entry.
            EntryType::XGlobalHeader => continue,
            EntryType::Symlink | EntryType::Link => return Err(refuse("a link")),
            _ => return Err(refuse("neither a file nor a folder")),
        };
        let relative = inside(&name, folder).map_err(refuse)?;
        let target = beside.join(relative);
        if !is_file {
            fs::create_dir_all(&target).map_err(FetchError::file(&target))?;
            continue;
        }
        left = left
            .checked_sub(entry.size())
            .ok_or_else(|| FetchError::TooLarge {
                archive: part.to_owned(),
                largest,
            })?;
        let size = entry.size();
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(FetchError::file(parent))?;
        }
        let mut checked = Counted {
            inner: &mut entry,
            left: size,
        };
        write(&mut checked, &target)?;
    }
    let folder = beside.join(folder);
    sync_folder(&folder).map_err(FetchError::file(&folder))
}

/// Returns `name` without redundant components if it lies in `folder`, or else what is wrong with
/// it.
fn inside(name: &Path, folder: &str) -> Result<PathBuf, &'static str> {
    let mut relative = PathBuf::new();
    for component in name.components() {
        match component {
            Component::Normal(part) => relative.push(part),
            Component::CurDir => {}
            Component::ParentDir => return Err("a path that leads upwards"),
            Component::RootDir | Component::Prefix(_) => return Err("an absolute path"),
        }
    }
    if relative.starts_with(folder) {
        Ok(relative)
    } else {
        Err("a path outside of it")
    }
}

/// Copies `from` to a new file and flushes it to disk.
fn write(from: &mut dyn Read, file: &Path) -> Result<(), FetchError> {
    let mut new = File::create_new(file).map_err(FetchError::file(file))?;
    io::copy(from, &mut new).map_err(FetchError::file(file))?;
    new.sync_all().map_err(FetchError::file(file))
}

/// A reader that fails if it ends before `left` bytes have been read. Without it, tar would accept
/// an entry that is cut short.
struct Counted<'a, R> {
    inner: &'a mut R,
    left: u64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if count == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }
}
