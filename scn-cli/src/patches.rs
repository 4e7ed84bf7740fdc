//! Patches of images as columns, which are never stored as a matrix.

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use scn_data::format::npy::Float;
use scn_data::format::pictures::{PictureFile, PictureStack};
use scn_data::{PatchError, PatchGrid};
use scn_solvers::{ColumnSource, Scalar};

use crate::readable::counted;

/// Patches of images whose pixels have not been read yet.
pub(crate) struct PatchFile {
    path: PathBuf,
    pictures: PictureFile,
    grid: PatchGrid,
    remove_means: bool,
    columns: usize,
}

impl PatchFile {
    pub(crate) fn new(
        path: &Path,
        pictures: PictureFile,
        grid: PatchGrid,
        remove_means: bool,
    ) -> Result<Self> {
        let (count, each) = (pictures.axes().pictures(), grid.patches());
        let too_many = PatchError::TooMany {
            pictures: count,
            each,
        };
        Ok(Self {
            path: path.to_owned(),
            columns: count.checked_mul(each).ok_or(too_many)?,
            pictures,
            grid,
            remove_means,
        })
    }

    pub(crate) fn pictures(&self) -> &PictureFile {
        &self.pictures
    }

    /// Returns the number of entries of a patch, and the number of patches.
    pub(crate) fn shape(&self) -> [usize; 2] {
        [self.grid.entries(), self.columns]
    }

    /// Checks that the atoms of a dictionary have as many entries as a patch.
    pub(crate) fn expect_entries(
        &self,
        rows: usize,
        dictionary: &Path,
        atoms: usize,
    ) -> Result<()> {
        let ([channels, ..], entries) = (self.pictures.axes().shape(), self.grid.entries());
        if entries != rows {
            bail!(
                "{}: expected patches of {rows} entries, to match {} of {rows} x {atoms}, found {entries} with {}",
                self.path.display(),
                dictionary.display(),
                counted(channels as u64, "channel")
            );
        }
        Ok(())
    }

    /// Whether `f32` cannot represent the pixels exactly.
    pub(crate) fn needs_f64(&self) -> bool {
        self.pictures.kind().is_some_and(|kind| kind.needs_f64())
    }

    /// Reads the pixels.
    pub(crate) fn read<T: Float>(self) -> Result<Patches<T>> {
        Ok(Patches {
            path: self.path,
            pictures: self.pictures.read()?,
            grid: self.grid,
            remove_means: self.remove_means,
            columns: self.columns,
        })
    }
}

/// Patches of images in memory, image by image.
pub(crate) struct Patches<T> {
    path: PathBuf,
    pictures: PictureStack<T>,
    grid: PatchGrid,
    remove_means: bool,
    columns: usize,
}

impl<T: Scalar + Float> Patches<T> {
    /// Returns the file of the images.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn pictures(&self) -> &PictureStack<T> {
        &self.pictures
    }

    /// Returns the grid of the patches of each image.
    pub(crate) fn grid(&self) -> &PatchGrid {
        &self.grid
    }

    /// Copies a patch unchanged from its image.
    fn copy(&self, patch: usize, out: &mut [T]) {
        let (picture, place) = (patch / self.grid.patches(), patch % self.grid.patches());
        self.grid.copy(self.pictures.picture(picture), place, out);
    }

    /// Returns the mean that is subtracted from a patch, or 0 if means are kept. `entries` is a
    /// buffer for one patch.
    pub(crate) fn mean(&self, patch: usize, entries: &mut [T]) -> f64 {
        if !self.remove_means {
            return 0.0;
        }
        self.copy(patch, entries);
        mean(entries)
    }

    /// Writes a patch as a signal, without its mean if means are removed.
    fn load(&self, patch: usize, out: &mut [T]) {
        self.copy(patch, out);
        if self.remove_means {
            let mean = mean(out);
            for value in out {
                *value = T::nearest(value.widened() - mean);
            }
        }
    }

    /// Writes patches consecutively.
    pub(crate) fn read(&self, columns: Range<usize>, out: &mut [T]) {
        for (patch, out) in columns.zip(out.chunks_exact_mut(self.grid.entries())) {
            self.load(patch, out);
        }
    }
}

fn mean<T: Float>(entries: &[T]) -> f64 {
    let sum: f64 = entries.iter().map(|entry| entry.widened()).sum();
    sum / entries.len() as f64
}

impl<T: Scalar + Float> ColumnSource<T> for Patches<T> {
    fn rows(&self) -> usize {
        self.grid.entries()
    }

    fn columns(&self) -> usize {
        self.columns
    }

    fn pack(&self, columns: Range<usize>, out: &mut [T], stride: usize) {
        let rows = self.grid.entries();
        if stride == 1 && columns.len() == 1 {
            return self.load(columns.start, &mut out[..rows]);
        }
        let mut patch = vec![T::ZERO; rows];
        for (k, column) in columns.enumerate() {
            self.load(column, &mut patch);
            for (row, &value) in patch.iter().enumerate() {
                out[row * stride + k] = value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use scn_data::format::npy::Kind;

    use super::*;
    use crate::patch_options::PatchSettings;

    /// Two images of 3 x 5 pixels with patches of 2 x 2, with and without their means.
    #[test]
    fn patches_are_columns_picture_by_picture() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        let mut bytes = Kind::F8.head(&[2, 3, 5], false);
        let numbers: Vec<f64> = (0..30).map(f64::from).collect();
        f64::append(&numbers, &mut bytes);
        std::fs::write(&path, bytes).unwrap();
        let settings = |remove_means: bool| -> PatchSettings {
            let json = serde_json::json!({"size": [2, 2], "stride": 2, "remove_means": remove_means, "grey": false});
            serde_json::from_value(json).unwrap()
        };
        let open = |remove_means| settings(remove_means).open(&path).unwrap();
        // Patches start in rows 0 and 1, and in columns 0, 2 and 3.
        assert_eq!(open(true).shape(), [4, 12]);
        let patches = open(false).read::<f64>().unwrap();
        let mut out = [0.0; 12];
        patches.read(5..8, &mut out);
        let first = [8.0, 9.0, 13.0, 14.0];
        assert_eq!(out[..4], first);
        assert_eq!(out[4..8], [15.0, 16.0, 20.0, 21.0]);
        assert_eq!(patches.mean(5, &mut [0.0; 4]), 0.0);
        let patches = open(true).read::<f64>().unwrap();
        patches.read(5..8, &mut out);
        assert_eq!(out[..4], [-3.0, -2.0, 2.0, 3.0]);
        assert_eq!(patches.mean(5, &mut [0.0; 4]), 11.0);
        // Check the layout for kernels, and that nothing else is written.
        let mut packed = [7.0; 16];
        patches.pack(5..8, &mut packed, 4);
        for (k, column) in out.chunks_exact(4).enumerate() {
            for (row, value) in column.iter().enumerate() {
                assert_eq!(packed[4 * row + k], *value);
            }
        }
        assert_eq!([packed[3], packed[15]], [7.0; 2]);
    }
}
