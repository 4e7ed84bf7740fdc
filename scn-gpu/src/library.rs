//! The CUDA libraries: checks that they are complete, and conversion of their results to numbers.
//!
//! cudarc panics at the first call if a library or a function is missing. So each library is
//! checked before its first use: the file that cudarc will open, and every function that this crate
//! calls directly or through cudarc. Functions of later versions are checked by the callers that
//! query the version.

#![expect(
    unsafe_code,
    reason = "opens libraries, and reads their results as numbers"
)]

use std::sync::OnceLock;

use libloading::Library;

use crate::error::SetupError;

/// Why a library cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fault {
    Absent,
    /// A file of that name exists, but the system cannot load it.
    Refused(String),
}

/// A library that is opened once and stays open.
pub(crate) struct CudaLibrary {
    /// Name for messages.
    name: &'static str,
    /// Stems from which cudarc derives file names, in its order.
    stems: &'static [&'static str],
    absent: SetupError,
    opened: OnceLock<Result<Library, Fault>>,
}

/// The library of the driver.
pub(crate) static DRIVER: CudaLibrary = CudaLibrary {
    name: "the CUDA driver",
    stems: &["cuda", "nvcuda"],
    absent: SetupError::NoDriver,
    opened: OnceLock::new(),
};

/// The library of the compiler.
pub(crate) static NVRTC: CudaLibrary = CudaLibrary {
    name: "the CUDA compiler",
    stems: &["nvrtc"],
    absent: SetupError::NoCompiler,
    opened: OnceLock::new(),
};

/// The library for exchange between devices.
pub(crate) static NCCL: CudaLibrary = CudaLibrary {
    name: "NCCL",
    stems: &["nccl"],
    absent: SetupError::NoNccl,
    opened: OnceLock::new(),
};

impl CudaLibrary {
    /// Checks that the library is installed and has all these functions.
    pub(crate) fn require(&self, functions: &[&str]) -> Result<(), SetupError> {
        let library = match self.opened.get_or_init(|| open(self.stems)) {
            Ok(library) => library,
            Err(Fault::Absent) => return Err(self.absent.clone()),
            Err(Fault::Refused(reason)) => {
                let (library, reason) = (self.name, reason.clone());
                return Err(SetupError::LibraryRefused { library, reason });
            }
        };
        let lacks = |function: &&&str| {
            // SAFETY: the address is only looked up, not called.
            unsafe { library.get::<*const ()>(function.as_bytes()) }.is_err()
        };
        match functions.iter().find(lacks) {
            None => Ok(()),
            Some(function) => Err(SetupError::LibraryLacks {
                library: self.name,
                function: (*function).to_string(),
            }),
        }
    }
}

/// Opens the first library that can be loaded, in the same order as cudarc.
fn open(stems: &[&str]) -> Result<Library, Fault> {
    let mut fault = Fault::Absent;
    for name in stems
        .iter()
        .flat_map(|stem| cudarc::get_lib_name_candidates(stem))
    {
        // SAFETY: cudarc opens the same libraries, and loading them has no side effects that matter
        // here.
        match unsafe { Library::new(&name) } {
            Ok(library) => return Ok(library),
            Err(error) => {
                let reason = reason(&error);
                if fault == Fault::Absent && !says_absent(&reason) {
                    fault = Fault::Refused(reason);
                }
            }
        }
    }
    Err(fault)
}

/// Returns the loader's message on one line.
fn reason(error: &libloading::Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let words = cause.unwrap_or_else(|| error.to_string());
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether the message means that the file does not exist. Every message counts on Windows, which
/// reports a missing dependency of a library in the same way.
fn says_absent(reason: &str) -> bool {
    cfg!(windows) || reason.to_lowercase().contains("no such file")
}

/// Returns the number of a result. cudarc declares the results of these functions as enums of the
/// values that it knows, but a library of a different version may return other values. These must
/// never be used as the enum: not in a comparison, and not with `Debug`, which would crash.
pub(crate) fn number<T: Copy>(result: T) -> u32 {
    const { assert!(size_of::<T>() == size_of::<u32>()) };
    // SAFETY: `result` is as large as a `u32`, and all its bits are initialised. The read is
    // volatile so that the compiler does not assume a valid enum value.
    unsafe { (&raw const result).cast::<u32>().read_volatile() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_loaders_are_understood() {
        // Messages of glibc 2.36, musl 1.2.5 and macOS 14.
        for absent in [
            "libcuda.so: cannot open shared object file: No such file or directory",
            "Error loading shared library libcuda.so: No such file or directory",
            "dlopen(libcuda.dylib, 0x0005): tried: 'libcuda.dylib' (no such file)",
        ] {
            assert!(says_absent(absent), "{absent}");
        }
        if !cfg!(windows) {
            assert!(!says_absent("/x/libcuda.so: file too short"));
            assert!(!says_absent("/x/libcuda.so: invalid ELF header"));
        }
    }

    #[test]
    fn a_library_that_nobody_has_is_absent() {
        assert_eq!(open(&["scn-nobody-has-this"]).err(), Some(Fault::Absent));
    }

    #[test]
    fn results_are_numbers() {
        use cudarc::driver::sys::CUresult;
        use cudarc::nvrtc::sys::nvrtcResult;
        assert_eq!(number(CUresult::CUDA_SUCCESS), 0);
        assert_eq!(number(CUresult::CUDA_ERROR_UNKNOWN), 999);
        assert_eq!(number(nvrtcResult::NVRTC_ERROR_COMPILATION), 6);
    }
}
