//! STL-10 labels.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use scn_data::format::{Contents, stl10};

fuzz_target!(|bytes: &[u8]| {
    let contents = Contents::new(bytes, Path::new("file"));
    if let Ok(labels) = stl10::labels(contents) {
        assert!(labels.iter().all(|&label| label < 10));
    }
});
