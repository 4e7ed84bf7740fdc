//! The target labels of a batch.

use scn_data::{Batch, Mixture};

use crate::error::NetError;

/// The target labels of the images of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Targets<'a> {
    pub(crate) labels: &'a [u16],
    pub(crate) mixture: Option<&'a Mixture>,
    /// The fraction of each label that is spread over all classes, at least 0 and below 1.
    pub(crate) smoothing: f32,
}

impl<'a> Targets<'a> {
    /// Returns targets that are the labels themselves.
    pub(crate) fn of_labels(labels: &'a [u16]) -> Self {
        Self {
            labels,
            mixture: None,
            smoothing: 0.0,
        }
    }

    /// Returns the labels of a batch, mixed like its images.
    pub(crate) fn of_batch(batch: &'a Batch) -> Self {
        Self {
            mixture: batch.mixture.as_ref(),
            ..Self::of_labels(&batch.labels)
        }
    }

    /// Returns the same targets with this smoothing.
    pub(crate) fn smoothed(self, smoothing: f32) -> Self {
        Self { smoothing, ..self }
    }

    /// Checks that each of `images` images has a label, and a label of its partner if images are
    /// mixed.
    pub(crate) fn expect_images(&self, images: usize) -> Result<(), NetError> {
        for labels in self.all_labels() {
            if labels.len() != images {
                let found = labels.len();
                return Err(NetError::LabelCount { images, found });
            }
        }
        Ok(())
    }

    /// Checks that all labels are below `classes`.
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

    /// Returns the label of an image and that of its partner, with their weights, before smoothing.
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
