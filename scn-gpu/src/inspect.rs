//! What the compiler makes of the kernels; needs a compiler, but no device.

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

/// The generations of devices that the compiler makes code for, such as 61.
///
/// # Errors
/// No compiler, or one that is too old.
pub fn known_architectures() -> Result<Vec<u32>, GpuError> {
    let known = nvrtc::capabilities()?;
    Ok(known.into_iter().map(ComputeCapability::number).collect())
}

/// Registers and memory that a kernel needs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KernelReport {
    /// The file that it is in.
    pub file: KernelFile,
    /// Its name.
    pub name: String,
    /// Registers of a thread.
    pub registers: usize,
    /// Bytes that do not fit into registers: written and read again, each time.
    pub spill_stores: usize,
    /// Bytes that are read again, each time.
    pub spill_loads: usize,
    /// Bytes of shared memory of a block.
    pub shared_memory: usize,
}

/// Compiles all kernels of a file for a generation of devices, such as 61, and says what they need.
///
/// # Errors
/// No compiler, one that does not know the generation, or a file that does not compile.
pub fn compile_report(file: KernelFile, architecture: u32) -> Result<Vec<KernelReport>, GpuError> {
    let target = target(architecture, Code::Machine)?;
    let compiled = compile(all_sizes(file), &target, &["--ptxas-options=-v"])?;
    Ok(parse_log(file, &compiled.log))
}

/// The kernels in a file and the types of their parameters, as they are in portable code (PTX) of a
/// generation of devices.
///
/// # Errors
/// As for [`compile_report`].
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

/// A kernel has lines of its name, of its spills, and of its registers, in this order.
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

/// The number that stands before these words; 0 if they are not there.
fn number_before(line: &str, words: &str) -> usize {
    let number = line.split_once(words).map(|(before, _)| before);
    let digits = number.and_then(|before| before.rsplit([' ', '\t']).next());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// `.entry name(` and then `.param type name,` line by line, up to a `)`.
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
                // An array's length follows its name. NVRTC 13 says of pointers what they point to,
                // for devices of 10.0 and later.
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
