//! `scn device`: lists the devices of this machine.

use std::path::{Path, PathBuf};
#[cfg(feature = "cuda")]
use std::time::Instant;

use anyhow::Result;
use clap::Args;
#[cfg(feature = "cuda")]
use scn_gpu::Architecture;
use scn_solvers::InstructionSet;
use serde::Serialize;

use crate::output::Output;
use crate::screen::Bar;
use crate::table::wrapped;

/// Lists the devices of this machine and why any of them cannot be used, or compiles the kernels
/// for another machine.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  scn device\n  scn train --device cuda\n  \
    scn device --compile sm_80,sm_90 kernels          # here: needs NVRTC, but no driver and no device\n  \
    SCN_CUDA_CACHE=kernels scn train --device cuda    # there: needs a driver, but no NVRTC")]
pub(crate) struct Device {
    /// Compiles all kernels for these architectures into FOLDER: sm_90 is machine code for compute
    /// capability 9.0, compute_90 is portable code for 9.0 and later
    #[arg(
        long,
        value_name = "ARCHITECTURES",
        value_delimiter = ',',
        requires = "folder"
    )]
    compile: Vec<Architecture>,

    /// Output folder for compiled kernels; a machine whose SCN_CUDA_CACHE names this folder, or a
    /// copy of it, needs no compiler
    #[arg(value_name = "FOLDER", requires = "compile")]
    folder: Option<PathBuf>,

    /// Adds source line information to the compiled kernels, for ncu and compute-sanitizer;
    /// SCN_CUDA_LINE_INFO=1 does so for kernels compiled on demand
    #[arg(long, requires = "compile")]
    line_info: bool,
}

/// The output of `scn device --json`.
#[derive(Debug, Serialize)]
struct Summary {
    cpu: Processor,
    cuda: Vec<Graphics>,
    /// Why no GPU is listed; None if one is.
    cuda_missing: Option<String>,
}

#[derive(Debug, Serialize)]
struct Processor {
    /// Number of threads that commands compute with.
    threads: usize,
    instruction_set: String,
}

/// The output of `scn device --compile --json`.
#[derive(Debug, Serialize)]
struct Compiled {
    folder: PathBuf,
    compiler: String,
    files: usize,
    bytes: u64,
    seconds: f64,
}

/// A GPU.
#[derive(Debug, Serialize)]
struct Graphics {
    /// Its name as an argument of `--device`.
    device: String,
    name: String,
    compute_capability: String,
    driver: String,
    memory_bytes: usize,
    free_memory_bytes: Option<usize>,
    /// Why it cannot be used; None if it can.
    unusable: Option<String>,
    kernels: Option<Kernels>,
}

/// The source of kernels: a compiler, or a folder of compiled kernels.
#[derive(Debug, Serialize)]
struct Kernels {
    compiler: Option<String>,
    /// The library file of the compiler, if the system reports it.
    library: Option<PathBuf>,
    folder: Option<PathBuf>,
}

impl Device {
    pub(crate) fn run(&self, output: &Output) -> Result<()> {
        if let Some(folder) = &self.folder {
            let bar = Bar::wait("compiling kernels");
            let compiled = compile(&self.compile, folder, self.line_info);
            drop(bar);
            let compiled = compiled?;
            return output.result(&compiled, || describe_compiled(&compiled));
        }
        let (cuda, cuda_missing) = match graphics() {
            Ok(cuda) => (cuda, None),
            Err(reason) => (Vec::new(), Some(reason)),
        };
        let summary = Summary {
            cpu: Processor {
                threads: rayon::current_num_threads(),
                instruction_set: InstructionSet::detect().to_string(),
            },
            cuda,
            cuda_missing,
        };
        output.result(&summary, || describe(&summary))
    }
}

