//! PNG and JPEG files.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use scn_data::format::{Contents, pictures};

fuzz_target!(|bytes: &[u8]| {
    let contents = Contents::new(bytes, Path::new("file"));
    if let Ok(picture) = pictures::picture(contents, None) {
        let [channels, height, width] = picture.shape;
        assert_eq!(picture.pixels.len(), channels * height * width);
    }
});
