//! Named f32 arrays and a header in one safetensors file, written whole or not at all.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize};

use crate::{FileError, write_atomically};

/// The metadata key of the header. There is one key, and no more: the format keeps its keys in no order, and the same
/// model shall make the same bytes.
const HEADER_KEY: &str = "scn";

/// An array as it is in the file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stored {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

/// Arrays by name, and the header.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct TensorFile {
    pub(crate) header: String,
    pub(crate) tensors: BTreeMap<String, Stored>,
}

impl TensorFile {
    pub(crate) fn insert(&mut self, name: impl Into<String>, shape: &[usize], values: &[f32]) {
        self.tensors.insert(
            name.into(),
            Stored {
                shape: shape.to_vec(),
                values: values.to_vec(),
            },
        );
    }

    /// Takes an array out, if it has the given shape.
    pub(crate) fn take(
        &mut self,
        path: &Path,
        name: &str,
        shape: &[usize],
    ) -> Result<Vec<f32>, FileError> {
        let expected = format!("a tensor {name} of shape {shape:?}");
        match self.tensors.remove(name) {
            Some(stored) if stored.shape == shape => Ok(stored.values),
            Some(stored) => Err(content(path, expected, format!("shape {:?}", stored.shape))),
            None => Err(content(path, expected, "none".to_string())),
        }
    }

    /// The error of arrays that nobody has taken.
    pub(crate) fn expect_empty(&self, path: &Path) -> Result<(), FileError> {
        match self.tensors.keys().next() {
            None => Ok(()),
            Some(name) => Err(content(
                path,
                "only tensors of the network".to_string(),
                format!("a tensor {name}"),
            )),
        }
    }

    pub(crate) fn read(path: &Path) -> Result<Self, FileError> {
        let bytes =
            scn_data::read_regular(path).map_err(|source| FileError::io(path, "read", source))?;
        let format = |error: &dyn std::fmt::Display| FileError::Format {
            path: path.to_path_buf(),
            reason: error.to_string(),
        };
        let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|error| format(&error))?;
        let header = metadata
            .metadata()
            .as_ref()
            .and_then(|map| map.get(HEADER_KEY))
            .cloned()
            .ok_or_else(|| {
                content(
                    path,
                    format!("a metadata entry {HEADER_KEY} with the network's configuration"),
                    "none".to_string(),
                )
            })?;
        let file = SafeTensors::deserialize(&bytes).map_err(|error| format(&error))?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.iter() {
            if view.dtype() != Dtype::F32 {
                return Err(content(
                    path,
                    format!("tensor {name} of type F32"),
                    format!("{:?}", view.dtype()),
                ));
            }
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
        Ok(Self { header, tensors })
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), FileError> {
        let bytes: BTreeMap<&str, Vec<u8>> = self
            .tensors
            .iter()
            .map(|(name, stored)| {
                (
                    name.as_str(),
                    stored
                        .values
                        .iter()
                        .flat_map(|value| value.to_le_bytes())
                        .collect(),
                )
            })
            .collect();
        let unwritable = |error: safetensors::SafeTensorError| {
            FileError::io(path, "write", std::io::Error::other(error))
        };
        let mut views = Vec::new();
        for (name, bytes) in &bytes {
            let shape = self.tensors[*name].shape.clone();
            views.push((
                *name,
                TensorView::new(Dtype::F32, shape, bytes).map_err(unwritable)?,
            ));
        }
        let metadata = HashMap::from([(HEADER_KEY.to_string(), self.header.clone())]);
        let file = serialize(views, Some(metadata)).map_err(unwritable)?;
        write_atomically(path, |out| out.write_all(&file))
    }
}

pub(crate) fn content(path: &Path, expected: String, found: String) -> FileError {
    FileError::Content {
        path: path.to_path_buf(),
        expected,
        found,
    }
}
