//! Named f32 arrays and a header in one safetensors file, written atomically, with a checksum of
//! all its contents.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use serde::Serialize;

use crate::checksum::{CHECKSUM_KEY, Checksum, written_checksum};
use crate::error::ModelFileError;

/// The metadata key of the header.
const HEADER_KEY: &str = "scn";

/// The type of all arrays, as it is called in the format.
const F32: &str = "F32";

/// An array of a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stored {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

/// The range of numbers that an array may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Range {
    Finite,
    Nonnegative,
}

/// The arrays of a file by name, and its header.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct TensorFile {
    pub(crate) header: String,
    pub(crate) tensors: BTreeMap<String, Stored>,
    /// Whether this was read from a file with a checksum, which has then been verified.
    pub(crate) has_checksum: bool,
}

/// The entry of an array in the head of a file.
#[derive(Serialize)]
struct Entry<'a> {
    dtype: &'static str,
    shape: &'a [usize],
    data_offsets: [usize; 2],
}

impl TensorFile {
    /// Adds an array.
    ///
    /// # Errors
    /// Returns an error if a number is out of range, because the file could not be read again.
    pub(crate) fn insert(
        &mut self,
        path: &Path,
        name: impl Into<String>,
        shape: &[usize],
        values: &[f32],
        range: Range,
    ) -> Result<(), ModelFileError> {
        let name = name.into();
        let stored = Stored {
            shape: shape.to_vec(),
            values: values.to_vec(),
        };
        check_values(path, &name, &stored, range)?;
        self.tensors.insert(name, stored);
        Ok(())
    }

    /// Checks that there is an array of this name and shape.
    pub(crate) fn expect(
        &self,
        path: &Path,
        name: &str,
        shape: &[usize],
    ) -> Result<(), ModelFileError> {
        let found = match self.tensors.get(name) {
            Some(stored) if stored.shape == shape => return Ok(()),
            Some(stored) => format!("shape {:?}", stored.shape),
            None => "none".to_string(),
        };
        let expected = format!("a tensor {name} of shape {shape:?}");
        Err(content(path, expected, found))
    }

    /// Takes an array out, if it has the given shape and its numbers are in range.
    pub(crate) fn take(
        &mut self,
        path: &Path,
        name: &str,
        shape: &[usize],
        range: Range,
    ) -> Result<Vec<f32>, ModelFileError> {
        self.expect(path, name, shape)?;
        let Some(stored) = self.tensors.remove(name) else {
            return Ok(Vec::new());
        };
        check_values(path, name, &stored, range)?;
        Ok(stored.values)
    }

    /// Checks that all arrays have been taken out.
    pub(crate) fn expect_empty(&self, path: &Path) -> Result<(), ModelFileError> {
        match self.tensors.keys().next() {
            None => Ok(()),
            Some(name) => Err(content(
                path,
                "only tensors of the network".to_string(),
                format!("a tensor {name}"),
            )),
        }
    }

