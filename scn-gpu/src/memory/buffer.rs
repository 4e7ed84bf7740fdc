//! Arrays on a device.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use cudarc::driver::sys::CUdeviceptr;

use crate::context::Context;
use crate::element::Element;
use crate::error::GpuError;
use crate::memory::view::{View, ViewMut};
use crate::queue::Submission;
use crate::queue::pool::Memory;

impl Context {
    /// Allocates a buffer of `len` entries with unspecified values, to be written before they are
    /// read.
    ///
    /// # Errors
    /// Returns [`GpuError::OutOfMemory`] if device memory is exhausted.
    pub fn unspecified<T: Element>(&self, len: usize) -> Result<Buffer<T>, GpuError> {
        Buffer::unspecified(self, len)
    }

    /// Allocates a buffer of `len` zeros.
    ///
    /// # Errors
    /// Returns [`GpuError::OutOfMemory`] if device memory is exhausted.
    pub fn zeros<T: Element>(&self, len: usize) -> Result<Buffer<T>, GpuError> {
        let mut buffer = self.unspecified(len)?;
        buffer.fill_zero()?;
        Ok(buffer)
    }

    /// Allocates a buffer and copies these values to it.
    ///
    /// # Errors
    /// Returns [`GpuError::OutOfMemory`] if device memory is exhausted.
    pub fn upload<T: Element>(&self, values: &[T]) -> Result<Buffer<T>, GpuError> {
        let mut buffer = self.unspecified(values.len())?;
        buffer.write(values)?;
        Ok(buffer)
    }
}

/// An array on a device. When it is dropped, the context keeps its memory for a later buffer of the
/// same size.
pub struct Buffer<T: Element> {
    /// `None` if the buffer is empty or being dropped. A graph may share it.
    memory: Option<Arc<Memory>>,
    len: usize,
    context: Context,
    marker: PhantomData<T>,
}

impl<T: Element> Buffer<T> {
    fn unspecified(context: &Context, len: usize) -> Result<Self, GpuError> {
        let bytes = len
            .checked_mul(size_of::<T>())
            .ok_or(GpuError::OutOfMemory {
                needed: usize::MAX,
                free: context.info().memory_free.unwrap_or(0),
            })?;
        Ok(Self {
            memory: (bytes > 0)
                .then(|| Submission::new(context.queue())?.take(bytes))
                .transpose()?,
            len,
            context: context.clone(),
            marker: PhantomData,
        })
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the buffer has no entries.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The context that the buffer belongs to.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Returns all entries, for reading.
    pub fn view(&self) -> View<'_, T> {
        View::new(
            self.pointer(),
            self.memory.as_ref(),
            self.len,
            &self.context,
        )
    }

    /// Returns all entries, for writing.
    pub fn view_mut(&mut self) -> ViewMut<'_, T> {
        ViewMut::new(
            self.pointer(),
            self.memory.as_ref(),
            self.len,
            &self.context,
        )
    }

    /// Returns the entries in a range, for reading.
    ///
    /// # Errors
    /// Returns an error if the range is not within the buffer.
    pub fn range(&self, range: Range<usize>) -> Result<View<'_, T>, GpuError> {
        self.view().range(range)
    }

    /// Returns the entries in a range, for writing.
    ///
    /// # Errors
    /// Returns an error if the range is not within the buffer.
    pub fn range_mut(&mut self, range: Range<usize>) -> Result<ViewMut<'_, T>, GpuError> {
        self.view_mut().range(range)
    }

    /// Replaces all entries.
    ///
    /// # Errors
    /// Returns an error if the number of values is not the number of entries.
    pub fn write(&mut self, values: &[T]) -> Result<(), GpuError> {
        self.view_mut().write(values)
    }

    /// Waits for all work submitted earlier, and copies all entries to the host.
    ///
    /// # Errors
    /// Returns [`GpuError::Driver`] if a kernel failed.
    pub fn download(&self) -> Result<Vec<T>, GpuError> {
        self.view().download()
    }

    /// Sets all entries to zero.
    ///
    /// # Errors
    /// Returns [`GpuError::Driver`] if the driver fails.
    pub fn fill_zero(&mut self) -> Result<(), GpuError> {
        self.view_mut().fill_zero()
    }

    /// Replaces all entries with those of another buffer of the same context.
    ///
    /// # Errors
    /// Returns an error if lengths or contexts differ.
    pub fn copy_from(&mut self, from: View<'_, T>) -> Result<(), GpuError> {
        self.view_mut().copy_from(from)
    }

    /// Allocates a buffer with the same entries.
    ///
    /// # Errors
    /// Returns [`GpuError::OutOfMemory`] if device memory is exhausted.
    pub fn duplicate(&self) -> Result<Self, GpuError> {
        let mut copy = self.context.unspecified(self.len)?;
        copy.copy_from(self.view())?;
        Ok(copy)
    }

    fn pointer(&self) -> CUdeviceptr {
        self.memory.as_ref().map_or(0, |memory| memory.address())
    }
}

impl<T: Element> Drop for Buffer<T> {
    fn drop(&mut self) {
        if let Some(memory) = self.memory.take() {
            self.context.queue().recorder().release(memory);
        }
    }
}

impl<T: Element> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer of {} on {}", self.len, self.context.name())
    }
}
