//! Labels of batches, checked against the number of classes before kernels see them.

use crate::context::Context;
use crate::error::{ArgumentError, GpuError};
use crate::memory::buffer::Buffer;
use crate::memory::staged::StagedBuffer;
use crate::memory::view::View;
use crate::sizes::expect_len;

/// Labels of a batch on a device, all below the number of classes, since kernels use them as
/// indices.
#[derive(Debug)]
pub struct Labels {
    labels: Buffer<i32>,
    classes: usize,
}

impl Labels {
    /// Uploads one label per image.
    ///
    /// # Errors
    /// A label that is no class.
    pub fn upload(context: &Context, labels: &[u16], classes: usize) -> Result<Self, GpuError> {
        expect_labels(labels, classes)?;
        let labels: Vec<i32> = labels.iter().map(|&label| i32::from(label)).collect();
        Ok(Self {
            labels: context.upload(&labels)?,
            classes,
        })
    }

    /// The labels, for reading.
    pub fn view(&self) -> LabelsView<'_> {
        LabelsView::new(self.labels.view(), self.classes)
    }
}

/// Labels of batches of one size at a fixed address: a graph reads those that are there when it
/// runs. All are 0 until they are [set](Self::set).
#[derive(Debug)]
pub struct StagedLabels {
    labels: StagedBuffer<i32>,
    classes: usize,
}

impl StagedLabels {
    /// Room for `images` labels below `classes`.
    ///
    /// # Errors
    /// [`ArgumentError::Label`] without a class; [`GpuError::OutOfMemory`].
    pub fn new(context: &Context, images: usize, classes: usize) -> Result<Self, GpuError> {
        expect_labels(&[0], classes)?;
        Ok(Self {
            labels: StagedBuffer::new(context, images)?,
            classes,
        })
    }

    /// Replaces the labels. Work submitted before still sees the old ones.
    ///
    /// # Errors
    /// Another number of labels, or one that is no class. The labels are unchanged then.
    pub fn set(&mut self, labels: &[u16]) -> Result<(), GpuError> {
        expect_len("the labels of a batch", self.labels.len(), labels.len())?;
        expect_labels(labels, self.classes)?;
        self.labels.refill(|places| {
            for (place, &label) in places.iter_mut().zip(labels) {
                *place = i32::from(label);
            }
        })
    }

    /// The labels, for reading.
    pub fn view(&self) -> LabelsView<'_> {
        LabelsView::new(self.labels.view(), self.classes)
    }
}

/// Labels of a batch on a device, wherever they are kept: in [`Labels`], in [`StagedLabels`] or in
/// [`Picks`](crate::Picks).
#[derive(Debug, Clone, Copy)]
pub struct LabelsView<'a> {
    labels: View<'a, i32>,
    classes: usize,
}

impl<'a> LabelsView<'a> {
    /// Labels that are known to be below the number of classes.
    pub(crate) fn new(labels: View<'a, i32>, classes: usize) -> Self {
        Self { labels, classes }
    }

    /// The labels as kernels take them.
    pub(crate) fn places(&self) -> View<'a, i32> {
        self.labels
    }

    /// Number of labels.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no labels.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Number of classes; all labels are below it.
    pub fn classes(&self) -> usize {
        self.classes
    }
}

/// `Ok` if all labels are below the number of classes.
pub(crate) fn expect_labels(labels: &[u16], classes: usize) -> Result<(), ArgumentError> {
    let is_wrong = |&label: &u16| usize::from(label) >= classes;
    match labels.iter().position(is_wrong) {
        Some(image) => Err(ArgumentError::Label {
            classes,
            image,
            found: usize::from(labels[image]),
        }),
        None => Ok(()),
    }
}
