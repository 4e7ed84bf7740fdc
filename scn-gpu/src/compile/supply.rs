//! The origin of a device's compiled kernels.
//!
//! If there is a compiler for the device, all kernels are of its version, so the contents of the
//! cache never change results. Otherwise the cache supplies whatever the device can run.

use std::path::PathBuf;

use crate::compile::cache::Cache;
use crate::compile::compiler::{Target, compile};
use crate::compile::nvrtc_files;
use crate::compile::unit::Unit;
use crate::device_info::DeviceInfo;
use crate::error::{GpuError, SetupError};
use crate::switch::switch;
use crate::version::{ComputeCapability, CudaVersion};

/// Environment variable that switches on line information in compiled kernels.
const LINE_INFO: &str = "SCN_CUDA_LINE_INFO";

/// The origin of compiled kernels.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KernelOrigin {
    /// Kernels are compiled when they are first needed.
    Compiler {
        /// Version of the compiler.
        version: CudaVersion,
        /// File of the compiler, if the system reports it.
        library: Option<PathBuf>,
    },
    /// Kernels have been compiled in advance, and are in this folder.
    Folder(PathBuf),
}

impl DeviceInfo {
    /// Returns the origin of this device's kernels. Compiles a kernel to test the compiler, which
    /// takes a tenth of a second or two. Without a compiler, reads the folder of compiled kernels.
    ///
    /// # Errors
    /// Returns an error if the device or the driver is too old, or if there is no suitable compiler
    /// and some kernels are not compiled.
    pub fn kernels(&self) -> Result<KernelOrigin, GpuError> {
        self.check_generation()?;
        Ok(Supply::new(self.compute_capability, self.driver_version).origin()?)
    }

    /// Checks that all kernels are available for this device.
    ///
    /// # Errors
    /// Same as [`kernels`](Self::kernels).
    pub fn check(&self) -> Result<(), GpuError> {
        self.kernels().map(drop)
    }
}

/// The supply of compiled kernels for a device, from the compiler or the cache.
#[derive(Debug, Clone)]
pub(crate) struct Supply {
    device: ComputeCapability,
    driver: CudaVersion,
    line_info: bool,
    cache: Cache,
    /// The target that kernels are compiled for, or the reason why they cannot be compiled.
    target: Result<Target, SetupError>,
}

impl Supply {
    pub(crate) fn new(device: ComputeCapability, driver: CudaVersion) -> Self {
        let line_info = switch(LINE_INFO, false);
        Self {
            device,
            driver,
            line_info,
            cache: Cache::of_user(),
            target: Target::choose(device, driver, line_info),
        }
    }

    /// Checks that at least one kernel is available.
    pub(crate) fn require_any(&self) -> Result<(), SetupError> {
        match &self.target {
            Err(error) if !Unit::all().into_iter().any(|unit| self.is_kept(unit)) => {
                Err(error.clone())
            }
            _ => Ok(()),
        }
    }

    /// Returns the origin of all kernels, or an error if one of them is not available.
    pub(crate) fn origin(&self) -> Result<KernelOrigin, SetupError> {
        let probed = self.target.clone().and_then(|target| {
            target.probe()?;
            Ok(target.compiler)
        });
        let reason = match probed {
            Ok(version) => {
                return Ok(KernelOrigin::Compiler {
                    version,
                    library: nvrtc_files::library(),
                });
            }
            Err(reason) => reason,
        };
        let (kept, missing): (Vec<Unit>, Vec<Unit>) = Unit::all()
            .into_iter()
            .partition(|&unit| self.is_kept(unit));
        match (missing.first(), self.cache.folder()) {
            (None, Some(folder)) => Ok(KernelOrigin::Folder(folder.to_path_buf())),
            (Some(&unit), _) if !kept.is_empty() => Err(self.not_compiled(unit, reason)),
            _ => Err(reason),
        }
    }

    /// Applies `load` to the compiled kernels of a unit. If `load` rejects kernels from the cache,
    /// others are tried. If it rejects freshly compiled ones, its error is returned.
    pub(crate) fn load<T>(
        &self,
        unit: Unit,
        load: impl Fn(Vec<u8>) -> Result<T, GpuError>,
    ) -> Result<T, GpuError> {
        let reason = match &self.target {
            Ok(target) => {
                let kept = self.cache.load(unit, target);
                if let Some(loaded) = kept.and_then(|image| load(image).ok()) {
                    return Ok(loaded);
                }
                match compile(unit, target, &[]) {
                    Ok(compiled) => {
                        // If the disk is read-only or full, the next run compiles again.
                        let _ = self.cache.store(unit, target, &compiled.image);
                        return load(compiled.image);
                    }
                    Err(reason @ SetupError::CompilerIncomplete { .. }) => reason,
                    Err(error) => return Err(error.into()),
                }
            }
            Err(reason) => reason.clone(),
        };
        self.kept(unit)
            .find_map(|image| load(image).ok())
            .ok_or_else(|| self.not_compiled(unit, reason).into())
    }

    fn kept(&self, unit: Unit) -> impl Iterator<Item = Vec<u8>> {
        let Self { cache, .. } = self;
        cache.usable(unit, self.device, self.driver, self.line_info)
    }

    fn is_kept(&self, unit: Unit) -> bool {
        self.kept(unit).next().is_some()
    }

    fn not_compiled(&self, unit: Unit, reason: SetupError) -> SetupError {
        match self.cache.folder() {
            Some(folder) => SetupError::NotCompiled {
                kernels: unit.name(),
                folder: folder.to_path_buf(),
                reason: Box::new(reason),
            },
            None => reason,
        }
    }
}
