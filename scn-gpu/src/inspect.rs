//! Inspection of the compiled kernels. Needs a compiler, but no device.

use crate::architecture::{Architecture, Code};
use crate::compile::compiler::{CompileOptions, Target, compile};
use crate::compile::kernel_file::KernelFile;
use crate::compile::nvrtc;
use crate::compile::unit::Unit;
use crate::error::{GpuError, SetupError};
use crate::version::ComputeCapability;

pub use crate::element::ElementType;
pub use crate::kernels::signatures;
pub use crate::launch::signature::{Parameter, Signature};

/// Lists the compute capabilities that the compiler supports, as numbers such as 61.
///
/// # Errors
/// Returns an error if there is no compiler, or if it is too old.
pub fn known_architectures() -> Result<Vec<u32>, GpuError> {
    let known = nvrtc::capabilities()?;
    Ok(known.into_iter().map(ComputeCapability::number).collect())
}

/// Registers and memory that a kernel needs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KernelReport {
    /// File that contains the kernel.
    pub file: KernelFile,
    /// Name of the kernel.
    pub name: String,
    /// Registers per thread.
    pub registers: usize,
    /// Bytes of register spills that are stored.
    pub spill_stores: usize,
    /// Bytes of register spills that are loaded back.
    pub spill_loads: usize,
    /// Bytes of shared memory per block.
    pub shared_memory: usize,
}

/// Compiles all kernels of a file for a compute capability, such as 61, and reports the resources
/// that they need.
///
/// # Errors
/// Returns an error if there is no compiler, if it does not support the compute capability, or if
/// the file does not compile.
pub fn compile_report(file: KernelFile, architecture: u32) -> Result<Vec<KernelReport>, GpuError> {
    let target = target(architecture, Code::Machine)?;
    let compiled = compile(all_sizes(file), &target, &["--ptxas-options=-v"])?;
    Ok(parse_log(file, &compiled.log))
}

/// Compiles a file to portable code (PTX) for a compute capability, and lists its kernels with the
/// types of their parameters.
///
/// # Errors
/// Same as [`compile_report`].
pub fn compiled_parameters(
    file: KernelFile,
    architecture: u32,
) -> Result<Vec<(String, Vec<String>)>, GpuError> {
    let target = target(architecture, Code::Portable)?;
    let compiled = compile(all_sizes(file), &target, &[])?;
    Ok(parse_ptx(&String::from_utf8_lossy(&compiled.image)))
}

fn target(architecture: u32, code: Code) -> Result<Target, SetupError> {
    Target::without_device(CompileOptions {
        architecture: Architecture {
            capability: ComputeCapability::from_number(architecture),
            code,
        },
        line_info: false,
    })
}

fn all_sizes(file: KernelFile) -> Unit {
    Unit { file, padded: None }
}

/// Parses the log of the assembler, which has lines with the name, the spills and the registers of
/// each kernel, in this order.
fn parse_log(file: KernelFile, log: &str) -> Vec<KernelReport> {
    let mut reports = Vec::new();
    let mut name = "";
    let mut spills = (0, 0);
    for line in log.lines() {
        if let Some((_, rest)) = line.split_once("Compiling entry function '") {
            name = rest.split('\'').next().unwrap_or_default();
        } else if line.contains("bytes spill stores") {
            spills = (
                number_before(line, " bytes spill stores"),
                number_before(line, " bytes spill loads"),
            );
        } else if line.contains(" registers") {
            reports.push(KernelReport {
                file,
                name: name.to_string(),
                registers: number_before(line, " registers"),
                spill_stores: spills.0,
                spill_loads: spills.1,
                shared_memory: number_before(line, " bytes smem"),
            });
        }
    }
    reports
}

/// Returns the number before these words, or 0 if the line does not contain them.
fn number_before(line: &str, words: &str) -> usize {
    let number = line.split_once(words).map(|(before, _)| before);
    let digits = number.and_then(|before| before.rsplit([' ', '\t']).next());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// Parses `.entry name(`, followed by lines `.param type name,` up to a `)`.
fn parse_ptx(ptx: &str) -> Vec<(String, Vec<String>)> {
    let mut kernels = Vec::new();
    for entry in ptx.split(".entry ").skip(1) {
        let Some((name, rest)) = entry.split_once('(') else {
            continue;
        };
        let parameters = rest.split(')').next().unwrap_or_default();
        let types = parameters
            .lines()
            .filter_map(|line| line.trim().strip_prefix(".param "))
            .map(|parameter| {
                // The length of an array follows its name. For compute capability 10.0 and later,
                // NVRTC 13 adds `.ptr` and an alignment to the types of pointers.
                let (kind, name) = parameter.rsplit_once(' ').unwrap_or((parameter, ""));
                let kind = kind.split(" .ptr").next().unwrap_or(kind);
                let length = name.find('[').map_or("", |start| &name[start..]);
                format!("{kind}{}", length.trim_end_matches(','))
            })
            .collect();
        kernels.push((name.trim().to_string(), types));
    }
    kernels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_of_the_assembler_is_understood() {
        let log = "ptxas info    : 0 bytes gmem\n\
            ptxas info    : Compiling entry function 'normalize' for 'sm_61'\n\
            ptxas info    : Function properties for normalize\n    \
            16 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads\n\
            ptxas info    : Used 18 registers, 64 bytes smem, 372 bytes cmem[0]\n\
            ptxas info    : Compiling entry function 'blend' for 'sm_61'\n\
            ptxas info    : Function properties for blend\n    \
            0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n\
            ptxas info    : Used 9 registers, 372 bytes cmem[0]\n";
        let report = |name: &str, numbers: [usize; 4]| KernelReport {
            file: KernelFile::BatchNorm,
            name: name.to_string(),
            registers: numbers[0],
            spill_stores: numbers[1],
            spill_loads: numbers[2],
            shared_memory: numbers[3],
        };
        assert_eq!(
            parse_log(KernelFile::BatchNorm, log),
            [
                report("normalize", [18, 8, 12, 64]),
                report("blend", [9, 0, 0, 0])
            ]
        );
    }

    #[test]
    fn parameters_are_found_in_portable_code() {
        let ptx = ".visible .entry normalize(\n\t.param .align 4 .b8 normalize_param_0[32],\n\t.param .u64 .ptr .align 1 normalize_param_1,\n\t.param .f32 \
            normalize_param_2\n)\n.maxntid 256, 1, 1\n{\n}\n.visible .entry other(\n\t.param .u32 other_param_0\n)\n{ }";
        let kernel = |name: &str, types: &[&str]| {
            (
                name.to_string(),
                types.iter().map(ToString::to_string).collect(),
            )
        };
        assert_eq!(
            parse_ptx(ptx),
            [
                kernel("normalize", &[".align 4 .b8[32]", ".u64", ".f32"]),
                kernel("other", &[".u32"])
            ]
        );
    }
}
