//! CIFAR-10 records.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use scn_data::format::{Contents, cifar};

fuzz_target!(|bytes: &[u8]| {
    let contents = Contents::new(bytes, Path::new("file"));
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    // Appended records are complete even after an error.
    let _ = cifar::records(contents, &cifar::CIFAR10, &mut pixels, &mut labels);
    assert_eq!(pixels.len(), labels.len() * 3072);
    assert!(labels.iter().all(|&label| label < 10));
});
