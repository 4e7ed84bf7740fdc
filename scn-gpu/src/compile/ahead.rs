//! Ahead-of-time compilation of kernels, for machines without a compiler.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::architecture::Architecture;
use crate::compile::cache::Cache;
use crate::compile::compiler::{CompileOptions, Target, compile};
use crate::compile::nvrtc;
use crate::compile::unit::Unit;
use crate::error::{GpuError, SetupError};
use crate::version::CudaVersion;

/// A summary of the files that [`compile_ahead`] has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompiledKernels {
    /// Version of the compiler.
    pub compiler: CudaVersion,
    /// Number of files, including those that already existed.
    pub files: usize,
    /// Total size in bytes.
    pub bytes: u64,
}

/// Compiles all kernels for these architectures, on all CPU cores, and writes them to a folder,
/// which is created if necessary. This needs a compiler, but neither a driver nor a device. Files
/// that already exist and are intact are not compiled again. A machine whose `SCN_CUDA_CACHE` names
/// this folder, or a copy of it, needs no compiler.
///
/// With `line_info`, the code contains source line numbers for profilers. It is no slower.
///
/// # Errors
/// Returns an error if there is no compiler, if it does not support an architecture, or if a file
/// cannot be written. Files written before the error remain.
pub fn compile_ahead(
    architectures: &[Architecture],
    folder: &Path,
    line_info: bool,
) -> Result<CompiledKernels, GpuError> {
    let target = |&architecture| {
        Target::without_device(CompileOptions {
            architecture,
            line_info,
        })
    };
    let targets: Vec<Target> = architectures.iter().map(target).collect::<Result<_, _>>()?;
    let compiler = match targets.first() {
        Some(target) => target.compiler,
        None => nvrtc::version()?,
    };
    let units = Unit::all();
    let tasks: Vec<(Target, Unit)> = targets
        .iter()
        .flat_map(|&target| units.iter().map(move |&unit| (target, unit)))
        .collect();

    let cache = Cache::in_folder(folder);
    let make = |&(target, unit): &(Target, Unit)| -> Result<u64, GpuError> {
        if let Some(bytes) = cache.bytes(unit, &target) {
            return Ok(bytes as u64);
        }
        let compiled = compile(unit, &target, &[])?;
        let stored = cache.store(unit, &target, &compiled.image);
        let bytes = stored.map_err(|error| SetupError::Folder {
            folder: folder.to_path_buf(),
            reason: error.to_string(),
        })?;
        Ok(bytes as u64)
    };
    let next = AtomicUsize::new(0);
    let work = || -> Result<u64, GpuError> {
        let mut bytes = 0;
        while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
            // After a failure, no thread starts another file.
            bytes += make(task).inspect_err(|_| next.store(tasks.len(), Ordering::Relaxed))?;
        }
        Ok(bytes)
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let bytes = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let own = work();
        let others = others.into_iter().map(|other| match other.join() {
            Ok(bytes) => bytes,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        std::iter::once(own).chain(others).sum::<Result<u64, _>>()
    })?;
    Ok(CompiledKernels {
        compiler,
        files: tasks.len(),
        bytes,
    })
}