#[cfg(feature = "cuda")]
fn graphics() -> Result<Vec<Graphics>, String> {
    let devices = scn_gpu::devices().map_err(|error| error.to_string())?;
    let describe = |info: scn_gpu::DeviceInfo| {
        let (kernels, unusable) = match info.kernels() {
            Ok(origin) => (kernels(origin), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Graphics {
            device: format!("cuda:{}", info.index),
            name: info.name.clone(),
            compute_capability: info.compute_capability.to_string(),
            driver: info.driver_version.to_string(),
            memory_bytes: info.memory_total,
            free_memory_bytes: info.memory_free,
            unusable,
            kernels,
        }
    };
    Ok(devices.into_iter().map(describe).collect())
}

#[cfg(feature = "cuda")]
fn kernels(origin: scn_gpu::KernelOrigin) -> Option<Kernels> {
    match origin {
        scn_gpu::KernelOrigin::Compiler { version, library } => Some(Kernels {
            compiler: Some(version.to_string()),
            library,
            folder: None,
        }),
        scn_gpu::KernelOrigin::Folder(folder) => Some(Kernels {
            compiler: None,
            library: None,
            folder: Some(folder),
        }),
        _ => None,
    }
}

#[cfg(feature = "cuda")]
fn compile(architectures: &[Architecture], folder: &Path, line_info: bool) -> Result<Compiled> {
    let start = Instant::now();
    let compiled = scn_gpu::compile_ahead(architectures, folder, line_info)?;
    Ok(Compiled {
        folder: folder.to_path_buf(),
        compiler: compiled.compiler.to_string(),
        files: compiled.files,
        bytes: compiled.bytes,
        seconds: start.elapsed().as_secs_f64(),
    })
}

/// Architectures are not parsed without CUDA, because compiling always fails.
#[cfg(not(feature = "cuda"))]
type Architecture = String;

#[cfg(not(feature = "cuda"))]
const WITHOUT_CUDA: &str = "this program was built without CUDA";

#[cfg(not(feature = "cuda"))]
fn graphics() -> Result<Vec<Graphics>, String> {
    Err(WITHOUT_CUDA.to_string())
}

#[cfg(not(feature = "cuda"))]
fn compile(_: &[Architecture], _: &Path, _: bool) -> Result<Compiled> {
    anyhow::bail!(WITHOUT_CUDA)
}

fn describe_compiled(compiled: &Compiled) -> String {
    let Compiled {
        folder,
        compiler,
        files,
        bytes,
        seconds,
    } = compiled;
    format!(
        "{files} files, {:.1} MB in total, compiled by NVRTC {compiler} in {seconds:.1} s\nset SCN_CUDA_CACHE={} to use them",
        *bytes as f64 / 1e6,
        folder.display()
    )
}

fn describe(summary: &Summary) -> String {
    let Summary {
        cpu,
        cuda,
        cuda_missing,
    } = summary;
    // A name, with its description beside it.
    let named = |name: &str, said: &str| wrapped(&format!("{name:<8}{said}"), "        ");
    let processor = format!("{} threads, {}", cpu.threads, cpu.instruction_set);
    let mut lines = vec![named("cpu", &processor)];
    if let Some(reason) = cuda_missing {
        lines.push(named("cuda", &format!("none: {reason}")));
    }
    for device in cuda {
        let memory = |bytes: usize| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30));
        let mut said = format!(
            "{}, compute capability {}, driver for CUDA {}, {} of memory",
            device.name,
            device.compute_capability,
            device.driver,
            memory(device.memory_bytes)
        );
        if let Some(free) = device.free_memory_bytes {
            said.push_str(&format!(", {} free", memory(free)));
        }
        lines.push(named(&device.device, &said));
        if let Some(kernels) = &device.kernels {
            // Keep this on one line, however long: scripts parse it.
            lines.push(format!(
                "        kernels from {}",
                describe_kernels(kernels)
            ));
        }
        if let Some(reason) = &device.unusable {
            lines.push(named("", &format!("cannot be used: {reason}")));
        }
    }
    lines.join("\n")
}

fn describe_kernels(kernels: &Kernels) -> String {
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let library = path(&kernels.library).map_or_else(String::new, |path| format!(", {path}"));
    match &kernels.compiler {
        Some(version) => format!("NVRTC {version}{library}"),
        None => path(&kernels.folder).unwrap_or_default(),
    }
}
