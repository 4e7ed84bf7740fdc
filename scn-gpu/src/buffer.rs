//! Numbers on a device.

#![expect(unsafe_code, reason = "copies between this machine and a device")]

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use cudarc::driver::result;
use cudarc::driver::sys::CUdeviceptr;

use crate::driver::failed;
use crate::pool::Memory;
use crate::recording::Submission;
use crate::{ArgumentError, Context, Element, GpuError};

/// Numbers on a device. Its memory is kept by the context for a later buffer of the same length.
pub struct Buffer<T: Element> {
    /// None if it is empty, or being dropped. A graph shares it.
    memory: Option<Arc<Memory>>,
    len: usize,
    context: Context,
    marker: PhantomData<T>,
}

impl<T: Element> Buffer<T> {
    pub(crate) fn unspecified(context: &Context, len: usize) -> Result<Self, GpuError> {
        let bytes = len
            .checked_mul(size_of::<T>())
            .ok_or(GpuError::OutOfMemory {
                needed: usize::MAX,
                free: context.info().memory_free.unwrap_or(0),
            })?;
        Ok(Self {
            memory: (bytes > 0)
                .then(|| Submission::new(context)?.take(bytes))
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

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where it is.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// All entries, to be read.
    pub fn view(&self) -> View<'_, T> {
        View {
            pointer: self.pointer(),
            memory: self.memory.as_ref(),
            len: self.len,
            context: &self.context,
            marker: PhantomData,
        }
    }

    /// All entries, to be written.
    pub fn view_mut(&mut self) -> ViewMut<'_, T> {
        ViewMut {
            pointer: self.pointer(),
            memory: self.memory.as_ref(),
            len: self.len,
            context: &self.context,
            marker: PhantomData,
        }
    }

    /// Some entries, to be read.
    ///
    /// # Errors
    /// A range that is not within the buffer.
    pub fn range(&self, range: Range<usize>) -> Result<View<'_, T>, GpuError> {
        self.view().range(range)
    }

    /// Some entries, to be written.
    ///
    /// # Errors
    /// A range that is not within the buffer.
    pub fn range_mut(&mut self, range: Range<usize>) -> Result<ViewMut<'_, T>, GpuError> {
        self.view_mut().range(range)
    }

    /// Replaces all entries.
    ///
    /// # Errors
    /// Another number of values than entries.
    pub fn write(&mut self, values: &[T]) -> Result<(), GpuError> {
        self.view_mut().write(values)
    }

    /// Brings all entries here: waits for all work that was asked for before.
    ///
    /// # Errors
    /// A kernel that failed.
    pub fn download(&self) -> Result<Vec<T>, GpuError> {
        self.view().download()
    }

    /// Makes all entries zero.
    ///
    /// # Errors
    /// The driver's.
    pub fn fill_zero(&mut self) -> Result<(), GpuError> {
        self.view_mut().fill_zero()
    }

    /// Replaces all entries by those of another buffer of the same context.
    ///
    /// # Errors
    /// Another length or context.
    pub fn copy_from(&mut self, from: View<'_, T>) -> Result<(), GpuError> {
        self.view_mut().copy_from(from)
    }

    /// Another buffer with the same entries.
    ///
    /// # Errors
    /// [`GpuError::OutOfMemory`].
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
            self.context.recorder().release(memory);
        }
    }
}

impl<T: Element> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer of {} on {}", self.len, self.context.name())
    }
}

/// Entries of a buffer, to be read.
#[derive(Debug, Clone, Copy)]
pub struct View<'a, T: Element> {
    pub(crate) pointer: CUdeviceptr,
    /// What a graph keeps that is recorded with this view.
    pub(crate) memory: Option<&'a Arc<Memory>>,
    len: usize,
    pub(crate) context: &'a Context,
    marker: PhantomData<&'a [T]>,
}

