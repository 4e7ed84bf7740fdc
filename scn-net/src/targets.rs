//! What a network is to say of the images of a batch.

use scn_data::{Batch, Mixture};

use crate::error::NetError;

/// What the network is to say of the images of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Targets<'a> {
    pub(crate) labels: &'a [u16],
    pub(crate) mixture: Option<&'a Mixture>,
    /// The share that all classes have in each label, at least 0 and below 1.
    pub(crate) smoothing: f32,
}

impl<'a> Targets<'a> {
    /// The labels themselves.
    pub(crate) fn of_labels(labels: &'a [u16]) -> Self {
        Self {
            labels,
            mixture: None,
            smoothing: 0.0,
        }
    }

    /// The labels of a batch, mixed as its images are.
    pub(crate) fn of_batch(batch: &'a Batch) -> Self {
        Self {
            mixture: batch.mixture.as_ref(),
            ..Self::of_labels(&batch.labels)
        }
    }

    /// The same, smoothed.
    pub(crate) fn smoothed(self, smoothing: f32) -> Self {
        Self { smoothing, ..self }
    }

    /// `Ok` for a label, and one of the partner where there are partners, for each of so many
    /// images.
    pub(crate) fn expect_images(&self, images: usize) -> Result<(), NetError> {
        for labels in self.all_labels() {
            if labels.len() != images {
                let found = labels.len();
                return Err(NetError::LabelCount { images, found });
            }
        }
        Ok(())
    }

    /// `Ok` for labels of so many classes.
    pub(crate) fn expect_classes(&self, classes: usize) -> Result<(), NetError> {
        let mut labels = self.all_labels().flatten();
        match labels.find(|&&label| usize::from(label) >= classes) {
            Some(&found) => Err(NetError::LabelRange { classes, found }),
            None => Ok(()),
        }
    }

    fn all_labels(&self) -> impl Iterator<Item = &'a [u16]> {
        let partners = self.mixture.map(|mixture| mixture.labels.as_slice());
        std::iter::once(self.labels).chain(partners)
    }

    /// The label of an image with its share, and that of its partner, before smoothing.
    pub(crate) fn shares(&self, image: usize) -> [(usize, f64); 2] {
        let own = usize::from(self.labels[image]);
        match self.mixture {
            Some(mixture) => {
                let share = f64::from(mixture.share);
                let partner = usize::from(mixture.labels[image]);
                [(own, 1.0 - share), (partner, share)]
            }
            None => [(own, 1.0), (own, 0.0)],
        }
    }
}
