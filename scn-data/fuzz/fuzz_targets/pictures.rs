//! PNG and JPEG files, with and without an orientation.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use scn_data::format::Contents;
use scn_data::Colours;
use scn_data::format::pictures;

fuzz_target!(|bytes: &[u8]| {
    let contents = Contents::new(bytes, Path::new("file"));
    for colours in [None, Some(Colours::Grey)] {
        if let Ok(picture) = pictures::picture(contents, colours) {
            let [channels, height, width] = picture.shape;
            assert_eq!(picture.pixels.len(), channels * height * width);
        }
    }
});
