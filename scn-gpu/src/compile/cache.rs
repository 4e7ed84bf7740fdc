//! A cache of compiled kernels on disk.

use std::cmp::Reverse;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::architecture::{Architecture, Code};
use crate::compile::compiler::{CompileOptions, Target};
use crate::compile::kernel_file::HEADERS;
use crate::compile::unit::Unit;
use crate::version::{ComputeCapability, CudaVersion};

/// Environment variable that names the folder of the cache. An empty value disables the cache.
const VARIABLE: &str = "SCN_CUDA_CACHE";

/// Length of a SHA-256 hash in bytes.
const HASH: usize = 32;

/// A folder of compiled files, such as `encode-n64.sm_90.HASH.nvrtc-13.0`. HASH is the hash of the
/// sources and options, so a file can be found whichever compiler made it. A file starts with the
/// hash of the rest of its contents. Damaged files count as missing.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    folder: Option<PathBuf>,
}

impl Cache {
    /// Returns the cache in the folder named by `SCN_CUDA_CACHE`, or else in the user's cache
    /// folder.
    pub(crate) fn of_user() -> Self {
        let folder = match std::env::var_os(VARIABLE) {
            Some(folder) => Some(PathBuf::from(folder)),
            None => dirs::cache_dir().map(|folder| folder.join("scn").join("cuda")),
        };
        Self {
            folder: folder.filter(|folder| !folder.as_os_str().is_empty()),
        }
    }

    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self {
            folder: Some(folder.to_path_buf()),
        }
    }

    /// Returns the folder, unless the cache is disabled.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Reads a compiled file, if it exists and is intact.
    pub(crate) fn load(&self, unit: Unit, target: &Target) -> Option<Vec<u8>> {
        read(&self.folder()?.join(file_name(unit, target)))
    }

    /// Returns the size of a compiled file, if it exists and is intact.
    pub(crate) fn bytes(&self, unit: Unit, target: &Target) -> Option<usize> {
        self.load(unit, target).map(|image| HASH + image.len())
    }

    /// Writes a compiled file, unless the cache is disabled, and returns its size.
    pub(crate) fn store(&self, unit: Unit, target: &Target, image: &[u8]) -> io::Result<usize> {
        let Some(folder) = self.folder() else {
            return Ok(0);
        };
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&Sha256::digest(image))?;
        file.write_all(image)?;
        file.persist(folder.join(file_name(unit, target)))?;
        Ok(HASH + image.len())
    }

    /// Returns all compiled versions of a unit that a device can run, whichever compiler made them.
    /// The best comes first: machine code before portable code, then the newest compute capability,
    /// then line information as requested, then the newest compiler.
    pub(crate) fn usable(
        &self,
        unit: Unit,
        device: ComputeCapability,
        driver: CudaVersion,
        line_info: bool,
    ) -> impl Iterator<Item = Vec<u8>> {
        let mut found: Vec<(Target, PathBuf)> = self
            .folder()
            .and_then(|folder| std::fs::read_dir(folder).ok())
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| Some((target_of(&entry.file_name(), unit)?, entry.path())))
            .filter(|(Target { options, compiler }, _)| {
                options.architecture.runs_on(device, driver, *compiler)
            })
            .collect();
        found.sort_by_key(|(Target { options, compiler }, _)| {
            let Architecture { capability, code } = options.architecture;
            Reverse((
                code == Code::Machine,
                capability,
                options.line_info == line_info,
                *compiler,
            ))
        });
        found.into_iter().filter_map(|(_, path)| read(&path))
    }
}

/// Reads the code in a file, which follows its hash, if the file is intact.
fn read(path: &Path) -> Option<Vec<u8>> {
    let mut file = std::fs::read(path).ok()?;
    let (hash, image) = file.split_at_checked(HASH)?;
    let is_whole = hash == Sha256::digest(image).as_slice();
    is_whole.then(|| file.split_off(HASH))
}

fn file_name(unit: Unit, target: &Target) -> String {
    let Target { options, compiler } = target;
    let start = start_of_name(unit, options);
    format!("{start}{compiler}")
}

/// Returns the file name of code compiled from these sources with these options, without the
/// version of the compiler.
fn start_of_name(unit: Unit, options: &CompileOptions) -> String {
    let CompileOptions { architecture, .. } = options;
    let hash = hash_of_input(unit, options);
    format!("{}.{architecture}.{hash}.nvrtc-", unit.name())
}

/// Returns the target that a file of this name was compiled for, if it is from the current sources.
fn target_of(name: &OsStr, unit: Unit) -> Option<Target> {
    let name = name.to_str()?;
    let rest = name.strip_prefix(&unit.name())?.strip_prefix('.')?;
    let (architecture, _) = rest.split_once('.')?;
    let architecture = architecture.parse().ok()?;
    [false, true].into_iter().find_map(|line_info| {
        let options = CompileOptions {
            architecture,
            line_info,
        };
        let version = name.strip_prefix(&start_of_name(unit, &options))?;
        let (major, minor) = version.split_once('.')?;
        let compiler = CudaVersion {
            major: major.parse().ok()?,
            minor: minor.parse().ok()?,
        };
        Some(Target { options, compiler })
    })
}

