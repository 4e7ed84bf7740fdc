//! The moments of batch normalisation, from batches that do not train.

use super::finite::check_moments;
use super::{Named, Network};
use crate::NetError;
use crate::tensor::Tensor;

impl Network {
    /// Replaces the moments that inference uses by those of the given batches, with the weights as they are.
    ///
    /// # Errors
    /// Images of another shape than the network takes, or with pixels or activations that are not finite.
    pub fn estimate_moments(
        &mut self,
        batches: impl IntoIterator<Item = Tensor>,
    ) -> Result<(), NetError> {
        self.fetch()?;
        self.layers
            .iter_mut()
            .for_each(|named| named.layer.collect_moments());
        let done = batches
            .into_iter()
            .try_for_each(|images| self.take_moments(images));
        self.layers
            .iter_mut()
            .for_each(|named| named.layer.finish_moments());
        done?;
        self.upload()
    }

    /// A forward pass in training for the moments alone.
    fn take_moments(&mut self, images: Tensor) -> Result<(), NetError> {
        self.check_input(&images)?;
        let groups = self.groups(images.shape().images);
        if let Some(replica) = &mut self.replica {
            let moments = replica.batch_moments(&images, groups)?;
            for (Named { name, layer }, moments) in self.layers.iter_mut().zip(moments) {
                check_moments(name, &moments)?;
                layer.record(&moments);
            }
            return Ok(());
        }
        let mut x = images;
        for Named { name, layer } in &mut self.layers {
            let (y, saved, _) = layer.forward(x, groups)?;
            check_moments(name, saved.moments().unwrap_or_default())?;
            saved
                .moments()
                .into_iter()
                .for_each(|moments| layer.record(moments));
            x = y;
        }
        Ok(())
    }
}
