//! Where the compiled kernels of a device come from.
//!
//! Where there is a compiler, all kernels are its own, so that what lies in the cache changes no
//! bits. Where there is none, or none for this device, whatever the device can run is taken from
//! the cache.

use std::path::PathBuf;

use crate::compile::cache::Cache;
use crate::compile::compiler::{Target, compile};
use crate::compile::nvrtc_files;
use crate::compile::unit::Unit;
use crate::device_info::DeviceInfo;
use crate::error::{GpuError, SetupError};
use crate::switch::switch;
use crate::version::{ComputeCapability, CudaVersion};

/// Set to anything but 0, kernels are compiled with line information.
const LINE_INFO: &str = "SCN_CUDA_LINE_INFO";

/// Where kernels come from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KernelOrigin {
    /// Kernels are compiled when they are first needed.
    Compiler {
        /// The compiler's version.
        version: CudaVersion,
        /// The compiler's file, where the system tells it.
        library: Option<PathBuf>,
    },
    /// Kernels have been compiled before.
    Folder(PathBuf),
}

impl DeviceInfo {
    /// Where this device's kernels come from; an error if not all of them are available. Compiles a
    /// kernel to see whether the compiler can, a tenth of a second or two; without a compiler,
    /// reads the folder of compiled kernels.
    ///
    /// # Errors
    /// A device or driver that is too old, or no fitting compiler where not all kernels are
    /// compiled.
    pub fn kernels(&self) -> Result<KernelOrigin, GpuError> {
        self.check_generation()?;
        Ok(Supply::new(self.compute_capability, self.driver_version).origin()?)
    }

    /// `Ok` if all kernels are available for this device.
    ///
    /// # Errors
    /// As for [`kernels`](Self::kernels).
    pub fn check(&self) -> Result<(), GpuError> {
        self.kernels().map(drop)
    }
}

/// Finds compiled kernels for a device, or makes them.
#[derive(Debug, Clone)]
pub(crate) struct Supply {
    device: ComputeCapability,
    driver: CudaVersion,
    line_info: bool,
    cache: Cache,
    /// How kernels are compiled, or why they cannot be.
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

    /// `Ok` if at least one kernel is available.
    pub(crate) fn require_any(&self) -> Result<(), SetupError> {
        match &self.target {
            Err(error) if !Unit::all().into_iter().any(|unit| self.is_kept(unit)) => {
                Err(error.clone())
            }
            _ => Ok(()),
        }
    }

    /// Where all kernels come from; an error if one is not available.
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

    /// What `load` makes of the compiled kernels of a file. It may refuse some; the last error is
    /// that of a file just compiled.
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
                        // A read-only or full disk: the next run compiles again.
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
