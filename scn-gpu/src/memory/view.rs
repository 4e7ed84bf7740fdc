//! Parts of buffers: read, written, copied.

#![expect(unsafe_code, reason = "copies between this machine and a device")]

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use cudarc::driver::result;
use cudarc::driver::sys::CUdeviceptr;

use crate::context::Context;
use crate::driver::failed;
use crate::element::Element;
use crate::error::{ArgumentError, GpuError};
use crate::queue::Submission;
use crate::queue::pool::Memory;
use crate::sizes::{expect_len, expect_within};

/// Neighbouring entries of a buffer, for reading.
#[derive(Debug, Clone, Copy)]
pub struct View<'a, T: Element> {
    pub(crate) pointer: CUdeviceptr,
    /// What a graph keeps that is recorded with this view.
    pub(crate) memory: Option<&'a Arc<Memory>>,
    len: usize,
    pub(crate) context: &'a Context,
    marker: PhantomData<&'a [T]>,
}

impl<'a, T: Element> View<'a, T> {
    pub(crate) fn new(
        pointer: CUdeviceptr,
        memory: Option<&'a Arc<Memory>>,
        len: usize,
        context: &'a Context,
    ) -> Self {
        Self {
            pointer,
            memory,
            len,
            context,
            marker: PhantomData,
        }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the view has no entries.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A part of this view.
    ///
    /// # Errors
    /// A range that is not within the view.
    pub fn range(self, range: Range<usize>) -> Result<Self, GpuError> {
        Ok(Self {
            pointer: self.pointer + offset::<T>(&range, self.len)?,
            len: range.len(),
            ..self
        })
    }

    /// The context that the buffer belongs to.
    pub fn context(&self) -> &Context {
        self.context
    }

    /// The first `mid` of these entries, and the rest.
    ///
    /// # Errors
    /// Fewer entries than `mid`.
    pub fn split_at(self, mid: usize) -> Result<(Self, Self), GpuError> {
        Ok((self.range(0..mid)?, self.range(mid..self.len)?))
    }

    /// Copies the entries to this machine, after waiting for all work submitted before.
    ///
    /// # Errors
    /// [`GpuError::Driver`] if a kernel failed.
    pub fn download(self) -> Result<Vec<T>, GpuError> {
        let action = "copy from the device";
        let failed = failed(action);
        let _submission = Submission::unrecorded(self.context.queue(), action)?;
        let mut values = vec![T::default(); self.len];
        self.context.queue().bind()?;
        if !values.is_empty() {
            let stream = self.context.queue().stream().cu_stream();
            // SAFETY: the entries are on the device, as many as there are values, and these are
            // left alone until the copy is done.
            unsafe { result::memcpy_dtoh_async(&mut values, self.pointer, stream) }
                .map_err(&failed)?;
        }
        // Unlike `CudaStream::synchronize` it always waits, also where an earlier error is noted.
        // SAFETY: the stream is alive.
        unsafe { result::stream::synchronize(self.context.queue().stream().cu_stream()) }
            .map_err(failed)?;
        Ok(values)
    }
}

/// Neighbouring entries of a buffer, for writing.
#[derive(Debug)]
pub struct ViewMut<'a, T: Element> {
    pub(crate) pointer: CUdeviceptr,
    /// What a graph keeps that is recorded with this view.
    pub(crate) memory: Option<&'a Arc<Memory>>,
    len: usize,
    pub(crate) context: &'a Context,
    marker: PhantomData<&'a mut [T]>,
}

impl<'a, T: Element> ViewMut<'a, T> {
    pub(crate) fn new(
        pointer: CUdeviceptr,
        memory: Option<&'a Arc<Memory>>,
        len: usize,
        context: &'a Context,
    ) -> Self {
        Self {
            pointer,
            memory,
            len,
            context,
            marker: PhantomData,
        }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the view has no entries.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A part of this view.
    ///
    /// # Errors
    /// A range that is not within the view.
    pub fn range(self, range: Range<usize>) -> Result<Self, GpuError> {
        Ok(Self {
            pointer: self.pointer + offset::<T>(&range, self.len)?,
            len: range.len(),
            ..self
        })
    }

    /// The first `mid` of these entries, and the rest. So one buffer can hold many parameters.
    ///
    /// # Errors
    /// Fewer entries than `mid`.
    pub fn split_at(self, mid: usize) -> Result<(Self, Self), GpuError> {
        offset::<T>(&(0..mid), self.len)?;
        // The two have no entry in common, as any two that are borrowed exclusively.
        let rest = Self {
            pointer: self.pointer + (mid * size_of::<T>()) as CUdeviceptr,
            len: self.len - mid,
            ..self
        };
        Ok((Self { len: mid, ..self }, rest))
    }

    /// Replaces the entries.
    ///
    /// # Errors
    /// A number of values other than the number of entries.
    pub fn write(&mut self, values: &[T]) -> Result<(), GpuError> {
        expect_len("the values for a buffer", self.len, values.len())?;
        if values.is_empty() {
            return Ok(());
        }
        let action = "copy to the device";
        let _submission = Submission::unrecorded(self.context.queue(), action)?;
        self.context.queue().bind()?;
        let stream = self.context.queue().stream().cu_stream();
        // SAFETY: there are as many entries on the device as values, and the driver has read these,
        // or copied them aside, when it returns.
        unsafe { result::memcpy_htod_async(self.pointer, values, stream) }.map_err(failed(action))
    }

    /// Makes the entries zero.
    ///
    /// # Errors
    /// [`GpuError::Driver`].
    pub fn fill_zero(&mut self) -> Result<(), GpuError> {
        if self.is_empty() {
            return Ok(());
        }
        let submission = Submission::new(self.context.queue())?;
        submission.keep(self.memory);
        self.context.queue().bind()?;
        let (bytes, stream) = (
            self.len * size_of::<T>(),
            self.context.queue().stream().cu_stream(),
        );
        // SAFETY: the entries are on the device, and all types of numbers are zero where their
        // bytes are.
        unsafe { result::memset_d8_async(self.pointer, 0, bytes, stream) }
            .map_err(failed("fill memory"))
    }

    /// Replaces the entries by those of another view of the same context.
    ///
    /// # Errors
    /// A different length or context.
    pub fn copy_from(&mut self, from: View<'_, T>) -> Result<(), GpuError> {
        expect_len("the buffer copied from", self.len, from.len)?;
        if from.context != self.context {
            return Err(ArgumentError::OtherContext {
                what: "the buffer copied from",
            }
            .into());
        }
        if self.is_empty() {
            return Ok(());
        }
        let submission = Submission::new(self.context.queue())?;
        submission.keep(self.memory.into_iter().chain(from.memory));
        self.context.queue().bind()?;
        let (bytes, stream) = (
            self.len * size_of::<T>(),
            self.context.queue().stream().cu_stream(),
        );
        // SAFETY: both are on the device, of the same length; one is borrowed exclusively, so that
        // they do not overlap.
        unsafe { result::memcpy_dtod_async(self.pointer, from.pointer, bytes, stream) }
            .map_err(failed("copy within the device"))
    }
}

fn offset<T>(range: &Range<usize>, len: usize) -> Result<CUdeviceptr, ArgumentError> {
    expect_within(range, len)?;
    Ok((range.start * size_of::<T>()) as CUdeviceptr)
}
