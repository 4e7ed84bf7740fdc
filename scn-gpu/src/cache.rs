//! Compiled kernels, kept on disk from run to run.

use std::io::Write;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use crate::compiler::Target;
use crate::source::{HEADERS, Unit};

/// Names the folder of compiled kernels; empty for none.
const VARIABLE: &str = "SCN_CUDA_CACHE";

/// Length of a SHA-256 hash.
const HASH: usize = 32;

/// A folder of compiled files. Each is named by the hash of all that it depends on, and starts with the hash of what follows:
/// what was damaged is compiled again. Whatever fails is of no consequence but time.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    folder: Option<PathBuf>,
}

impl Cache {
    /// The folder that `SCN_CUDA_CACHE` names, else one in the user's cache folder.
    pub(crate) fn of_user() -> Self {
        let folder = match std::env::var_os(VARIABLE) {
            Some(folder) => Some(PathBuf::from(folder)),
            None => dirs::cache_dir().map(|folder| folder.join("scn").join("cuda")),
        };
        Self {
            folder: folder.filter(|folder| !folder.as_os_str().is_empty()),
        }
    }

    /// A compiled file, if it is there and whole.
    pub(crate) fn load(&self, unit: Unit, target: &Target) -> Option<Vec<u8>> {
        let file = std::fs::read(self.path(unit, target)?).ok()?;
        let (hash, image) = file.split_at_checked(HASH)?;
        (hash == Sha256::digest(image).as_slice()).then(|| image.to_vec())
    }

    /// Keeps a compiled file.
    pub(crate) fn store(&self, unit: Unit, target: &Target, image: &[u8]) {
        let Some(path) = self.path(unit, target) else {
            return;
        };
        let write = || -> std::io::Result<()> {
            let folder = path.parent().unwrap_or(&path);
            std::fs::create_dir_all(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(&Sha256::digest(image))?;
            file.write_all(image)?;
            file.persist(&path)?;
            Ok(())
        };
        // A read-only or full disk: the next run compiles again.
        let _ = write();
    }

    fn path(&self, unit: Unit, target: &Target) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?;
        let source = unit.source;
        let options = target.options(unit);
        let version = target.compiler.to_string();
        let texts = [source.file(), source.text(), &version]
            .into_iter()
            .chain(options.iter().map(String::as_str))
            .chain(HEADERS.iter().flat_map(|&(name, text)| [name, text]));
        let mut hash = Sha256::new();
        for text in texts {
            // Lengths keep the texts apart.
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        let name: String = hash
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Some(folder.join(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compiler::Image;
    use crate::error::{ComputeCapability, CudaVersion};
    use crate::problem::Padded;
    use crate::source::Source;

    const LOSS: Unit = Unit {
        source: Source::Loss,
        padded: None,
    };

    const TARGET: Target = Target {
        capability: ComputeCapability { major: 6, minor: 1 },
        image: Image::Cubin,
        compiler: CudaVersion {
            major: 12,
            minor: 1,
        },
    };

    #[test]
    fn files_come_back_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache {
            folder: Some(folder.path().join("new")),
        };
        assert_eq!(cache.load(LOSS, &TARGET), None);
        cache.store(LOSS, &TARGET, b"machine code");
        assert_eq!(
            cache.load(LOSS, &TARGET).as_deref(),
            Some(&b"machine code"[..])
        );
        let other = Unit {
            padded: Some(Padded::ALL[0]),
            ..LOSS
        };
        assert_eq!(cache.load(other, &TARGET), None);
        let portable = Target {
            image: Image::Ptx,
            ..TARGET
        };
        assert_eq!(cache.load(LOSS, &portable), None);

        let path = cache.path(LOSS, &TARGET).unwrap();
        let mut damaged = std::fs::read(&path).unwrap();
        damaged[HASH + 3] ^= 1;
        for damaged in [&damaged[..], &damaged[..10], &[]] {
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(cache.load(LOSS, &TARGET), None);
        }
        cache.store(LOSS, &TARGET, b"again");
        assert_eq!(cache.load(LOSS, &TARGET).as_deref(), Some(&b"again"[..]));
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_no_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for folder in [Some(file.path().join("below a file")), None] {
            let cache = Cache { folder };
            cache.store(LOSS, &TARGET, b"machine code");
            assert_eq!(cache.load(LOSS, &TARGET), None);
        }
    }
}
