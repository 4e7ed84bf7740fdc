//! How often each class uses the atoms of a layer.

use std::sync::Arc;

use anyhow::Result;
use scn_data::{ImageSet, Loader, Normalization};
use scn_net::{Device, Model, Tensor};
use serde::Serialize;

use crate::ending;
use crate::model_images::BATCH;
use crate::screen::Bar;

/// Maximum number of images whose codes are counted.
const COUNTED: usize = 2000;

/// Usage of the atoms of a layer, by class.
#[derive(Debug, Serialize)]
pub(crate) struct Usage {
    /// Number of test images counted.
    pub(crate) images: usize,
    /// `shares[class][atom]`: fraction of the windows of a class's images in whose codes the atom
    /// is active; None for a class without images.
    pub(crate) shares: Vec<Option<Vec<f64>>>,
}

impl Usage {
    /// Counts over the first images of `test`, at most 2000.
    pub(crate) fn count(
        model: &Model,
        layer: usize,
        test: &ImageSet,
        normalization: Arc<Normalization>,
        device: &Device,
    ) -> Result<Self> {
        let images = Arc::new(test.first(COUNTED));
        let atoms = model.network.config().layers.get(layer);
        let atoms = atoms.map_or(0, |layer| layer.atoms);
        let mut used = vec![vec![0_u64; atoms]; test.classes()];
        let mut windows = vec![0_u64; test.classes()];
        let loader = Loader::in_order(Arc::clone(&images), normalization, BATCH)?;
        let bar = Bar::new("counting atoms", images.len());
        for batch in loader.epoch(0, 0) {
            ending::unless_stopped()?;
            let pixels = Tensor::from_batch(&batch)?;
            let codes = device.run(|| model.network.codes(pixels, layer))?;
            let per_image = codes.shape().height * codes.shape().width;
            for (index, &label) in batch.labels.iter().enumerate() {
                let class = usize::from(label);
                windows[class] += per_image as u64;
                for (atom, used) in used[class].iter_mut().enumerate() {
                    let codes = &codes.channel(atom)[index * per_image..][..per_image];
                    *used += codes.iter().filter(|&&code| code != 0.0).count() as u64;
                }
            }
            bar.advance(batch.labels.len());
        }
        let share = |(used, windows): (Vec<u64>, u64)| {
            let share = |used| used as f64 / windows as f64;
            (windows > 0).then(|| used.into_iter().map(share).collect())
        };
        Ok(Self {
            images: images.len(),
            shares: used.into_iter().zip(windows).map(share).collect(),
        })
    }

    /// Returns the mean over the classes for each atom.
    pub(crate) fn mean(&self) -> Vec<f64> {
        let classes: Vec<&Vec<f64>> = self.shares.iter().flatten().collect();
        let atoms = classes.first().map_or(0, |shares| shares.len());
        let mean = |atom: usize| {
            classes.iter().map(|shares| shares[atom]).sum::<f64>() / classes.len() as f64
        };
        (0..atoms).map(mean).collect()
    }
}

/// Returns the indices of the `count` largest values, in descending order.
pub(crate) fn largest(values: &[f64], count: usize) -> Vec<usize> {
    let mut indices: Vec<usize> = (0..values.len()).collect();
    indices.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    indices.truncate(count);
    indices
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::*;

    #[test]
    fn usage_is_ranked_and_averaged_over_the_classes_there_are() {
        let usage = Usage {
            images: 3,
            shares: vec![Some(vec![0.2, 0.4]), None, Some(vec![0.4, 0.0])],
        };
        let mean = usage.mean();
        assert_abs_diff_eq!(mean[..], [0.3, 0.2][..], epsilon = 1e-15);
        assert_eq!(largest(&[0.1, 0.5, 0.3], 2), [1, 2]);
        assert_eq!(largest(&[0.1], 2), [0]);
    }
}
