//! Matrices in files, read block by block.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::numbers::{Float, Kind, Numbers, decode};
use crate::error::{DataError, FileError};
use crate::format::unreadable;

/// Number of rows that are transposed together: a cache line of `f32`.
const STRIP: usize = 16;

/// Number of bytes read at a time: few enough to stay in the nearest caches until they are decoded.
const PIECE: usize = 1 << 16;

/// A matrix in a file, of which a few columns at a time are in memory.
///
/// If each column is contiguous, as in Fortran order, the numbers are read directly. Otherwise they
/// are transposed, a few rows at a time.
#[derive(Debug)]
pub struct ColumnFile<T> {
    values: File,
    file: PathBuf,
    kind: Kind,
    big_endian: bool,
    start: u64,
    rows: usize,
    columns: usize,
    in_one_piece: bool,
    /// Whether the axes in the file are columns and rows.
    turned: bool,
    bytes: Vec<u8>,
    strip: Vec<T>,
}

impl Numbers<File> {
    /// Returns the array as a matrix, whose rows are the first axis or, if `turned`, the last.
    ///
    /// An array with one axis is a single column.
    ///
    /// # Errors
    /// Returns [`FileError::Array`] if the array has no axes, or more than two.
    pub fn into_columns<T: Float>(self, turned: bool) -> Result<ColumnFile<T>, DataError> {
        let (rows, columns) = match (&*self.shape, turned) {
            (&[rows], _) => (rows, 1),
            (&[rows, columns], false) | (&[columns, rows], true) => (rows, columns),
            (shape, _) => {
                let axes = &shape[..shape.len().min(8)];
                return Err(DataError::File(FileError::Array {
                    found: format!("an array of shape {axes:?}"),
                    file: self.file,
                    expected: "a matrix",
                }));
            }
        };
        Ok(ColumnFile {
            in_one_piece: self.shape.len() == 1 || self.fortran_order != turned,
            turned: turned && self.shape.len() == 2,
            values: self.values,
            file: self.file,
            kind: self.kind,
            big_endian: self.big_endian,
            start: self.start,
            rows,
            columns,
            bytes: Vec::new(),
            strip: Vec::new(),
        })
    }
}

impl<T: Float> ColumnFile<T> {
    /// Returns the length of a column.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Whether each column is contiguous in the file.
    pub fn in_one_piece(&self) -> bool {
        self.in_one_piece
    }

    /// Returns the path of the file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Reads columns into `out`, one after the other. The length of `out` must be that of all of
    /// them.
    ///
    /// # Errors
    /// Returns [`FileError::Unreadable`] if the file cannot be read or has become shorter, and
    /// [`FileError::NotFinite`] if a number is not finite.
    pub fn read(&mut self, columns: Range<usize>, out: &mut [T]) -> Result<(), DataError> {
        if out.is_empty() {
            return Ok(());
        }
        if self.in_one_piece {
            self.read_piece(columns.start * self.rows, out)?;
        } else {
            self.read_strips(columns.clone(), out)?;
        }
        // Without short-circuiting, so that this takes only a few vector operations.
        if out
            .iter()
            .fold(true, |all, number| all & number.is_finite())
        {
            return Ok(());
        }
        let finite = out.iter().take_while(|number| number.is_finite());
        let place = finite.count();
        let (row, column) = (place % self.rows, columns.start + place / self.rows);
        Err(DataError::File(FileError::NotFinite {
            file: self.file.clone(),
            at: if self.turned {
                [column, row]
            } else {
                [row, column]
            },
            found: out[place].widened(),
        }))
    }

    /// Reads and transposes rows, a few at a time.
    fn read_strips(&mut self, columns: Range<usize>, out: &mut [T]) -> Result<(), DataError> {
        let count = columns.len();
        let mut strip = std::mem::take(&mut self.strip);
        strip.resize(STRIP * count, T::default());
        for first in (0..self.rows).step_by(STRIP) {
            let height = STRIP.min(self.rows - first);
            for (row, numbers) in strip.chunks_exact_mut(count).take(height).enumerate() {
                self.read_piece((first + row) * self.columns + columns.start, numbers)?;
            }
            for (column, out) in out.chunks_exact_mut(self.rows).enumerate() {
                for (row, number) in out[first..first + height].iter_mut().enumerate() {
                    *number = strip[row * count + column];
                }
            }
        }
        self.strip = strip;
        Ok(())
    }

