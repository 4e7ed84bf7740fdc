//! Checksums of images, which verify that runs and processes use the same ones.

use scn_data::{ImageSet, PixelSlice};
use scn_solvers::processes::{Processes, expect_same};
use sha2::{Digest, Sha256};

use crate::error::NetError;

/// Returns the SHA-256 of the pixels and labels of these images, in hexadecimal digits.
pub(crate) fn checksum(sets: &[&ImageSet]) -> String {
    let mut sum = Sha256::new();
    for images in sets {
        match images.pixels() {
            PixelSlice::Floats(pixels) => pixels
                .iter()
                .for_each(|pixel| sum.update(pixel.to_le_bytes())),
            pixels => sum.update(pixels.bytes().unwrap_or_default()),
        }
        let labels = images.labels().iter();
        labels.for_each(|label| sum.update(label.to_le_bytes()));
    }
    let digest = sum.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Checks that all processes have read the same images, each from its own file system. A single
/// process always passes.
///
/// # Errors
/// Returns [`ProcessError::Differs`](scn_solvers::processes::ProcessError::Differs) in all
/// processes if their images differ. Also returns an error if a process has failed.
pub fn expect_same_images(processes: &dyn Processes, sets: &[&ImageSet]) -> Result<(), NetError> {
    if processes.count() == 1 {
        return Ok(());
    }
    Ok(expect_same(processes, "images", checksum(sets).as_bytes())?)
}
