//! Arrays in numpy's .npy files.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use npyz::{DType, NpyFile, Order, TypeChar, WriterBuilder};
use scn_net::write_atomically;

/// The numbers of an array, as they are in the file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    F32(Vec<f32>),
    F64(Vec<f64>),
    I64(Vec<i64>),
}

/// An array in C order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Array {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Values,
}

impl Array {
    /// Reads a .npy file of 4- or 8-byte floats or 8-byte integers.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let array = NpyFile::new(BufReader::new(file)).with_context(|| {
            format!(
                "{}: expected a .npy array, found another kind of file",
                path.display()
            )
        })?;
        let shape: Vec<usize> = array.shape().iter().map(|&side| side as usize).collect();
        let order = array.order();
        let DType::Plain(kind) = array.dtype() else {
            bail!(
                "{}: expected an array of numbers, found a structured array",
                path.display()
            );
        };
        let short = || {
            format!(
                "{}: expected {shape:?} numbers, found fewer",
                path.display()
            )
        };
        let values = match (kind.type_char(), kind.size_field()) {
            (TypeChar::Float, 4) => Values::F32(to_c_order(
                array.into_vec().with_context(short)?,
                &shape,
                order,
            )),
            (TypeChar::Float, 8) => Values::F64(to_c_order(
                array.into_vec().with_context(short)?,
                &shape,
                order,
            )),
            (TypeChar::Int, 8) => Values::I64(to_c_order(
                array.into_vec().with_context(short)?,
                &shape,
                order,
            )),
            _ => bail!(
                "{}: expected numbers of type f4, f8 or i8, found {kind}",
                path.display()
            ),
        };
        Ok(Self { shape, values })
    }

    /// The shape, if it has as many axes as `names`.
    pub(crate) fn axes<const N: usize>(&self, path: &Path, names: [&str; N]) -> Result<[usize; N]> {
        self.shape.as_slice().try_into().map_err(|_| {
            anyhow::anyhow!(
                "{}: expected an array [{}], found shape {:?}",
                path.display(),
                names.join(", "),
                self.shape
            )
        })
    }

    /// The numbers as `f32`.
    pub(crate) fn into_f32(self, path: &Path) -> Result<Vec<f32>> {
        match self.values {
            Values::F32(values) => Ok(values),
            Values::F64(values) => Ok(values.into_iter().map(|value| value as f32).collect()),
            Values::I64(_) => bail!(
                "{}: expected floating point numbers, found integers",
                path.display()
            ),
        }
    }

    /// Writes the array, whole or not at all.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        write_atomically(path, |out| match &self.values {
            Values::F32(values) => self.write_values(out, values),
            Values::F64(values) => self.write_values(out, values),
            Values::I64(values) => self.write_values(out, values),
        })?;
        Ok(())
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

/// Reorders a Fortran-order array.
fn to_c_order<T: Copy>(values: Vec<T>, shape: &[usize], order: Order) -> Vec<T> {
    if order == Order::C || shape.len() < 2 || values.is_empty() {
        return values;
    }
    let mut strides = vec![1; shape.len()];
    for axis in 1..shape.len() {
        strides[axis] = strides[axis - 1] * shape[axis - 1];
    }
    let mut index = vec![0; shape.len()];
    (0..values.len())
        .map(|_| {
            let value = values[index
                .iter()
                .zip(&strides)
                .map(|(i, s)| i * s)
                .sum::<usize>()];
            for axis in (0..shape.len()).rev() {
                index[axis] += 1;
                if index[axis] < shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
            value
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_arrays_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        for values in [
            Values::F32(vec![1.5, -2.0, 3.0, 0.0, 1e-30, f32::MAX]),
            Values::F64(vec![1.5, -2.0, 3.0, 0.0, 1e-300, f64::MAX]),
            Values::I64(vec![1, -2, 3, 0, i64::MAX, i64::MIN]),
        ] {
            let array = Array {
                shape: vec![2, 3],
                values,
            };
            array.write(&path).unwrap();
            assert_eq!(Array::read(&path).unwrap(), array);
        }
    }

    #[test]
    fn fortran_order_is_turned() {
        assert_eq!(
            to_c_order(vec![1, 4, 2, 5, 3, 6], &[2, 3], Order::Fortran),
            [1, 2, 3, 4, 5, 6]
        );
        let c: Vec<usize> = (0..24).collect();
        let fortran: Vec<usize> = (0..24)
            .map(|k| (k % 2) * 12 + (k / 2 % 3) * 4 + k / 6)
            .map(|at| c[at])
            .collect();
        assert_eq!(to_c_order(fortran, &[2, 3, 4], Order::Fortran), c);
    }
}
