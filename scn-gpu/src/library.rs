//! The libraries of CUDA: whether they are there and whole, and the numbers that their functions
//! return.
//!
//! cudarc panics at the first call where a library or a function is missing. So each library is
//! looked at before it is called for the first time: the file that cudarc will open, and every
//! function that this crate calls, by itself or through cudarc. Functions of later versions are
//! asked for by those who ask for the version.

#![expect(
    unsafe_code,
    reason = "opens libraries, and reads what they return as numbers"
)]

use std::sync::OnceLock;

use libloading::Library;

use crate::error::SetupError;

/// Why a library cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fault {
    Absent,
    /// There is a file of its name, and the system refuses it.
    Refused(String),
}

/// A library that is opened once and stays.
pub(crate) struct CudaLibrary {
    /// For messages.
    name: &'static str,
    /// The stems from which cudarc makes the names of files, in its order.
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
    /// `Ok` if the library is there with all these functions.
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
            // SAFETY: the address is looked up and not called.
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

/// Opens the first library that can be, as cudarc does.
fn open(stems: &[&str]) -> Result<Library, Fault> {
    let mut fault = Fault::Absent;
    for name in stems
        .iter()
        .flat_map(|stem| cudarc::get_lib_name_candidates(stem))
    {
        // SAFETY: these are the libraries that cudarc opens, whose loading has no effect that
        // anybody relies on.
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

/// The loader's words, on one line.
fn reason(error: &libloading::Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let words = cause.unwrap_or_else(|| error.to_string());
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether the loader means that there is no such file. Windows says the same of a library that
/// misses another one.
fn says_absent(reason: &str) -> bool {
    cfg!(windows) || reason.to_lowercase().contains("no such file")
}

/// The number of a result. cudarc declares these functions to return one of the results that it
/// knows; a library of another version returns others, which nothing may take for one of those: not
/// a comparison, and not `Debug`, which then crashes.
pub(crate) fn number<T: Copy>(result: T) -> u32 {
    const { assert!(size_of::<T>() == size_of::<u32>()) };
    // SAFETY: it is as large as this number, and all bits of it were written. Volatile, so that the
    // compiler derives nothing from what the type may be.
    unsafe { (&raw const result).cast::<u32>().read_volatile() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_loaders_are_understood() {
        // By glibc 2.36, musl 1.2.5 and macOS 14.
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
