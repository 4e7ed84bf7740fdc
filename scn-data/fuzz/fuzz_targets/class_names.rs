//! Lists of class names.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use scn_data::format::{Contents, class_names};

fuzz_target!(|bytes: &[u8]| {
    let contents = Contents::new(bytes, Path::new("file"));
    if let Ok(names) = class_names::parse(contents, 10) {
        assert!(names.len() == 10 && names.iter().all(|name| !name.is_empty()));
    }
});
