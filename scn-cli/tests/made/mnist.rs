//! A synthetic data set for tests.

use std::path::Path;

/// Writes a data set laid out like MNIST with the given numbers of noisy images. The seed
/// determines the noise.
pub(crate) fn made_mnist(folder: &Path, seed: u32, train: u32, test: u32) {
    let folder = folder.join("mnist");
    std::fs::create_dir_all(&folder).unwrap();
    let mut state = seed;
    for (part, count) in [("train", train), ("t10k", test)] {
        let words = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect();
        let mut images: Vec<u8> = words(&[0x803, count, 28, 28]);
        images.extend((0..count * 28 * 28).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        }));
        std::fs::write(folder.join(format!("{part}-images-idx3-ubyte")), images).unwrap();
        let mut labels: Vec<u8> = words(&[0x801, count]);
        labels.extend((0..count).map(|index| (index % 10) as u8));
        std::fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), labels).unwrap();
    }
}
