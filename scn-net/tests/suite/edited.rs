//! Files as others might write them: parsed, changed, and serialised without a checksum.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize};
use serde_json::Value;

/// The contents of a file.
#[derive(Clone)]
pub(crate) struct Edited {
    pub(crate) header: Value,
    pub(crate) tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl Edited {
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
        let header = &metadata.metadata().as_ref().unwrap()["scn"];
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let tensors = file.iter().map(|(name, view)| {
            let (numbers, _) = view.data().as_chunks::<4>();
            let values = numbers.iter().map(|&four| f32::from_le_bytes(four));
            (name.to_string(), (view.shape().to_vec(), values.collect()))
        });
        Self {
            header: serde_json::from_str(header).unwrap(),
            tensors: tensors.collect(),
        }
    }

    /// Reads the kept checkpoint, which was written after an epoch and a batch.
    pub(crate) fn kept() -> Self {
        Self::read(&kept())
    }

    pub(crate) fn values(&mut self, name: &str) -> &mut Vec<f32> {
        &mut self.tensors.get_mut(name).unwrap().1
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let data: BTreeMap<&str, Vec<u8>> = self
            .tensors
            .iter()
            .map(|(name, (_, values))| {
                let bytes = values.iter().flat_map(|value| value.to_le_bytes());
                (name.as_str(), bytes.collect())
            })
            .collect();
        let views = self.tensors.iter().map(|(name, (shape, _))| {
            let view = TensorView::new(Dtype::F32, shape.clone(), &data[name.as_str()]);
            (name, view.unwrap())
        });
        let metadata = HashMap::from([("scn".to_string(), self.header.to_string())]);
        serialize(views, Some(metadata)).unwrap()
    }
}

/// Returns the path of the kept checkpoint.
pub(crate) fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kept/checkpoint.safetensors")
}
