//! Compilation of kernels from their sources.
//!
//! A kernel is compiled to machine code ("cubin") for the device that it runs on. If the compiler
//! is older than the device, it generates portable code ("PTX") for the newest compute capability
//! that it supports, which the driver compiles to machine code.

use crate::architecture::{Architecture, Code};
use crate::compile::kernel_file::HEADERS;
use crate::compile::nvrtc::{Failure, Program, capabilities, missing_builtins, version};
use crate::compile::nvrtc_files;
use crate::compile::unit::Unit;
use crate::error::SetupError;
use crate::version::{ComputeCapability, CudaVersion};

/// File that is compiled to check that the compiler works.
const PROBE: (&str, &str) = ("probe.cu", "extern \"C\" __global__ void probe() {}\n");

/// Options for compiling kernels, independent of the compiler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CompileOptions {
    pub(crate) architecture: Architecture,
    /// Whether the code contains source line numbers.
    pub(crate) line_info: bool,
}

/// Options for compiling kernels, and the version of the compiler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) options: CompileOptions,
    /// Version of the compiler.
    pub(crate) compiler: CudaVersion,
}

impl Target {
    /// Returns the best target for a device that the installed compiler supports.
    pub(crate) fn choose(
        device: ComputeCapability,
        driver: CudaVersion,
        line_info: bool,
    ) -> Result<Self, SetupError> {
        let compiler = version()?;
        if !driver.runs_machine_code_of(compiler) {
            return Err(SetupError::CompilerTooNewForDriver { compiler, driver });
        }
        let known = capabilities()?;
        let newest = known.into_iter().filter(|&known| known <= device).max();
        let capability = newest.ok_or(SetupError::CompilerTooNew {
            compiler,
            capability: device,
        })?;
        let code = if capability == device {
            Code::Machine
        } else {
            Code::Portable
        };
        let architecture = Architecture { capability, code };
        Ok(Self {
            options: CompileOptions {
                architecture,
                line_info,
            },
            compiler,
        })
    }

    /// Returns the target for these options, without looking for a device.
    pub(crate) fn without_device(options: CompileOptions) -> Result<Self, SetupError> {
        let compiler = version()?;
        let known = capabilities()?;
        if !known.contains(&options.architecture.capability) {
            return Err(SetupError::UnknownArchitecture {
                architecture: options.architecture.to_string(),
                compiler,
                known: join(&known),
            });
        }
        Ok(Self { options, compiler })
    }

    /// Checks that the compiler works for this target. It may lack one of its own files.
    pub(crate) fn probe(&self) -> Result<(), SetupError> {
        compile_text(PROBE, &self.options.flags(None), self).map(drop)
    }
}

impl CompileOptions {
    /// Returns the compiler flags for a unit.
    pub(crate) fn flags(&self, unit: Option<Unit>) -> Vec<String> {
        let architecture = format!("--gpu-architecture={}", self.architecture);
        let mut flags = vec![architecture, "--std=c++17".to_string()];
        flags.extend(self.line_info.then(|| "--generate-line-info".to_string()));
        flags.extend(unit.and_then(Unit::option));
        flags
    }
}

/// A compiled file.
pub(crate) struct Compiled {
    /// Machine code, or zero-terminated portable code.
    pub(crate) image: Vec<u8>,
    /// Messages of the compiler.
    pub(crate) log: String,
}

/// Compiles a unit with the flags of the target and further ones.
pub(crate) fn compile(
    unit: Unit,
    target: &Target,
    further_flags: &[&str],
) -> Result<Compiled, SetupError> {
    let mut flags = target.options.flags(Some(unit));
    flags.extend(further_flags.iter().map(ToString::to_string));
    compile_text((unit.file.name(), unit.file.text()), &flags, target)
}

/// Compiles a source, given by its name and text.
fn compile_text(
    source: (&'static str, &str),
    flags: &[String],
    target: &Target,
) -> Result<Compiled, SetupError> {
    let failed = |error: Failure, log: &str| SetupError::Compile {
        file: source.0,
        architecture: target.options.architecture.to_string(),
        message: first_error(log).unwrap_or_else(|| error.name()),
    };
    let attempt = || -> Result<_, (Failure, String)> {
        let program = Program::new(source, &HEADERS).map_err(|error| (error, String::new()))?;
        let compiled = program.compile(flags);
        let log = program.log().unwrap_or_default();
        match compiled {
            Ok(()) => Ok((program, log)),
            Err(error) => Err((error, log)),
        }
    };
    let (program, log) = attempt()
        .or_else(|(error, log)| match missing_builtins(error, &log) {
            Some(name) if nvrtc_files::open_builtins(name) => attempt(),
            _ => Err((error, log)),
        })
        .map_err(|(error, log)| match missing_builtins(error, &log) {
            Some(name) => SetupError::CompilerIncomplete {
                library: nvrtc_files::library().unwrap_or_else(|| "libnvrtc".into()),
                missing: name.to_string(),
            },
            None => failed(error, &log),
        })?;
    let image = match target.options.architecture.code {
        Code::Machine => program.machine_code(),
        Code::Portable => program.portable_code(),
    };
    Ok(Compiled {
        image: image.map_err(|error| failed(error, ""))?,
        log,
    })
}

/// Returns the first line of a log that contains an error.
fn first_error(log: &str) -> Option<String> {
    log.lines()
        .find(|line| line.contains("error"))
        .map(|line| line.trim().to_string())
}

fn join(known: &[ComputeCapability]) -> String {
    let names: Vec<String> = known.iter().map(ToString::to_string).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_of_a_log_is_one_line() {
        let log = "encode.cu(3): warning #177-D: variable \"x\" was declared but never referenced\n\n\
            encode.cu(7): error: identifier \"y\" is undefined\n      y = 1;\n      ^\n\n\
            1 error detected in the compilation of \"encode.cu\".\n";
        let first = "encode.cu(7): error: identifier \"y\" is undefined";
        assert_eq!(first_error(log).as_deref(), Some(first));
        assert_eq!(first_error("no complaint"), None);
    }

    #[test]
    fn line_information_is_an_option() {
        let compiled = |line_info| CompileOptions {
            architecture: "sm_61".parse().unwrap(),
            line_info,
        };
        let plain = ["--gpu-architecture=sm_61", "--std=c++17"];
        assert_eq!(compiled(false).flags(None), plain);
        let with_lines = [plain[0], plain[1], "--generate-line-info"];
        assert_eq!(compiled(true).flags(None), with_lines);
    }
}