impl<T: Element> View<'_, T> {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Some of these entries.
    ///
    /// # Errors
    /// A range that is not within them.
    pub fn range(self, range: Range<usize>) -> Result<Self, GpuError> {
        Ok(Self {
            pointer: self.pointer + offset::<T>(&range, self.len)?,
            len: range.len(),
            ..self
        })
    }

    /// Where they are.
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

    /// Brings the entries here: waits for all work that was asked for before.
    ///
    /// # Errors
    /// A kernel that failed.
    pub fn download(self) -> Result<Vec<T>, GpuError> {
        let action = "copy from the device";
        let failed = failed(action);
        let _submission = Submission::unrecorded(self.context, action)?;
        let mut values = vec![T::default(); self.len];
        bind(self.context)?;
        if !values.is_empty() {
            let stream = self.context.stream().cu_stream();
            // SAFETY: the entries are on the device, as many as there are values, and these are left alone until the copy is done.
            unsafe { result::memcpy_dtoh_async(&mut values, self.pointer, stream) }
                .map_err(&failed)?;
        }
        // Unlike `CudaStream::synchronize` it always waits, also where an earlier error is noted.
        // SAFETY: the stream is alive.
        unsafe { result::stream::synchronize(self.context.stream().cu_stream()) }
            .map_err(failed)?;
        Ok(values)
    }
}

/// Entries of a buffer, to be written.
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
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Some of these entries.
    ///
    /// # Errors
    /// A range that is not within them.
    pub fn range(self, range: Range<usize>) -> Result<Self, GpuError> {
        Ok(Self {
            pointer: self.pointer + offset::<T>(&range, self.len)?,
            len: range.len(),
            ..self
        })
    }

    /// The first `mid` of these entries, and the rest. So one buffer can be many parameters.
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
    /// Another number of values than entries.
    pub fn write(&mut self, values: &[T]) -> Result<(), GpuError> {
        expect_len("the values for a buffer", self.len, values.len())?;
        if values.is_empty() {
            return Ok(());
        }
        let action = "copy to the device";
        let _submission = Submission::unrecorded(self.context, action)?;
        bind(self.context)?;
        let stream = self.context.stream().cu_stream();
        // SAFETY: there are as many entries on the device as values, and the driver has read these, or copied them aside, when it returns.
        unsafe { result::memcpy_htod_async(self.pointer, values, stream) }.map_err(failed(action))
    }

    /// Makes the entries zero.
    ///
    /// # Errors
    /// The driver's.
    pub fn fill_zero(&mut self) -> Result<(), GpuError> {
        if self.is_empty() {
            return Ok(());
        }
        let submission = Submission::new(self.context)?;
        submission.keep(self.memory);
        bind(self.context)?;
        let (bytes, stream) = (self.len * size_of::<T>(), self.context.stream().cu_stream());
        // SAFETY: the entries are on the device, and all types of numbers are zero where their bytes are.
        unsafe { result::memset_d8_async(self.pointer, 0, bytes, stream) }
            .map_err(failed("fill memory"))
    }

    /// Replaces the entries by others of the same context.
    ///
    /// # Errors
    /// Another length or context.
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
        let submission = Submission::new(self.context)?;
        submission.keep(self.memory.into_iter().chain(from.memory));
        bind(self.context)?;
        let (bytes, stream) = (self.len * size_of::<T>(), self.context.stream().cu_stream());
        // SAFETY: both are on the device, of the same length; one is borrowed exclusively, so that they do not overlap.
        unsafe { result::memcpy_dtod_async(self.pointer, from.pointer, bytes, stream) }
            .map_err(failed("copy within the device"))
    }
}

/// `Ok` if a buffer has as many entries as it must have.
pub(crate) fn expect_len(
    what: &'static str,
    expected: usize,
    found: usize,
) -> Result<(), ArgumentError> {
    if found == expected {
        Ok(())
    } else {
        Err(ArgumentError::Length {
            what,
            expected,
            found,
        })
    }
}

/// `Ok` if a range lies within so many entries.
pub(crate) fn expect_within(range: &Range<usize>, len: usize) -> Result<(), ArgumentError> {
    let &Range { start, end } = range;
    if start <= end && end <= len {
        Ok(())
    } else {
        Err(ArgumentError::Range { start, end, len })
    }
}

fn offset<T>(range: &Range<usize>, len: usize) -> Result<CUdeviceptr, ArgumentError> {
    expect_within(range, len)?;
    Ok((range.start * size_of::<T>()) as CUdeviceptr)
}

/// Makes the device that of this thread.
pub(crate) fn bind(context: &Context) -> Result<(), GpuError> {
    context
        .device()
        .bind_to_thread()
        .map_err(failed("work on the device"))
}
