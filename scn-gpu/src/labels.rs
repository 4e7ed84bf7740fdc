//! Labels of batches, checked against the number of classes before kernels use them.

use crate::context::Context;
use crate::error::{ArgumentError, GpuError};
use crate::memory::buffer::Buffer;
use crate::memory::staged::StagedBuffer;
use crate::memory::view::View;
use crate::sizes::expect_len;

/// The labels of a batch on a device. All are below the number of classes, because kernels use them
/// as indices.
#[derive(Debug)]
pub struct Labels {
    labels: Buffer<i32>,
    classes: usize,
}

impl Labels {
    /// Uploads one label per image.
    ///
    /// # Errors
    /// Returns [`ArgumentError::Label`] if a label is not a class.
    pub fn upload(context: &Context, labels: &[u16], classes: usize) -> Result<Self, GpuError> {
        expect_labels(labels, classes)?;
        let labels: Vec<i32> = labels.iter().map(|&label| i32::from(label)).collect();
        Ok(Self {
            labels: context.upload(&labels)?,
            classes,
        })
    }

    /// Returns a view of the labels.
    pub fn view(&self) -> LabelsView<'_> {
        LabelsView::new(self.labels.view(), self.classes)
    }
}

/// The labels of batches of a fixed size, at a fixed address: a graph reads the current ones when
/// it runs. All are 0 until they are [set](Self::set).
#[derive(Debug)]
pub struct StagedLabels {
    labels: StagedBuffer<i32>,
    classes: usize,
}

impl StagedLabels {
    /// Allocates `images` labels below `classes`.
    ///
    /// # Errors
    /// Returns [`ArgumentError::Label`] if there are no classes, and [`GpuError::OutOfMemory`] if
    /// device memory is exhausted.
    pub fn new(context: &Context, images: usize, classes: usize) -> Result<Self, GpuError> {
        expect_labels(&[0], classes)?;
        Ok(Self {
            labels: StagedBuffer::new(context, images)?,
            classes,
        })
    }

    /// Replaces the labels. Work submitted earlier still uses the old ones.
    ///
    /// # Errors
    /// Returns an error if there is not one label per image, or if a label is not a class. The
    /// labels are then unchanged.
    pub fn set(&mut self, labels: &[u16]) -> Result<(), GpuError> {
        expect_len("the labels of a batch", self.labels.len(), labels.len())?;
        expect_labels(labels, self.classes)?;
        self.labels.refill(|places| {
            for (place, &label) in places.iter_mut().zip(labels) {
                *place = i32::from(label);
            }
        })
    }

    /// Returns a view of the labels.
    pub fn view(&self) -> LabelsView<'_> {
        LabelsView::new(self.labels.view(), self.classes)
    }
}

/// A view of the labels of a batch in [`Labels`], [`StagedLabels`] or [`Picks`](crate::Picks).
#[derive(Debug, Clone, Copy)]
pub struct LabelsView<'a> {
    labels: View<'a, i32>,
    classes: usize,
}

impl<'a> LabelsView<'a> {
    /// Creates a view of labels that are known to be below the number of classes.
    pub(crate) fn new(labels: View<'a, i32>, classes: usize) -> Self {
        Self { labels, classes }
    }

    /// Returns the labels in the form that kernels take.
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

    /// Number of classes. All labels are below it.
    pub fn classes(&self) -> usize {
        self.classes
    }
}

/// Checks that all labels are below the number of classes.
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
