//! Sparse columns in an archive that `scn solve --sparse` or `scipy.sparse.save_npz` wrote.

use std::fs::File;
use std::io::{Error, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use scn_data::format::npy::{Float, Numbers, is_archive};
use scn_data::open_regular;
use zip::ZipArchive;

/// Upper bound on the size of the array with the name of the format, in bytes.
const FORMAT_BYTES: u64 = 1 << 12;

/// A sparse matrix by columns (csc) that is read a few columns at a time.
pub(crate) struct SparseColumns {
    path: PathBuf,
    /// Start of each column in `numbers`, and end of the last column.
    starts: Numbers<File>,
    /// Row of each number.
    places: Numbers<File>,
    numbers: Numbers<File>,
    count: usize,
    rows: usize,
    columns: usize,
}

impl SparseColumns {
    /// Opens the matrix in a file, or returns None if the file is not an archive of a sparse
    /// matrix.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>> {
        let Some(format) =
            format(path).with_context(|| format!("cannot read {}", path.display()))?
        else {
            return Ok(None);
        };
        if format != *b"csc" {
            bail!(
                "{}: expected codes by columns (csc), as scn solve --sparse writes them, found {}",
                path.display(),
                String::from_utf8_lossy(&format)
            );
        }
        let member = |name| Numbers::open_member(path, name);
        let (starts, places) = (member("indptr")?, member("indices")?);
        let (numbers, mut shape) = (member("data")?, member("shape")?);
        let damaged = || damaged(path);
        let ([2], [ends], [count], [numbers_count]) = (
            shape.shape(),
            starts.shape(),
            places.shape(),
            numbers.shape(),
        ) else {
            return Err(damaged());
        };
        let (ends, count) = (*ends, *count);
        let mut sides = [0.0; 2];
        if *numbers_count != count {
            return Err(damaged());
        }
        shape.read_at(0, &mut sides)?;
        // The number of columns is checked here. The caller checks the rows, because it knows the
        // number of atoms.
        let [rows, columns] = sides.map(|side: f64| side as usize);
        if Some(ends) != columns.checked_add(1) {
            return Err(damaged());
        }
        Ok(Some(Self {
            path: path.to_owned(),
            starts,
            places,
            numbers,
            count,
            rows,
            columns,
        }))
    }

    /// Returns the path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether `f32` cannot represent the numbers exactly.
    pub(crate) fn needs_f64(&self) -> bool {
        self.numbers.kind().needs_f64()
    }

    /// Returns the length of a column.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the number of columns.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Reads columns consecutively, zeros included.
    pub(crate) fn read<T: Float>(&mut self, columns: Range<usize>, out: &mut [T]) -> Result<()> {
        out.fill(T::default());
        let mut starts = vec![0.0; columns.len() + 1];
        self.starts.read_at(columns.start, &mut starts)?;
        let starts: Vec<usize> = starts.iter().map(|&start: &f64| start as usize).collect();
        let (first, last) = (starts[0], starts[columns.len()]);
        if !starts.is_sorted() || last > self.count {
            return Err(damaged(&self.path));
        }
        // Repeated entries add up, but more entries than the columns have places are refused.
        if last - first > out.len() {
            return Err(damaged(&self.path));
        }
        let mut places = vec![0.0_f64; last - first];
        let mut numbers = vec![T::default(); last - first];
        self.places.read_at(first, &mut places)?;
        self.numbers.read_at(first, &mut numbers)?;
        for (k, column) in out.chunks_exact_mut(self.rows.max(1)).enumerate() {
            for at in starts[k] - first..starts[k + 1] - first {
                let (row, number) = (places[at], numbers[at]);
                if !number.is_finite() {
                    bail!(
                        "{}: expected finite numbers, found {} at [{row}, {}]",
                        self.path.display(),
                        number.widened(),
                        columns.start + k
                    );
                }
                match column.get_mut(row as usize) {
                    Some(entry) if row >= 0.0 => {
                        *entry = T::nearest(entry.widened() + number.widened());
                    }
                    _ => return Err(damaged(&self.path)),
                }
            }
        }
        Ok(())
    }
}

