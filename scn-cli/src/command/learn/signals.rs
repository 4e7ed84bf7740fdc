//! The signals to learn from, and those to measure on.

use std::fs::File;
use std::path::Path;

use anyhow::{Result, bail};
use faer::Mat;
use scn_data::format::npy::{Float, Numbers};
use scn_data::{bytes_of, check_memory};
use scn_solvers::Scalar;

/// Signals, one after the other in memory.
pub(super) struct Signals<T> {
    /// m × P, without those held out.
    pub(super) learned: Mat<T>,
    /// Spread evenly over the file.
    pub(super) held_out: Option<Mat<T>>,
    /// Of the values of all, so that a state goes on with those it has begun with.
    pub(super) checksum: u32,
}

impl<T: Scalar + Float> Signals<T> {
    /// Reads a file, of which `held_out` signals are set apart.
    pub(super) fn read(
        path: &Path,
        numbers: Numbers<File>,
        [rows, columns]: [usize; 2],
        held_out: usize,
    ) -> Result<Self> {
        if rows == 0 || columns == 0 {
            bail!(
                "{}: expected signals [m, P], found shape [{rows}, {columns}]",
                path.display()
            );
        }
        let values = values(path, numbers, [rows, columns])?;
        let held = held_out_columns(columns, held_out);
        let mut apart = vec![false; columns];
        held.iter().for_each(|&column| apart[column] = true);
        let learned: Vec<usize> = (0..columns).filter(|&column| !apart[column]).collect();
        let of = |chosen: &[usize]| {
            Mat::from_fn(rows, chosen.len(), |i, k| values[i * columns + chosen[k]])
        };
        Ok(Self {
            learned: of(&learned),
            held_out: (held_out > 0).then(|| of(&held)),
            checksum: values.iter().fold(0, |sum, value| {
                crc32c::crc32c_append(sum, &value.to_f64().to_le_bytes())
            }),
        })
    }
}

/// Signals that are held out: one of each of `held_out` runs of neighbours, at a place in it that looks random. A file may repeat
/// itself, so that every so-manieth signal would be of one kind.
fn held_out_columns(columns: usize, held_out: usize) -> Vec<usize> {
    let first = |run: usize| (run as u128 * columns as u128 / held_out as u128) as usize;
    let choose =
        |run: usize| first(run) + (mixed(run as u64) as usize) % (first(run + 1) - first(run));
    (0..held_out).map(choose).collect()
}

/// A number that looks random: a step of SplitMix64 (Steele, Lea, Flood, 2014).
fn mixed(number: u64) -> u64 {
    let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A matrix of finite numbers in a file.
pub(super) fn matrix<T: Scalar + Float>(
    path: &Path,
    numbers: Numbers<File>,
    shape: [usize; 2],
) -> Result<Mat<T>> {
    let [rows, columns] = shape;
    let values = values::<T>(path, numbers, shape)?;
    Ok(Mat::from_fn(rows, columns, |i, j| values[i * columns + j]))
}

/// Finite numbers, row by row.
fn values<T: Scalar + Float>(
    path: &Path,
    numbers: Numbers<File>,
    [rows, columns]: [usize; 2],
) -> Result<Vec<T>> {
    let values = numbers.read::<T>()?;
    if let Some(at) = values.iter().position(|value| !value.finite()) {
        bail!(
            "{}: expected finite numbers, found {} at [{}, {}]",
            path.display(),
            values[at],
            at / columns,
            at % columns
        );
    }
    let room = format!("the matrix of {}", path.display());
    check_memory(&room, bytes_of::<T>(&[rows, columns]))?;
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_out_signals_are_as_many_as_asked_for_and_spread_evenly() {
        for (columns, held_out) in [(10, 0), (10, 3), (10, 9), (1000, 100), (7, 7)] {
            let chosen = held_out_columns(columns, held_out);
            assert_eq!(chosen.len(), held_out);
            assert!(
                chosen.windows(2).all(|pair| pair[0] < pair[1])
                    && chosen.iter().all(|&k| k < columns)
            );
            let width = columns.div_ceil(held_out.max(1));
            let gaps = chosen.windows(2).map(|pair| pair[1] - pair[0]);
            assert!(gaps.max().is_none_or(|gap| gap < 2 * width), "{chosen:?}");
        }
        // Of a file in which signals of ten kinds alternate, about as many of each kind: 100, give or take three times 9.5.
        let chosen = held_out_columns(10_000, 1000);
        for kind in 0..10 {
            let count = chosen.iter().filter(|&k| k % 10 == kind).count();
            assert!((70..130).contains(&count), "{kind}: {count}");
        }
        // The first number of SplitMix64 with the seed 0.
        assert_eq!(mixed(0), 0xe220_a839_7b1d_cdaf);
    }
}