/// Returns the hash of the sources and options.
fn hash_of_input(unit: Unit, options: &CompileOptions) -> String {
    let file = unit.file;
    let flags = options.flags(Some(unit));
    let texts = [file.name(), file.text()]
        .into_iter()
        .chain(flags.iter().map(String::as_str))
        .chain(HEADERS.iter().flat_map(|&(name, text)| [name, text]));
    let mut hash = Sha256::new();
    for text in texts {
        // The lengths make the concatenation unambiguous.
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    let hash = hash.finalize();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::kernel_file::KernelFile;
    use crate::padded::Padded;

    const LOSS: Unit = Unit {
        file: KernelFile::Loss,
        padded: None,
    };

    const DEVICE: ComputeCapability = ComputeCapability { major: 8, minor: 6 };

    const DRIVER: CudaVersion = CudaVersion {
        major: 12,
        minor: 9,
    };

    fn target(architecture: &str, line_info: bool, (major, minor): (u32, u32)) -> Target {
        Target {
            options: CompileOptions {
                architecture: architecture.parse().unwrap(),
                line_info,
            },
            compiler: CudaVersion { major, minor },
        }
    }

    #[test]
    fn files_come_back_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::in_folder(&folder.path().join("new"));
        let here = target("sm_61", false, (12, 1));
        assert_eq!(cache.load(LOSS, &here), None);
        assert_eq!(cache.bytes(LOSS, &here), None);
        assert_eq!(cache.store(LOSS, &here, b"machine code").unwrap(), 32 + 12);
        assert_eq!(cache.bytes(LOSS, &here), Some(32 + 12));
        assert_eq!(
            cache.load(LOSS, &here).as_deref(),
            Some(&b"machine code"[..])
        );
        let other = Unit {
            padded: Some(Padded::ALL[0]),
            ..LOSS
        };
        assert_eq!(cache.load(other, &here), None);
        for other in [
            target("compute_61", false, (12, 1)),
            target("sm_70", false, (12, 1)),
            target("sm_61", true, (12, 1)),
            target("sm_61", false, (12, 2)),
        ] {
            assert_eq!(cache.load(LOSS, &other), None);
        }

        let path = cache.folder().unwrap().join(file_name(LOSS, &here));
        let mut damaged = std::fs::read(&path).unwrap();
        damaged[HASH + 3] ^= 1;
        for damaged in [&damaged[..], &damaged[..10], &[]] {
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(cache.load(LOSS, &here), None);
        }
        cache.store(LOSS, &here, b"again").unwrap();
        assert_eq!(cache.load(LOSS, &here).as_deref(), Some(&b"again"[..]));
    }

    /// Files from best to worst, and useless ones: files for different compute capabilities or by
    /// newer compilers, damaged files, and files that are not compiled kernels.
    #[test]
    fn without_a_compiler_the_best_that_a_device_runs_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::in_folder(folder.path());
        let best_first = [
            target("sm_86", false, (12, 9)),
            target("sm_86", false, (12, 1)),
            target("sm_86", true, (12, 9)),
            target("sm_80", false, (12, 10)),
            target("sm_80", false, (12, 9)),
            target("compute_80", false, (13, 0)),
            target("compute_61", false, (11, 8)),
        ];
        let useless = [
            target("sm_86", false, (13, 0)),
            target("sm_89", false, (12, 9)),
            target("sm_75", false, (12, 9)),
            target("sm_90", false, (12, 9)),
            target("compute_90", false, (12, 9)),
        ];
        for target in best_first.iter().rev().chain(&useless) {
            let name = file_name(LOSS, target);
            cache.store(LOSS, target, name.as_bytes()).unwrap();
        }
        let damaged = file_name(LOSS, &target("sm_86", false, (12, 8)));
        std::fs::write(folder.path().join(damaged), b"short").unwrap();
        let older_sources = format!("loss.sm_86.{}.nvrtc-12.9", "0".repeat(64));
        for name in [&older_sources, "loss.sm_86", "loss", "other.txt"] {
            std::fs::write(folder.path().join(name), b"").unwrap();
        }
        let usable = |line_info| -> Vec<String> {
            let images = cache.usable(LOSS, DEVICE, DRIVER, line_info);
            images
                .map(|image| String::from_utf8(image).unwrap())
                .collect()
        };
        let names = best_first.map(|target| file_name(LOSS, &target));
        assert_eq!(usable(false), names);
        assert_eq!(usable(true)[0], names[2]);
        let other = Unit {
            file: KernelFile::Update,
            padded: None,
        };
        assert_eq!(cache.usable(other, DEVICE, DRIVER, false).count(), 0);
    }

    #[test]
    fn names_say_what_a_file_is() {
        let unit = Unit {
            file: KernelFile::Encode,
            padded: Some(Padded::ALL[2]),
        };
        let name = file_name(unit, &target("sm_90", false, (13, 0)));
        assert!(name.starts_with("encode-n64.sm_90."), "{name}");
        assert!(name.ends_with(".nvrtc-13.0"), "{name}");
    }

    #[test]
    fn what_cannot_be_written_is_not_there() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let here = target("sm_61", false, (12, 1));
        let below_a_file = Cache::in_folder(&file.path().join("below a file"));
        assert!(below_a_file.store(LOSS, &here, b"machine code").is_err());
        let none = Cache { folder: None };
        assert_eq!(none.store(LOSS, &here, b"machine code").unwrap(), 0);
        for cache in [below_a_file, none] {
            assert_eq!(cache.load(LOSS, &here), None);
            assert_eq!(cache.usable(LOSS, DEVICE, DRIVER, false).count(), 0);
        }
    }
}
