//! SVHN files, as images and as labels.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use scn_data::format::{Contents, svhn};

fuzz_target!(|bytes: &[u8]| {
    let contents = Contents::new(bytes, Path::new("file"));
    if let Ok(pixels) = svhn::pictures(contents) {
        assert_eq!(pixels.len() % 3072, 0);
    }
    if let Ok(labels) = svhn::labels(contents) {
        assert!(labels.iter().all(|&label| label < 10));
    }
});