/// Returns the name of the format of a sparse matrix, or None if the file is not a sparse matrix.
fn format(path: &Path) -> std::io::Result<Option<[u8; 3]>> {
    let mut file = open_regular(path)?;
    if !is_archive(&mut file)? {
        return Ok(None);
    }
    let mut archive = ZipArchive::new(file).map_err(Error::other)?;
    if archive.index_for_name("indptr.npy").is_none() {
        return Ok(None);
    }
    let entry = archive.by_name("format.npy").map_err(Error::other)?;
    let mut array = Vec::new();
    entry.take(FORMAT_BYTES).read_to_end(&mut array)?;
    Ok(array.last_chunk().copied())
}

fn damaged(path: &Path) -> anyhow::Error {
    anyhow::Error::msg(format!(
        "{}: expected a sparse matrix as scipy.sparse.save_npz writes it, found arrays that contradict each other",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use scn_data::format::npy::Kind;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// A matrix of 3 x 4: entries 5 at (2, 0), 6 and 7 at (0, 2) and (1, 2), 8 at (1, 3).
    struct Parts {
        format: &'static [u8],
        starts: Vec<f32>,
        places: Vec<f32>,
        numbers: Vec<f32>,
        shape: Vec<f32>,
    }

    fn parts() -> Parts {
        Parts {
            format: b"csc",
            starts: vec![0.0, 1.0, 1.0, 3.0, 4.0],
            places: vec![2.0, 0.0, 1.0, 1.0],
            numbers: vec![5.0, 6.0, 7.0, 8.0],
            shape: vec![3.0, 4.0],
        }
    }

    fn write(path: &Path, parts: &Parts) {
        let mut archive = ZipWriter::new(File::create(path).unwrap());
        let arrays = [
            ("indptr", &parts.starts),
            ("indices", &parts.places),
            ("data", &parts.numbers),
            ("shape", &parts.shape),
        ];
        for (name, numbers) in arrays {
            let mut bytes = Kind::F4.head(&[numbers.len()], false);
            f32::append(numbers, &mut bytes);
            archive
                .start_file(format!("{name}.npy"), SimpleFileOptions::default())
                .unwrap();
            archive.write_all(&bytes).unwrap();
        }
        archive
            .start_file("format.npy", SimpleFileOptions::default())
            .unwrap();
        archive.write_all(parts.format).unwrap();
        archive.finish().unwrap();
    }

    #[test]
    fn columns_are_read_in_any_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        write(&path, &parts());
        let mut matrix = SparseColumns::open(&path).unwrap().unwrap();
        assert_eq!((matrix.rows(), matrix.columns()), (3, 4));
        let mut out = [9.0_f32; 6];
        matrix.read(2..4, &mut out).unwrap();
        assert_eq!(out, [6.0, 7.0, 0.0, 0.0, 8.0, 0.0]);
        matrix.read(0..2, &mut out).unwrap();
        assert_eq!(out, [0.0, 0.0, 5.0, 0.0, 0.0, 0.0]);
        std::fs::write(&path, "PK").unwrap();
        assert!(SparseColumns::open(&path).unwrap().is_none());
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let refused = |change: fn(&mut Parts), says: &str| {
            let mut parts = parts();
            change(&mut parts);
            write(&path, &parts);
            let read = SparseColumns::open(&path).and_then(|matrix| {
                let mut matrix = matrix.unwrap();
                let mut out = vec![0.0_f32; matrix.rows * matrix.columns];
                matrix.read(0..matrix.columns, &mut out)
            });
            let error = read.unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        };
        refused(|parts| parts.format = b"csr", "found csr");
        let contradict = "arrays that contradict each other";
        refused(|parts| parts.starts[1] = 2.0, contradict);
        refused(|parts| parts.starts[4] = 5.0, contradict);
        refused(
            |parts| parts.starts.truncate(parts.starts.len() - 1),
            contradict,
        );
        refused(|parts| parts.places[1] = 3.0, contradict);
        refused(|parts| parts.places[1] = -1.0, contradict);
        refused(
            |parts| parts.places.truncate(parts.places.len() - 1),
            contradict,
        );
        refused(|parts| parts.shape[1] = f32::MAX, contradict);
        refused(
            |parts| parts.shape.truncate(parts.shape.len() - 1),
            contradict,
        );
        refused(|parts| parts.numbers[2] = f32::NAN, "found NaN at [1, 2]");
    }
}