    /// Parses the bytes of a file.
    ///
    /// # Errors
    /// Returns an error if the bytes are not such a file, or have changed since they were written.
    pub(crate) fn parse(bytes: &[u8], path: &Path) -> Result<Self, ModelFileError> {
        let format = |error: &dyn std::fmt::Display| ModelFileError::Format {
            path: path.to_path_buf(),
            reason: error.to_string(),
        };
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| format(&error))?;
        let file = SafeTensors::deserialize(bytes).map_err(|error| format(&error))?;
        let entries = metadata.metadata().as_ref();
        let header = entries.and_then(|map| map.get(HEADER_KEY));
        let header = header.cloned().ok_or_else(|| {
            content(
                path,
                format!("a metadata entry {HEADER_KEY} with the network's configuration"),
                "none".to_string(),
            )
        })?;
        let views: BTreeMap<_, _> = file.iter().collect();
        let mut checksum = Checksum::new(&header);
        let mut tensors = BTreeMap::new();
        for (name, view) in views {
            if view.dtype() != Dtype::F32 {
                return Err(content(
                    path,
                    format!("tensor {name} of type {F32}"),
                    format!("{:?}", view.dtype()),
                ));
            }
            checksum.add(name, view.shape(), view.data());
            let (numbers, _) = view.data().as_chunks::<4>();
            let values = numbers
                .iter()
                .map(|&bytes| f32::from_le_bytes(bytes))
                .collect();
            tensors.insert(
                name.to_string(),
                Stored {
                    shape: view.shape().to_vec(),
                    values,
                },
            );
        }
        let written = entries.and_then(written_checksum);
        if let Some(written) = &written {
            let found = checksum.text();
            if *written != found {
                return Err(ModelFileError::Damaged {
                    path: path.to_path_buf(),
                    expected: written.clone(),
                    found,
                });
            }
        }
        Ok(Self {
            header,
            tensors,
            has_checksum: written.is_some(),
        })
    }

    /// Returns the bytes before the arrays: the length of the JSON, then the JSON. The crate
    /// `safetensors` would write the two metadata entries in arbitrary order, but equal models have
    /// to give equal bytes.
    fn head(&self, checksum: &str) -> serde_json::Result<Vec<u8>> {
        let metadata =
            BTreeMap::from([(HEADER_KEY, self.header.as_str()), (CHECKSUM_KEY, checksum)]);
        let mut json = format!(r#"{{"__metadata__":{}"#, serde_json::to_string(&metadata)?);
        let mut start = 0;
        for (name, Stored { shape, values }) in &self.tensors {
            let end = start + size_of_val(values.as_slice());
            let entry = Entry {
                dtype: F32,
                shape,
                data_offsets: [start, end],
            };
            start = end;
            let (name, entry) = (serde_json::to_string(name)?, serde_json::to_string(&entry)?);
            json.push_str(&format!(",{name}:{entry}"));
        }
        json.push('}');
        // Align the arrays.
        while json.len() % 8 != 0 {
            json.push(' ');
        }
        let mut head = (json.len() as u64).to_le_bytes().to_vec();
        head.extend(json.into_bytes());
        Ok(head)
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), ModelFileError> {
        let bytes: Vec<Vec<u8>> = self
            .tensors
            .values()
            .map(|stored| stored.values.iter().flat_map(|v| v.to_le_bytes()).collect())
            .collect();
        let mut checksum = Checksum::new(&self.header);
        for ((name, stored), bytes) in self.tensors.iter().zip(&bytes) {
            checksum.add(name, &stored.shape, bytes);
        }
        let head = self
            .head(&checksum.text())
            .map_err(|error| ModelFileError::io(path, "write", error.into()))?;
        write(path, |out| {
            out.write_all(&head)?;
            bytes.iter().try_for_each(|bytes| out.write_all(bytes))
        })
    }
}

/// Writes a file atomically.
pub(crate) fn write(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<(), ModelFileError> {
    scn_data::write_whole(path, fill).map_err(|source| ModelFileError::io(path, "write", source))
}

/// Checks that all numbers are in range. The error names the first that is not.
fn check_values(
    path: &Path,
    name: &str,
    stored: &Stored,
    range: Range,
) -> Result<(), ModelFileError> {
    let (allowed, what): (fn(f32) -> bool, _) = match range {
        Range::Finite => (f32::is_finite, "finite numbers"),
        Range::Nonnegative => (
            |value| value.is_finite() && value >= 0.0,
            "finite non-negative numbers",
        ),
    };
    let Some(at) = stored.values.iter().position(|&value| !allowed(value)) else {
        return Ok(());
    };
    let expected = format!("{what} in tensor {name}");
    let found = format!(
        "{} at {:?}",
        stored.values[at],
        indices_of(at, &stored.shape)
    );
    Err(content(path, expected, found))
}

/// Returns the indices of entry `at` of an array.
fn indices_of(at: usize, shape: &[usize]) -> Vec<usize> {
    let mut rest = at;
    let mut indices: Vec<usize> = Vec::with_capacity(shape.len());
    for &side in shape.iter().rev() {
        indices.push(rest % side.max(1));
        rest /= side.max(1);
    }
    indices.reverse();
    indices
}

pub(crate) fn content(path: &Path, expected: String, found: String) -> ModelFileError {
    ModelFileError::Content {
        path: path.to_path_buf(),
        expected,
        found,
    }
}
