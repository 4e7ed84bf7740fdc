//! Random numbers that depend only on their purpose, so a saved state contains none.
//!
//! Each use has its own stream, ChaCha with 8 rounds, keyed by 32 bytes: the seed and the epoch,
//! little-endian, eight bytes each, the purpose in ASCII, and zeros. Integers are drawn here and
//! not by `rand`, whose algorithms may change between versions.

use faer::Mat;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::tile::Scalar;

/// The purpose of random numbers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// The order of the signals in an epoch.
    Order,
    /// The signals that become the initial atoms.
    Samples,
    /// Random atoms.
    Atoms,
}

fn stream(seed: u64, epoch: u64, purpose: Purpose) -> ChaCha8Rng {
    let purpose = match purpose {
        Purpose::Order => *b"order\0\0\0",
        Purpose::Samples => *b"samples\0",
        Purpose::Atoms => *b"atoms\0\0\0",
    };
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&epoch.to_le_bytes());
    key[16..24].copy_from_slice(&purpose);
    ChaCha8Rng::from_seed(key)
}

/// Writes a random permutation of `0..count` (Fisher and Yates) into `order`.
pub(super) fn permute(
    order: &mut Vec<usize>,
    count: usize,
    seed: u64,
    epoch: u64,
    purpose: Purpose,
) {
    let mut stream = stream(seed, epoch, purpose);
    order.clear();
    order.extend(0..count);
    for last in (1..count).rev() {
        // The high half of a 64-bit draw times the bound is below the bound.
        let bound = last as u128 + 1;
        order.swap(
            last,
            ((u128::from(stream.next_u64()) * bound) >> 64) as usize,
        );
    }
}

/// Draws independent standard normal numbers.
pub(super) fn normal<T: Scalar>(rows: usize, atoms: usize, seed: u64) -> Mat<T> {
    let mut stream = stream(seed, 0, Purpose::Atoms);
    Mat::from_fn(rows, atoms, |_, _| {
        let value: f64 = StandardNormal.sample(&mut stream);
        T::from_f64(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same ChaCha as in `scn-data`, whose numbers were computed independently (in Python, from
    /// RFC 8439 with 8 rounds and a 64-bit counter).
    #[test]
    fn the_order_is_that_documented() {
        let mut order = Vec::new();
        permute(&mut order, 12, 1, 2, Purpose::Order);
        assert_eq!(order, [8, 6, 2, 7, 11, 9, 3, 1, 4, 10, 5, 0]);
        let mut other = Vec::new();
        permute(&mut other, 12, 1, 2, Purpose::Samples);
        assert_ne!(order, other);
        permute(&mut other, 12, 1, 3, Purpose::Order);
        assert_ne!(order, other);
    }
}
