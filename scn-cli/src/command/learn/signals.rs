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
    /// Every so-manieth.
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
        let apart = |column: usize| is_held_out(column, columns, held_out);
        let (held, learned): (Vec<usize>, Vec<usize>) = (0..columns).partition(|&k| apart(k));
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

/// Whether a signal is one of those held out, which are spread evenly.
fn is_held_out(column: usize, columns: usize, held_out: usize) -> bool {
    let before = |column: usize| column as u128 * held_out as u128 / columns as u128;
    before(column + 1) > before(column)
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
    use super::is_held_out;

    #[test]
    fn held_out_signals_are_as_many_as_asked_for_and_spread_evenly() {
        for (columns, held_out) in [(10, 0), (10, 3), (10, 9), (1000, 100), (7, 7)] {
            let chosen = (0..columns).filter(|&k| is_held_out(k, columns, held_out));
            let chosen: Vec<usize> = chosen.collect();
            assert_eq!(chosen.len(), held_out);
            let gaps = chosen.windows(2).map(|pair| pair[1] - pair[0]);
            let most = columns.div_ceil(held_out.max(1));
            assert!(gaps.max().is_none_or(|gap| gap <= most), "{chosen:?}");
        }
    }
}