    /// Reads consecutive numbers of the file, starting at index `first`.
    fn read_piece(&mut self, first: usize, out: &mut [T]) -> Result<(), DataError> {
        let size = self.kind.size();
        let place = self.start + first as u64 * size as u64;
        self.values
            .seek(SeekFrom::Start(place))
            .map_err(unreadable(&self.file))?;
        for numbers in out.chunks_mut(PIECE / size) {
            self.bytes.resize(numbers.len() * size, 0);
            self.values
                .read_exact(&mut self.bytes)
                .map_err(unreadable(&self.file))?;
            decode(self.kind, self.big_endian, &self.bytes, numbers);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: usize = 37;
    const COLUMNS: usize = 53;

    /// Writes a matrix with entries `100 i + j` in the given order and kind.
    fn write(path: &Path, kind: Kind, shape: [usize; 2], fortran_order: bool) {
        let mut bytes = kind.head(&shape, fortran_order);
        let places = (0..shape[0] * shape[1]).map(|at| match fortran_order {
            true => (at % shape[0], at / shape[0]),
            false => (at / shape[1], at % shape[1]),
        });
        for (i, j) in places {
            let value = (100 * i + j) as u16;
            match kind {
                Kind::F4 => f32::append(&[f32::from(value)], &mut bytes),
                Kind::F8 => f64::append(&[f64::from(value)], &mut bytes),
                _ => bytes.extend(value.to_le_bytes()),
            }
        }
        std::fs::write(path, bytes).unwrap();
    }

    /// Blocks of any size hold the numbers of the file, whatever its kind and order.
    #[test]
    fn blocks_are_what_is_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        for kind in [Kind::F4, Kind::F8, Kind::U2] {
            for (fortran_order, turned) in
                [(false, false), (false, true), (true, false), (true, true)]
            {
                let shape = match turned {
                    true => [COLUMNS, ROWS],
                    false => [ROWS, COLUMNS],
                };
                write(&path, kind, shape, fortran_order);
                let numbers = Numbers::open(&path).unwrap();
                let mut file = numbers.into_columns::<f64>(turned).unwrap();
                assert_eq!((file.rows(), file.columns()), (ROWS, COLUMNS));
                assert_eq!(file.in_one_piece(), fortran_order != turned);
                for block in [0..1, 5..5, 7..50, 0..COLUMNS, 52..53] {
                    let mut found = vec![f64::NAN; ROWS * block.len()];
                    file.read(block.clone(), &mut found).unwrap();
                    let expected = block.flat_map(|column| {
                        (0..ROWS).map(move |row| match turned {
                            true => 100 * column + row,
                            false => 100 * row + column,
                        })
                    });
                    let expected: Vec<f64> = expected.map(|value| value as f64).collect();
                    assert_eq!(found, expected);
                }
            }
        }
    }

    #[test]
    fn what_is_not_finite_is_found_where_it_is_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        for (fortran_order, turned) in [(false, false), (false, true), (true, false), (true, true)]
        {
            let mut numbers = vec![0.0_f32; ROWS * COLUMNS];
            let (i, j) = (29, 31);
            let at = match fortran_order {
                true => i + j * ROWS,
                false => i * COLUMNS + j,
            };
            numbers[at] = f32::NEG_INFINITY;
            let mut bytes = Kind::F4.head(&[ROWS, COLUMNS], fortran_order);
            f32::append(&numbers, &mut bytes);
            std::fs::write(&path, bytes).unwrap();
            let file = Numbers::open(&path).unwrap();
            let mut file = file.into_columns::<f32>(turned).unwrap();
            let (rows, columns) = (file.rows(), file.columns());
            let mut out = vec![0.0; rows * columns];
            file.read(0..20, &mut out[..20 * rows]).unwrap();
            let error = file.read(20..columns, &mut out[20 * rows..]).unwrap_err();
            assert!(error.to_string().contains("found -inf at [29, 31]"));
        }
    }

    /// An array with one axis is one column in either orientation. An array with more than two axes
    /// is not a matrix.
    #[test]
    fn one_axis_is_one_column() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        for turned in [false, true] {
            let mut bytes = Kind::F4.head(&[3], false);
            f32::append(&[1.0, 2.0, 3.0], &mut bytes);
            std::fs::write(&path, bytes).unwrap();
            let file = Numbers::open(&path).unwrap();
            let mut file = file.into_columns::<f32>(turned).unwrap();
            let mut out = [0.0; 3];
            file.read(0..1, &mut out).unwrap();
            assert_eq!((file.rows(), file.columns(), out), (3, 1, [1.0, 2.0, 3.0]));
            std::fs::write(&path, Kind::F4.head(&[0, 1, 1], false)).unwrap();
            let refused = Numbers::open(&path).unwrap().into_columns::<f32>(turned);
            let says = refused.unwrap_err().to_string();
            assert!(says.contains("must hold a matrix, but holds an array of shape [0, 1, 1]"));
        }
    }

    /// An array is read from an archive, compressed or not.
    #[test]
    fn an_archive_of_one_array_is_read() {
        use std::io::Write;
        use zip::write::SimpleFileOptions;
        use zip::{CompressionMethod, ZipWriter};

        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        write(&at("x.npy"), Kind::F4, [ROWS, COLUMNS], false);
        let array = std::fs::read(at("x.npy")).unwrap();
        let archive = |names: &[&str], method| {
            let mut archive = ZipWriter::new(File::create(at("x.npz")).unwrap());
            for name in names {
                let options = SimpleFileOptions::default().compression_method(method);
                archive.start_file(*name, options).unwrap();
                archive.write_all(&array).unwrap();
            }
            archive.finish().unwrap();
            Numbers::open(&at("x.npz"))
        };
        for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
            let whole = archive(&["arr_0.npy"], method).unwrap();
            let expected = Numbers::open(&at("x.npy")).unwrap().read::<f32>().unwrap();
            assert_eq!(whole.read::<f32>().unwrap(), expected);
            let numbers = archive(&["arr_0.npy"], method).unwrap();
            let mut file = numbers.into_columns::<f32>(false).unwrap();
            let mut out = vec![0.0; ROWS];
            file.read(COLUMNS - 1..COLUMNS, &mut out).unwrap();
            assert_eq!(out[ROWS - 1], (100 * (ROWS - 1) + COLUMNS - 1) as f32);
        }
        let two = archive(&["a.npy", "b.npy"], CompressionMethod::Stored);
        assert!(two.unwrap_err().to_string().contains("one array"));
    }
}
