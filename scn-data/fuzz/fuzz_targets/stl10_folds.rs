//! STL-10 folds.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use scn_data::format::{Contents, stl10};

fuzz_target!(|bytes: &[u8]| {
    let contents = Contents::new(bytes, Path::new("file"));
    if let Ok(folds) = stl10::folds(contents, 5000) {
        assert_eq!(folds.len(), 10);
        assert!(folds.iter().flatten().all(|&image| image < 5000));
    }
});
