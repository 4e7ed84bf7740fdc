//! Views of parts of buffers.

#![expect(unsafe_code, reason = "copies between the host and a device")]

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

/// Consecutive entries of a buffer, for reading.
#[derive(Debug, Clone, Copy)]
pub struct View<'a, T: Element> {
    pub(crate) pointer: CUdeviceptr,
    /// The memory that a graph with this view must keep.
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

    /// Returns a part of this view.
    ///
    /// # Errors
    /// Returns an error if the range is not within the view.
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

    /// Returns the first `mid` entries, and the rest.
    ///
    /// # Errors
    /// Returns an error if there are fewer than `mid` entries.
    pub fn split_at(self, mid: usize) -> Result<(Self, Self), GpuError> {
        Ok((self.range(0..mid)?, self.range(mid..self.len)?))
    }

    /// Waits for all work submitted earlier, and copies the entries to the host.
    ///
    /// # Errors
    /// Returns [`GpuError::Driver`] if a kernel failed.
    pub fn download(self) -> Result<Vec<T>, GpuError> {
        let action = "copy from the device";
        let failed = failed(action);
        let _submission = Submission::unrecorded(self.context.queue(), action)?;
        let mut values = vec![T::default(); self.len];
        self.context.queue().bind()?;
        if !values.is_empty() {
            let stream = self.context.queue().stream().cu_stream();
            // SAFETY: the device has as many entries as there are values, which are not accessed
            // until the copy is done.
            unsafe { result::memcpy_dtoh_async(&mut values, self.pointer, stream) }
                .map_err(&failed)?;
        }
        // Unlike `CudaStream::synchronize`, this waits even if an earlier error has been recorded.
        // SAFETY: the stream is alive.
        unsafe { result::stream::synchronize(self.context.queue().stream().cu_stream()) }
            .map_err(failed)?;
        Ok(values)
    }
}

/// Consecutive entries of a buffer, for writing.
#[derive(Debug)]
pub struct ViewMut<'a, T: Element> {
    pub(crate) pointer: CUdeviceptr,
    /// The memory that a graph with this view must keep.
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

    /// Returns a part of this view.
    ///
    /// # Errors
    /// Returns an error if the range is not within the view.
    pub fn range(self, range: Range<usize>) -> Result<Self, GpuError> {
        Ok(Self {
            pointer: self.pointer + offset::<T>(&range, self.len)?,
            len: range.len(),
            ..self
        })
    }

    /// Returns the first `mid` entries, and the rest. This lets one buffer hold many parameters.
    ///
    /// # Errors
    /// Returns an error if there are fewer than `mid` entries.
    pub fn split_at(self, mid: usize) -> Result<(Self, Self), GpuError> {
        offset::<T>(&(0..mid), self.len)?;
        // The two views are disjoint, as exclusive borrows must be.
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
    /// Returns an error if the number of values is not the number of entries.
    pub fn write(&mut self, values: &[T]) -> Result<(), GpuError> {
        expect_len("the values for a buffer", self.len, values.len())?;
        if values.is_empty() {
            return Ok(());
        }
        let action = "copy to the device";
        let _submission = Submission::unrecorded(self.context.queue(), action)?;
        self.context.queue().bind()?;
        let stream = self.context.queue().stream().cu_stream();
        // SAFETY: the device has as many entries as there are values, and the driver has read or
        // copied the values when it returns.
        unsafe { result::memcpy_htod_async(self.pointer, values, stream) }.map_err(failed(action))
    }

    /// Sets the entries to zero.
    ///
    /// # Errors
    /// Returns [`GpuError::Driver`] if the driver fails.
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
        // SAFETY: the entries are on the device, and zero bytes are the number zero in all types of
        // numbers.
        unsafe { result::memset_d8_async(self.pointer, 0, bytes, stream) }
            .map_err(failed("fill memory"))
    }

    /// Replaces the entries with those of another view of the same context.
    ///
    /// # Errors
    /// Returns an error if lengths or contexts differ.
    pub fn copy_from(&mut self, from: View<'_, T>) -> Result<(), GpuError> {
        expect_len("the source buffer", self.len, from.len)?;
        if from.context != self.context {
            return Err(ArgumentError::OtherContext {
                what: "the source buffer",
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
        // SAFETY: both views are on the device and have the same length. One is borrowed
        // exclusively, so they do not overlap.
        unsafe { result::memcpy_dtod_async(self.pointer, from.pointer, bytes, stream) }
            .map_err(failed("copy within the device"))
    }
}

fn offset<T>(range: &Range<usize>, len: usize) -> Result<CUdeviceptr, ArgumentError> {
    expect_within(range, len)?;
    Ok((range.start * size_of::<T>()) as CUdeviceptr)
}
