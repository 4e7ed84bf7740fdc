//! Random numbers that depend only on what they are for.
//!
//! Every use has its own stream, ChaCha with 8 rounds, keyed by 32 bytes:
//!
//! | bytes | contents |
//! |---|---|
//! | 0-7 | the seed, little-endian |
//! | 8-15 | the epoch, little-endian |
//! | 16-23 | the purpose, ASCII, padded with zeros |
//! | 24-31 | zeros |
//!
//! The batch is the stream number (nonce). So batch k of epoch e is the same, whether or not
//! earlier batches were made. Integers are drawn here instead of by `rand`, whose algorithms may
//! change between versions: a training run that is resumed years later must see the same batches.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The purpose of random numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// The order of the images in an epoch.
    Order,
    /// Flips and shifts of one batch.
    Augmentation,
    /// The order in which the images of one batch are mixed, and their weights.
    Mixup,
    /// The images of one class that are in a subset. The epoch is 0, and the label replaces the
    /// batch.
    Subset,
    /// Noise on one image. The epoch is 0, and the index of the image replaces the batch.
    Noise,
    /// The images of one class that are set apart for testing. The epoch is 0, and the label
    /// replaces the batch.
    Test,
    /// The images of one class that are set apart for validation. The epoch is 0, and the label
    /// replaces the batch.
    Validation,
    /// Positions spread over a list. Epoch and batch are 0.
    HeldOut,
}

/// A stream of random numbers.
#[derive(Debug)]
pub(crate) struct Draws(ChaCha8Rng);

impl Draws {
    /// Creates the stream of `purpose` in an epoch. `batch` is 0 for purposes that concern the
    /// whole epoch.
    pub(crate) fn new(seed: u64, epoch: u64, purpose: Purpose, batch: u64) -> Self {
        let purpose = match purpose {
            Purpose::Order => *b"order\0\0\0",
            Purpose::Augmentation => *b"augment\0",
            Purpose::Mixup => *b"mixup\0\0\0",
            Purpose::Subset => *b"subset\0\0",
            Purpose::Noise => *b"noise\0\0\0",
            Purpose::Test => *b"test\0\0\0\0",
            Purpose::Validation => *b"validate",
            Purpose::HeldOut => *b"held-out",
        };
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&epoch.to_le_bytes());
        key[16..24].copy_from_slice(&purpose);
        let mut stream = ChaCha8Rng::from_seed(key);
        stream.set_stream(batch);
        Self(stream)
    }

    /// Returns the generator, for distributions of other crates. Their algorithms may change
    /// between versions, so each use has a test of the numbers drawn.
    pub(crate) fn generator(&mut self) -> &mut ChaCha8Rng {
        &mut self.0
    }

    /// Returns true or false, each with probability 1/2.
    pub(crate) fn coin(&mut self) -> bool {
        self.below(2) == 1
    }

    /// Returns an integer in `0..bound`: the high half of the product of a 64-bit draw and `bound`.
    /// The probability of a value exceeds 1 / bound by at most 2^-64.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// Returns a random permutation of `0..count` (Fisher and Yates).
    pub(crate) fn permutation(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for last in (1..count).rev() {
            order.swap(last, self.below(last as u64 + 1) as usize);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers come from an independent implementation of ChaCha (in Python, from RFC 8439 with
    /// 8 rounds and a 64-bit counter). The batches of a checkpoint must not change with the version
    /// of a dependency.
    #[test]
    fn the_streams_are_those_documented() {
        let order = Draws::new(1, 2, Purpose::Order, 0).permutation(12);
        assert_eq!(order, [8, 6, 2, 7, 11, 9, 3, 1, 4, 10, 5, 0]);
        let mut draws = Draws::new(1, 2, Purpose::Augmentation, 3);
        assert_eq!(
            [(); 10].map(|()| draws.below(9)),
            [1, 8, 3, 2, 8, 3, 6, 2, 2, 1]
        );
    }

    #[test]
    fn every_part_of_the_key_counts() {
        let first =
            |seed, epoch, purpose, batch| Draws::new(seed, epoch, purpose, batch).below(u64::MAX);
        let mut seen = vec![
            first(0, 0, Purpose::Order, 0),
            first(1, 0, Purpose::Order, 0),
            first(0, 1, Purpose::Order, 0),
            first(0, 0, Purpose::Augmentation, 0),
            first(0, 0, Purpose::Mixup, 0),
            first(0, 0, Purpose::Subset, 0),
            first(0, 0, Purpose::Noise, 0),
            first(0, 0, Purpose::Test, 0),
            first(0, 0, Purpose::Validation, 0),
            first(0, 0, Purpose::HeldOut, 0),
            first(0, 0, Purpose::Augmentation, 1),
        ];
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 11);
    }
}
