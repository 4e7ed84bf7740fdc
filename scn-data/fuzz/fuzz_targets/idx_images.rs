//! IDX files of images, plain or gzipped.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use scn_data::format::{Contents, idx};

fuzz_target!(|bytes: &[u8]| {
    let contents = Contents::new(bytes, Path::new("file"));
    if let Ok(pixels) = idx::images(contents, [28, 28]) {
        assert_eq!(pixels.len() % 784, 0);
    }
});
