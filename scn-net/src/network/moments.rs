//! The moments of batch normalisation, from batches that do not train.

use super::{Named, Network};
use crate::NetError;
use crate::ops::batch_norm::GroupMoments;
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
            check_moments(&moments)?;
            for (Named { layer, .. }, moments) in self.layers.iter_mut().zip(moments) {
                layer.record(&moments);
            }
            return Ok(());
        }
        let mut x = images;
        for Named { layer, .. } in &mut self.layers {
            let (y, saved, _) = layer.forward(x, groups)?;
            saved
                .moments()
                .into_iter()
                .for_each(|moments| layer.record(moments));
            x = y;
        }
        Ok(())
    }
}

/// `Ok` if the moments of all layers are finite: a device reports nothing else of such a pass.
fn check_moments(layers: &[Vec<GroupMoments>]) -> Result<(), NetError> {
    let finite = |group: &GroupMoments| {
        let mut both = group.moments.mean.iter().chain(&group.moments.variance);
        both.all(|moment| moment.is_finite())
    };
    if layers.iter().flatten().all(finite) {
        return Ok(());
    }
    Err(NetError::Overflow {
        image: None,
        what: "the moments of a batch normalisation".to_string(),
    })
}
