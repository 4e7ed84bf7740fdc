//! NVIDIA's run-time compiler, NVRTC.

#![expect(
    unsafe_code,
    reason = "cudarc's safe layer supports neither headers nor machine code"
)]

use std::ffi::{CString, c_char, c_int};

use cudarc::nvrtc::sys;

use crate::error::SetupError;
use crate::library::{NVRTC, number};
use crate::version::{ComputeCapability, CudaVersion, OLDEST_COMPILER};

/// Functions that are called on every compiler, and on those that are new enough.
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

/// Largest plausible number of supported compute capabilities.
const MOST_CAPABILITIES: usize = 1000;

/// Returns the version of the installed compiler.
pub(crate) fn version() -> Result<CudaVersion, SetupError> {
    NVRTC.require(&FIRST)?;
    let (mut major, mut minor) = (0, 0);
    // SAFETY: the library has this function, and both arguments outlive the call.
    let told = unsafe { sys::nvrtcVersion(&mut major, &mut minor) };
    check(told).map_err(refused("report its version"))?;
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

/// Returns the compute capabilities that the compiler supports.
pub(crate) fn capabilities() -> Result<Vec<ComputeCapability>, SetupError> {
    version()?;
    let refused = refused("list the architectures that it supports");
    let mut count = 0;
    // SAFETY: the library has this function, and the argument outlives the call.
    let counted = unsafe { sys::nvrtcGetNumSupportedArchs(&mut count) };
    check(counted).map_err(&refused)?;
    let count = usize::try_from(count)
        .ok()
        .filter(|&count| count <= MOST_CAPABILITIES)
        .ok_or(SetupError::Compiler {
            action: "list the architectures that it supports",
            reason: format!("it reports {count} architectures"),
        })?;
    let mut numbers: Vec<c_int> = vec![0; count];
    // SAFETY: there is room for as many numbers as the compiler has announced.
    let told = unsafe { sys::nvrtcGetSupportedArchs(numbers.as_mut_ptr()) };
    check(told).map_err(&refused)?;
    let capability = |number: c_int| ComputeCapability::from_number(number.unsigned_abs());
    Ok(numbers.into_iter().map(capability).collect())
}

/// The number of a result that is not success. A later compiler may return values that cudarc does
/// not define.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failure(u32);

fn check(result: sys::nvrtcResult) -> Result<(), Failure> {
    match number(result) {
        0 => Ok(()),
        other => Err(Failure(other)),
    }
}

impl Failure {
    const MISSES_BUILTINS: Self = Self(7);

    /// Returns the name of the result in `nvrtc.h`.
    pub(crate) fn name(self) -> String {
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

/// Returns the name of the compiler's second library, if the failure is that it was not found.
pub(crate) fn missing_builtins(error: Failure, log: &str) -> Option<&str> {
    if error != Failure::MISSES_BUILTINS {
        return None;
    }
    let name = log
        .split_whitespace()
        .find(|word| word.contains("nvrtc-builtins"));
    Some(name.map_or("libnvrtc-builtins", |name| name.trim_end_matches('.')))
}

fn refused(action: &'static str) -> impl Fn(Failure) -> SetupError {
    move |failure| SetupError::Compiler {
        action,
        reason: failure.name(),
    }
}

/// A file to be compiled. Its texts are kept as long as the compiler may read them.
pub(crate) struct Program {
    program: sys::nvrtcProgram,
    _texts: Vec<CString>,
}

impl Program {
    /// Creates a program from a file and the headers that it may include, each with its name and
    /// text.
    pub(crate) fn new(
        (file, text): (&str, &str),
        headers: &[(&str, &str)],
    ) -> Result<Self, Failure> {
        let texts: Vec<CString> = [file, text]
            .into_iter()
            .chain(headers.iter().map(|(name, _)| *name))
            .chain(headers.iter().map(|(_, text)| *text))
            .map(c_string)
            .collect();
        let pointers: Vec<*const c_char> = texts.iter().map(|text| text.as_ptr()).collect();
        let (names, contents) = pointers[2..].split_at(headers.len());
        let mut program = std::ptr::null_mut();
        // SAFETY: all texts are zero-terminated and live as long as the program. The number of
        // headers is correct.
        check(unsafe {
            sys::nvrtcCreateProgram(
                &mut program,
                pointers[1],
                pointers[0],
                headers.len() as c_int,
                contents.as_ptr(),
                names.as_ptr(),
            )
        })?;
        Ok(Self {
            program,
            _texts: texts,
        })
    }

    pub(crate) fn compile(&self, options: &[String]) -> Result<(), Failure> {
        let texts: Vec<CString> = options.iter().map(|option| c_string(option)).collect();
        let pointers: Vec<*const c_char> = texts.iter().map(|text| text.as_ptr()).collect();
        // SAFETY: the program lives as long as `self`. The number of options is correct, and they
        // are zero-terminated and outlive the call.
        check(unsafe {
            sys::nvrtcCompileProgram(self.program, pointers.len() as c_int, pointers.as_ptr())
        })
    }

    /// Returns the messages of the compiler.
    pub(crate) fn log(&self) -> Result<String, Failure> {
        let log = self.bytes(sys::nvrtcGetProgramLogSize, sys::nvrtcGetProgramLog)?;
        let log = String::from_utf8_lossy(&log);
        Ok(log.trim_end_matches('\0').to_string())
    }

    /// Returns the compiled file as machine code.
    pub(crate) fn machine_code(&self) -> Result<Vec<u8>, Failure> {
        self.bytes(sys::nvrtcGetCUBINSize, sys::nvrtcGetCUBIN)
    }

    /// Returns the compiled file as zero-terminated portable code.
    pub(crate) fn portable_code(&self) -> Result<Vec<u8>, Failure> {
        self.bytes(sys::nvrtcGetPTXSize, sys::nvrtcGetPTX)
    }

    /// Returns the output of a pair of functions: the first returns its length, the second writes
    /// it.
    fn bytes(
        &self,
        size: unsafe fn(sys::nvrtcProgram, *mut usize) -> sys::nvrtcResult,
        write: unsafe fn(sys::nvrtcProgram, *mut c_char) -> sys::nvrtcResult,
    ) -> Result<Vec<u8>, Failure> {
        let mut len = 0;
        // SAFETY: the program is alive, and the argument outlives the call.
        check(unsafe { size(self.program, &mut len) })?;
        let mut bytes = vec![0_u8; len];
        // SAFETY: there is room for as many bytes as the compiler has announced.
        check(unsafe { write(self.program, bytes.as_mut_ptr().cast()) })?;
        Ok(bytes)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: the program is alive and not used again. An error cannot be handled.
        let _ = unsafe { sys::nvrtcDestroyProgram(&mut self.program) };
    }
}

/// Converts a text to a C string, which ends at the first zero in the text.
fn c_string(text: &str) -> CString {
    let text = text.split('\0').next().unwrap_or_default();
    CString::new(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
