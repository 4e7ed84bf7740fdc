//! STL-10 images.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use scn_data::format::{Contents, stl10};

fuzz_target!(|bytes: &[u8]| {
    let contents = Contents::new(bytes, Path::new("file"));
    if let Ok(pixels) = stl10::pictures(contents) {
        assert_eq!(pixels.len(), bytes.len());
    }
});
