//! NVIDIA's run-time compiler, NVRTC.
//!
//! A kernel becomes machine code ("cubin") for the one device that it runs on. If the compiler is older than the device, it
//! makes portable code ("PTX") of the newest generation that it knows, and the driver makes machine code of that.

#![expect(
    unsafe_code,
    reason = "cudarc's safe layer hands over no headers and makes no machine code"
)]

use std::ffi::{CString, c_char, c_int};

use cudarc::nvrtc::sys;

use crate::architecture::{Architecture, Code};
use crate::library::{NVRTC, number};
use crate::source::{HEADERS, Unit};
use crate::version::{ComputeCapability, CudaVersion, OLDEST_COMPILER};
use crate::{SetupError, nvrtc_files};

/// Compiled to see whether the compiler can compile.
const PROBE: (&str, &str) = ("probe.cu", "extern \"C\" __global__ void probe() {}\n");

/// How kernels are compiled, whatever compiles them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recipe {
    pub(crate) architecture: Architecture,
    /// Whether code says which line of the sources it comes from.
    pub(crate) line_info: bool,
}

/// How kernels are compiled, and by what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) recipe: Recipe,
    /// The compiler's version.
    pub(crate) compiler: CudaVersion,
}

impl Target {
    /// The best that this machine's compiler makes for a device.
    pub(crate) fn choose(
        device: ComputeCapability,
        driver: CudaVersion,
        line_info: bool,
    ) -> Result<Self, SetupError> {
        let compiler = version()?;
        if !driver.runs_machine_code_of(compiler) {
            return Err(SetupError::CompilerTooNewForDriver { compiler, driver });
        }
        let known = known_capabilities()?;
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
            recipe: Recipe {
                architecture,
                line_info,
            },
            compiler,
        })
    }

    /// For a generation that may have no device here.
    pub(crate) fn without_device(recipe: Recipe) -> Result<Self, SetupError> {
        let compiler = version()?;
        let known = known_capabilities()?;
        if !known.contains(&recipe.architecture.capability) {
            return Err(SetupError::UnknownArchitecture {
                architecture: recipe.architecture.to_string(),
                compiler,
                known: join(&known),
            });
        }
        Ok(Self { recipe, compiler })
    }

    /// `Ok` if the compiler compiles for this target at all: it may lack files of its own.
    pub(crate) fn probe(&self) -> Result<(), SetupError> {
        compile_text(PROBE, &self.recipe.options(None), self).map(drop)
    }
}

impl Recipe {
    /// The options that a file is compiled with.
    pub(crate) fn options(&self, unit: Option<Unit>) -> Vec<String> {
        let architecture = format!("--gpu-architecture={}", self.architecture);
        let mut options = vec![architecture, "--std=c++17".to_string()];
        options.extend(self.line_info.then(|| "--generate-line-info".to_string()));
        options.extend(unit.and_then(Unit::option));
        options
    }
}

/// A compiled file.
pub(crate) struct Compiled {
    /// Machine code, or portable code that ends with a zero.
    pub(crate) image: Vec<u8>,
    /// What the compiler has to say.
    pub(crate) log: String,
}

/// Compiles a file with the target's options and these.
pub(crate) fn compile(
    unit: Unit,
    target: &Target,
    further_options: &[&str],
) -> Result<Compiled, SetupError> {
    let mut options = target.recipe.options(Some(unit));
    options.extend(further_options.iter().map(ToString::to_string));
    compile_text((unit.source.file(), unit.source.text()), &options, target)
}

