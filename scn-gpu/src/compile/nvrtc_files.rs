//! The files of NVRTC: the library, and a second one that it opens itself.
//!
//! From CUDA 13 on, the library looks for `libnvrtc-builtins` only where the loader looks, not in
//! its own folder. It also accepts a library of that name that is already open.

#![expect(unsafe_code, reason = "opens a library")]

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the file of the open library, if the system reports it (Linux).
pub(crate) fn library() -> Option<PathBuf> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    find_library(&maps).map(Path::to_path_buf)
}

/// Finds the library among memory mappings. A line contains an address, four more columns, and the
/// path of a file.
fn find_library(maps: &str) -> Option<&Path> {
    let paths = maps
        .lines()
        .filter_map(|line| line.find('/').map(|start| &line[start..]));
    paths.map(Path::new).find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("libnvrtc.so")
    })
}

/// Opens the second library, of this name, from the folder of the first. Returns false if that
/// fails.
pub(crate) fn open_builtins(name: &str) -> bool {
    let Some(path) = library().map(|library| library.with_file_name(name)) else {
        return false;
    };
    // SAFETY: the compiler itself opens this library if the loader finds it. Loading it has no
    // other effect.
    let Ok(builtins) = (unsafe { libloading::Library::new(path) }) else {
        return false;
    };
    // The compiler may need the library until the program ends.
    std::mem::forget(builtins);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_found_among_mappings() {
        let maps = "\
            7f01c8000000-7f01c8021000 rw-p 00000000 00:00 0 \n\
            7f01d0a00000-7f01d0e00000 r--p 00000000 08:01 1311        /opt/a b/lib/libnvrtc-builtins.so.13.0\n\
            7f01d1200000-7f01d1800000 r-xp 00600000 08:01 1310        /opt/a b/lib/libnvrtc.so.13\n\
            7ffd5a1d5000-7ffd5a1f6000 rw-p 00000000 00:00 0           [stack]\n";
        let expected = Path::new("/opt/a b/lib/libnvrtc.so.13");
        assert_eq!(find_library(maps), Some(expected));
        assert_eq!(
            find_library("7f01c8000000-7f01c8021000 rw-p 00000000 00:00 0 \n"),
            None
        );
    }
}
