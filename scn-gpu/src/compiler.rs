//! NVIDIA's run-time compiler, NVRTC.
//!
//! A kernel becomes machine code ("cubin") for the one device that it runs on. If the compiler is older than the device, it
//! makes portable code ("PTX") of the newest generation that it knows, and the driver makes machine code of that.

#![expect(
    unsafe_code,
    reason = "cudarc's safe layer hands over no headers and makes no machine code"
)]

use std::ffi::{CString, c_char, c_int};

use cudarc::nvrtc::result::NvrtcError;
use cudarc::nvrtc::{result, sys};

use crate::GpuError;
use crate::error::{ComputeCapability, CudaVersion};
use crate::source::{HEADERS, Source, Unit};

/// Machine code came with this version.
const OLDEST_COMPILER: CudaVersion = CudaVersion {
    major: 11,
    minor: 2,
};

/// What to compile for, and by what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    /// The generation of devices.
    pub(crate) capability: ComputeCapability,
    /// Machine code or portable code.
    pub(crate) image: Image,
    /// The compiler's version.
    pub(crate) compiler: CudaVersion,
}

/// The form of a compiled file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Image {
    /// Machine code.
    Cubin,
    /// Portable code.
    Ptx,
}

impl Target {
    /// The best that this machine's compiler makes for a device.
    pub(crate) fn choose(device: ComputeCapability, driver: CudaVersion) -> Result<Self, GpuError> {
        let compiler = version()?;
        // Machine code of one major version runs on drivers of the same, whatever their minor version.
        let needed = CudaVersion {
            major: compiler.major,
            minor: 0,
        };
        if driver < needed {
            return Err(GpuError::DriverTooOld {
                found: driver,
                needed,
            });
        }
        let known = known_architectures()?;
        let newest = known.into_iter().filter(|&known| known <= device).max();
        let capability = newest.ok_or(GpuError::CompilerTooNew {
            compiler,
            capability: device,
        })?;
        let image = if capability == device {
            Image::Cubin
        } else {
            Image::Ptx
        };
        Ok(Self {
            capability,
            image,
            compiler,
        })
    }

    /// Code for a generation that may have no device here.
    pub(crate) fn without_device(
        capability: ComputeCapability,
        image: Image,
    ) -> Result<Self, GpuError> {
        Ok(Self {
            capability,
            image,
            compiler: version()?,
        })
    }

    /// `sm_61` for machine code, `compute_61` for portable code.
    pub(crate) fn architecture(&self) -> String {
        let number = self.capability.number();
        match self.image {
            Image::Cubin => format!("sm_{number}"),
            Image::Ptx => format!("compute_{number}"),
        }
    }

