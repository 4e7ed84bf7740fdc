//! IDX files of labels, plain or gzipped.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use scn_data::format::{Contents, idx};

fuzz_target!(|bytes: &[u8]| {
    let contents = Contents::new(bytes, Path::new("file"));
    if let Ok(labels) = idx::labels(contents, 10) {
        assert!(labels.iter().all(|&label| label < 10));
    }
});