/// Compiles a text of this name.
fn compile_text(
    source: (&'static str, &str),
    options: &[String],
    target: &Target,
) -> Result<Compiled, SetupError> {
    let failed = |error: Failure, log: &str| SetupError::Compile {
        file: source.0,
        architecture: target.recipe.architecture.to_string(),
        message: first_error(log).unwrap_or_else(|| error.name()),
    };
    let attempt = || -> Result<_, (Failure, String)> {
        let program = Program::new(source).map_err(|error| (error, String::new()))?;
        let compiled = program.compile(options);
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
    let image = match target.recipe.architecture.code {
        Code::Machine => program.bytes(sys::nvrtcGetCUBINSize, sys::nvrtcGetCUBIN),
        Code::Portable => program.bytes(sys::nvrtcGetPTXSize, sys::nvrtcGetPTX),
    };
    Ok(Compiled {
        image: image.map_err(|error| failed(error, ""))?,
        log,
    })
}

/// The second library of the compiler, if that is what it misses.
fn missing_builtins(error: Failure, log: &str) -> Option<&str> {
    if error != Failure::MISSES_BUILTINS {
        return None;
    }
    let name = log
        .split_whitespace()
        .find(|word| word.contains("nvrtc-builtins"));
    Some(name.map_or("libnvrtc-builtins", |name| name.trim_end_matches('.')))
}

/// The first line of a log that speaks of an error.
fn first_error(log: &str) -> Option<String> {
    log.lines()
        .find(|line| line.contains("error"))
        .map(|line| line.trim().to_string())
}

/// What is called of every compiler, and of those that are new enough.
const FIRST: [&str; 1] = ["nvrtcVersion"];
const FUNCTIONS: [&str; 11] = [
    "nvrtcCompileProgram",
    "nvrtcCreateProgram",
    "nvrtcDestroyProgram",
    "nvrtcGetCUBIN",
    "nvrtcGetCUBINSize",
    "nvrtcGetNumSupportedArchs",
    "nvrtcGetPTX",
    "nvrtcGetPTXSize",
    "nvrtcGetProgramLog",
    "nvrtcGetProgramLogSize",
    "nvrtcGetSupportedArchs",
];

/// More generations than there will be.
const MOST_CAPABILITIES: usize = 1000;

/// The version of the compiler on this machine.
pub(crate) fn version() -> Result<CudaVersion, SetupError> {
    NVRTC.require(&FIRST)?;
    let (mut major, mut minor) = (0, 0);
    // SAFETY: the library and the function are there, and both arguments outlive the call.
    let told = unsafe { sys::nvrtcVersion(&mut major, &mut minor) };
    check(told).map_err(refused("tell its version"))?;
    let found = CudaVersion {
        major: major.unsigned_abs(),
        minor: minor.unsigned_abs(),
    };
    if found < OLDEST_COMPILER {
        return Err(SetupError::CompilerTooOld {
            found,
            needed: OLDEST_COMPILER,
        });
    }
    NVRTC.require(&FUNCTIONS)?;
    Ok(found)
}

/// The generations that the compiler makes code for.
pub(crate) fn capabilities() -> Result<Vec<ComputeCapability>, SetupError> {
    version()?;
    known_capabilities()
}

/// The same; the compiler must be there.
fn known_capabilities() -> Result<Vec<ComputeCapability>, SetupError> {
    let refused = refused("say what it makes code for");
    let mut count = 0;
    // SAFETY: the library is there, and the argument outlives the call.
    let counted = unsafe { sys::nvrtcGetNumSupportedArchs(&mut count) };
    check(counted).map_err(&refused)?;
    let count = usize::try_from(count)
        .ok()
        .filter(|&count| count <= MOST_CAPABILITIES)
        .ok_or(SetupError::Compiler {
            action: "say what it makes code for",
            reason: format!("it counts {count} architectures"),
        })?;
    let mut numbers: Vec<c_int> = vec![0; count];
    // SAFETY: there is room for as many numbers as the compiler has said that it writes.
    let told = unsafe { sys::nvrtcGetSupportedArchs(numbers.as_mut_ptr()) };
    check(told).map_err(&refused)?;
    let capability = |number: c_int| ComputeCapability::from_number(number.unsigned_abs());
    Ok(numbers.into_iter().map(capability).collect())
}

/// A result other than success, by its number: a compiler of a later version may have more than cudarc knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Failure(u32);

fn check(result: sys::nvrtcResult) -> Result<(), Failure> {
    match number(result) {
        0 => Ok(()),
        other => Err(Failure(other)),
    }
}

impl Failure {
    const MISSES_BUILTINS: Self = Self(7);

    /// The name of the result in `nvrtc.h`.
    fn name(self) -> String {
        let name = match self.0 {
            1 => "NVRTC_ERROR_OUT_OF_MEMORY",
            2 => "NVRTC_ERROR_PROGRAM_CREATION_FAILURE",
            3 => "NVRTC_ERROR_INVALID_INPUT",
            4 => "NVRTC_ERROR_INVALID_PROGRAM",
            5 => "NVRTC_ERROR_INVALID_OPTION",
            6 => "NVRTC_ERROR_COMPILATION",
            7 => "NVRTC_ERROR_BUILTIN_OPERATION_FAILURE",
            11 => "NVRTC_ERROR_INTERNAL_ERROR",
            other => return format!("error {other}"),
        };
        name.to_string()
    }
}

fn refused(action: &'static str) -> impl Fn(Failure) -> SetupError {
    move |failure| SetupError::Compiler {
        action,
        reason: failure.name(),
    }
}

/// A file that is being compiled. The texts are kept as long as the compiler may read them.
struct Program {
    program: sys::nvrtcProgram,
    _texts: Vec<CString>,
}

impl Program {
    fn new((file, text): (&str, &str)) -> Result<Self, Failure> {
        let texts: Vec<CString> = [file, text]
            .into_iter()
            .chain(HEADERS.iter().map(|(name, _)| *name))
            .chain(HEADERS.iter().map(|(_, text)| *text))
            .map(c_string)
            .collect();
        let pointers: Vec<*const c_char> = texts.iter().map(|text| text.as_ptr()).collect();
        let (names, contents) = pointers[2..].split_at(HEADERS.len());
        let mut program = std::ptr::null_mut();
        // SAFETY: all texts end with a zero and live as long as the program; there are as many headers as said.
        check(unsafe {
            sys::nvrtcCreateProgram(
                &mut program,
                pointers[1],
                pointers[0],
                HEADERS.len() as c_int,
                contents.as_ptr(),
                names.as_ptr(),
            )
        })?;
        Ok(Self {
            program,
            _texts: texts,
        })
    }

    fn compile(&self, options: &[String]) -> Result<(), Failure> {
        let texts: Vec<CString> = options.iter().map(|option| c_string(option)).collect();
        let pointers: Vec<*const c_char> = texts.iter().map(|text| text.as_ptr()).collect();
        // SAFETY: the program is alive as long as self; there are as many options as said, which end with a zero and outlive the call.
        check(unsafe {
            sys::nvrtcCompileProgram(self.program, pointers.len() as c_int, pointers.as_ptr())
        })
    }

    fn log(&self) -> Result<String, Failure> {
        let log = self.bytes(sys::nvrtcGetProgramLogSize, sys::nvrtcGetProgramLog)?;
        let log = String::from_utf8_lossy(&log);
        Ok(log.trim_end_matches('\0').to_string())
    }

    /// What a pair of functions has to give: the first says how much there is, the second writes it.
    fn bytes(
        &self,
        size: unsafe fn(sys::nvrtcProgram, *mut usize) -> sys::nvrtcResult,
        write: unsafe fn(sys::nvrtcProgram, *mut c_char) -> sys::nvrtcResult,
    ) -> Result<Vec<u8>, Failure> {
        let mut len = 0;
        // SAFETY: the program is alive, and the argument outlives the call.
        check(unsafe { size(self.program, &mut len) })?;
        let mut bytes = vec![0_u8; len];
        // SAFETY: there is room for as many bytes as the compiler has said that it writes.
        check(unsafe { write(self.program, bytes.as_mut_ptr().cast()) })?;
        Ok(bytes)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: the program is alive, and nobody has it after this. Nothing can be done about an error.
        let _ = unsafe { sys::nvrtcDestroyProgram(&mut self.program) };
    }
}

fn join(known: &[ComputeCapability]) -> String {
    let names: Vec<String> = known.iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// A text that ends with a zero; what follows a zero within is lost.
fn c_string(text: &str) -> CString {
    let text = text.split('\0').next().unwrap_or_default();
    CString::new(text).unwrap_or_default()
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
    fn missing_builtins_are_named_by_the_log() {
        use sys::nvrtcResult::{NVRTC_ERROR_BUILTIN_OPERATION_FAILURE, NVRTC_ERROR_COMPILATION};
        let failure = |result| check(result).unwrap_err();
        let log = "nvrtc: error: failed to open libnvrtc-builtins.so.13.0.\n  Make sure that libnvrtc-builtins.so.13.0 is installed \
            correctly.";
        let missing = failure(NVRTC_ERROR_BUILTIN_OPERATION_FAILURE);
        let name = Some("libnvrtc-builtins.so.13.0");
        assert_eq!(missing_builtins(missing, log), name);
        assert_eq!(missing_builtins(missing, ""), Some("libnvrtc-builtins"));
        assert_eq!(
            missing_builtins(failure(NVRTC_ERROR_COMPILATION), log),
            None
        );
    }

    #[test]
    fn line_information_is_an_option() {
        let recipe = |line_info| Recipe {
            architecture: "sm_61".parse().unwrap(),
            line_info,
        };
        let plain = ["--gpu-architecture=sm_61", "--std=c++17"];
        assert_eq!(recipe(false).options(None), plain);
        let with_lines = [plain[0], plain[1], "--generate-line-info"];
        assert_eq!(recipe(true).options(None), with_lines);
    }
}