    /// The options that a file is compiled with.
    pub(crate) fn options(&self, unit: Unit) -> Vec<String> {
        let architecture = format!("--gpu-architecture={}", self.architecture());
        let mut options = vec![architecture, "--std=c++17".to_string()];
        options.extend(unit.option());
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
) -> Result<Compiled, GpuError> {
    let source = unit.source;
    let options = target.options(unit);
    let options: Vec<&str> = options
        .iter()
        .map(String::as_str)
        .chain(further_options.iter().copied())
        .collect();
    let failed = |error: NvrtcError, log: &str| GpuError::Compile {
        file: source.file(),
        architecture: target.architecture(),
        message: first_error(log).unwrap_or_else(|| format!("{:?}", error.0)),
    };
    let program = Program::new(source).map_err(|error| failed(error, ""))?;
    let compiled = program.compile(&options);
    let log = program.log().unwrap_or_default();
    compiled.map_err(|error| failed(error, &log))?;
    let image = match target.image {
        Image::Cubin => program.bytes(sys::nvrtcGetCUBINSize, sys::nvrtcGetCUBIN),
        Image::Ptx => program.bytes(sys::nvrtcGetPTXSize, sys::nvrtcGetPTX),
    };
    Ok(Compiled {
        image: image.map_err(|error| failed(error, ""))?,
        log,
    })
}

/// The first line of a log that speaks of an error.
fn first_error(log: &str) -> Option<String> {
    log.lines()
        .find(|line| line.contains("error"))
        .map(|line| line.trim().to_string())
}

/// The version of the compiler on this machine.
fn version() -> Result<CudaVersion, GpuError> {
    // SAFETY: this only tries to load the library, whose loading has no effect that anybody relies on.
    if !unsafe { sys::is_culib_present() } {
        return Err(GpuError::NoCompiler);
    }
    let (mut major, mut minor) = (0, 0);
    // SAFETY: the library is there, and both arguments outlive the call.
    unsafe { sys::nvrtcVersion(&mut major, &mut minor) }
        .result()
        .map_err(|_| GpuError::NoCompiler)?;
    let found = CudaVersion {
        major: major.unsigned_abs(),
        minor: minor.unsigned_abs(),
    };
    if found < OLDEST_COMPILER {
        return Err(GpuError::CompilerTooOld {
            found,
            needed: OLDEST_COMPILER,
        });
    }
    Ok(found)
}

/// All generations that the compiler makes code for; it must be there.
fn known_architectures() -> Result<Vec<ComputeCapability>, GpuError> {
    let mut count = 0;
    // SAFETY: the library is there, and the argument outlives the call.
    unsafe { sys::nvrtcGetNumSupportedArchs(&mut count) }
        .result()
        .map_err(|_| GpuError::NoCompiler)?;
    let mut numbers: Vec<c_int> = vec![0; count.unsigned_abs() as usize];
    // SAFETY: there is room for as many numbers as the compiler has said that it writes.
    unsafe { sys::nvrtcGetSupportedArchs(numbers.as_mut_ptr()) }
        .result()
        .map_err(|_| GpuError::NoCompiler)?;
    let capability = |number: c_int| ComputeCapability::from_number(number.unsigned_abs());
    Ok(numbers.into_iter().map(capability).collect())
}

/// A file that is being compiled. The texts are kept as long as the compiler may read them.
struct Program {
    program: sys::nvrtcProgram,
    _texts: Vec<CString>,
}

impl Program {
    fn new(source: Source) -> Result<Self, NvrtcError> {
        let texts: Vec<CString> = [source.file(), source.text()]
            .into_iter()
            .chain(HEADERS.iter().map(|(name, _)| *name))
            .chain(HEADERS.iter().map(|(_, text)| *text))
            .map(c_string)
            .collect();
        let pointers: Vec<*const c_char> = texts.iter().map(|text| text.as_ptr()).collect();
        let (names, contents) = pointers[2..].split_at(HEADERS.len());
        let mut program = std::ptr::null_mut();
        // SAFETY: all texts end with a zero and live as long as the program; there are as many headers as said.
        unsafe {
            sys::nvrtcCreateProgram(
                &mut program,
                pointers[1],
                pointers[0],
                HEADERS.len() as c_int,
                contents.as_ptr(),
                names.as_ptr(),
            )
        }
        .result()?;
        Ok(Self {
            program,
            _texts: texts,
        })
    }

    fn compile(&self, options: &[&str]) -> Result<(), NvrtcError> {
        // SAFETY: the program is alive as long as self.
        unsafe { result::compile_program(self.program, options) }
    }

    fn log(&self) -> Result<String, NvrtcError> {
        let log = self.bytes(sys::nvrtcGetProgramLogSize, sys::nvrtcGetProgramLog)?;
        let log = String::from_utf8_lossy(&log);
        Ok(log.trim_end_matches('\0').to_string())
    }

    /// What a pair of functions has to give: the first says how much there is, the second writes it.
    fn bytes(
        &self,
        size: unsafe fn(sys::nvrtcProgram, *mut usize) -> sys::nvrtcResult,
        write: unsafe fn(sys::nvrtcProgram, *mut c_char) -> sys::nvrtcResult,
    ) -> Result<Vec<u8>, NvrtcError> {
        let mut len = 0;
        // SAFETY: the program is alive, and the argument outlives the call.
        unsafe { size(self.program, &mut len) }.result()?;
        let mut bytes = vec![0_u8; len];
        // SAFETY: there is room for as many bytes as the compiler has said that it writes.
        unsafe { write(self.program, bytes.as_mut_ptr().cast()) }.result()?;
        Ok(bytes)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: the program is alive, and nobody has it after this. Nothing can be done about an error.
        let _ = unsafe { sys::nvrtcDestroyProgram(&mut self.program) };
    }
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
    fn targets_are_named_as_the_compiler_names_them() {
        let target = Target {
            capability: ComputeCapability::from_number(61),
            image: Image::Cubin,
            compiler: OLDEST_COMPILER,
        };
        assert_eq!(target.architecture(), "sm_61");
        let portable = Target {
            capability: ComputeCapability::from_number(120),
            image: Image::Ptx,
            ..target
        };
        assert_eq!(portable.architecture(), "compute_120");
        assert_eq!(portable.capability.to_string(), "12.0");
    }
}
