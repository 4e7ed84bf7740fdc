//! Arrays in numpy's .npy files, read by the parser of the data sets and written by the crate
//! `npyz`.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::{Result, bail};
use npyz::WriterBuilder;
use scn_data::format::npy::Numbers;

use crate::whole_file;

/// An array to write, in C order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Array {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Values,
}

/// The numbers of an array, in the type of the file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    F32(Vec<f32>),
    F64(Vec<f64>),
    U16(Vec<u16>),
}

/// Returns the shape of an array, or an error unless it has as many axes as `names`.
pub(crate) fn axes<const N: usize>(
    path: &Path,
    numbers: &Numbers<File>,
    names: [&str; N],
) -> Result<[usize; N]> {
    match numbers.shape().try_into() {
        Ok(shape) => Ok(shape),
        Err(_) => wrong_axes(path, numbers, &names),
    }
}

/// Returns the shape of a matrix. An array of one axis is a single column.
pub(crate) fn columns(
    path: &Path,
    numbers: &Numbers<File>,
    names: [&str; 2],
) -> Result<[usize; 2]> {
    match *numbers.shape() {
        [rows, columns] => Ok([rows, columns]),
        [rows] => Ok([rows, 1]),
        _ => wrong_axes(path, numbers, &names),
    }
}

/// Reads preprocessed images, and returns the numbers as `f32` and the shape N, C, H, W.
pub(crate) fn preprocessed(path: &Path) -> Result<(Vec<f32>, [usize; 4])> {
    let numbers = Numbers::open(path)?;
    let shape = axes(path, &numbers, ["N", "C", "H", "W"])?;
    if numbers.kind().is_integer() {
        bail!(
            "{}: expected preprocessed images, which are floating-point numbers, found integers",
            path.display()
        );
    }
    Ok((numbers.read()?, shape))
}

fn wrong_axes<T>(path: &Path, numbers: &Numbers<File>, names: &[&str]) -> Result<T> {
    let shape = numbers.shape();
    let more = if shape.len() > 8 { " and more" } else { "" };
    bail!(
        "{}: expected an array [{}], found shape {:?}{more}",
        path.display(),
        names.join(", "),
        &shape[..shape.len().min(8)]
    )
}

impl Array {
    /// Writes the array, whole or not at all.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        whole_file::write(path, |out| match &self.values {
            Values::F32(values) => self.write_values(out, values),
            Values::F64(values) => self.write_values(out, values),
            Values::U16(values) => self.write_values(out, values),
        })
    }

    fn write_values<T: npyz::AutoSerialize + Copy>(
        &self,
        out: &mut dyn Write,
        values: &[T],
    ) -> std::io::Result<()> {
        let shape: Vec<u64> = self.shape.iter().map(|&side| side as u64).collect();
        let mut writer = npyz::WriteOptions::new()
            .default_dtype()
            .shape(&shape)
            .writer(out)
            .begin_nd()?;
        writer.extend(values.iter().copied())?;
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use scn_data::format::npy::{Float, Kind};

    use super::*;

    fn read<T: Float>(path: &Path) -> (Kind, Vec<usize>, Vec<T>) {
        let numbers = Numbers::open(path).unwrap();
        let (kind, shape) = (numbers.kind(), numbers.shape().to_vec());
        (kind, shape, numbers.read().unwrap())
    }

    #[test]
    fn written_arrays_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        let write = |values| {
            let shape = vec![2, 3];
            Array { shape, values }.write(&path).unwrap();
        };
        let narrow = [1.5, -2.0, 3.0, 0.0, 1e-30, f32::MAX];
        write(Values::F32(narrow.to_vec()));
        assert_eq!(read(&path), (Kind::F4, vec![2, 3], narrow.to_vec()));
        let wide = [1.5, -2.0, 3.0, 0.0, 1e-300, f64::MAX];
        write(Values::F64(wide.to_vec()));
        assert_eq!(read(&path), (Kind::F8, vec![2, 3], wide.to_vec()));
    }
}
