//! NumPy arrays as images and as labels.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use scn_data::format::{Contents, npy};

fuzz_target!(|bytes: &[u8]| {
    let contents = Contents::new(bytes, Path::new("file"));
    if let Ok((pixels, shape)) = npy::images(contents) {
        assert_eq!(pixels.len() % shape.iter().product::<usize>(), 0);
    }
    if let Ok(labels) = npy::labels(contents, 10) {
        assert!(labels.iter().all(|&label| label < 10));
    }
});
