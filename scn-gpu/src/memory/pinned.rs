//! Page-locked host memory.

#![expect(
    unsafe_code,
    reason = "memory that the driver allocates, and copies that continue after the call"
)]

use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

use cudarc::driver::sys::{self, CUresult};
use cudarc::driver::{CudaEvent, CudaStream, DriverError, result};

use crate::context::Context;
use crate::driver::failed;
use crate::element::Element;
use crate::error::{ArgumentError, GpuError};
use crate::memory::view::{View, ViewMut};
use crate::queue::Submission;
use crate::sizes::expect_len;

/// An array in page-locked host memory, which the device copies while the host continues.
///
/// [`send`](Self::send) and [`receive`](Self::receive) only start a copy. [`values`](Self::values)
/// and [`values_mut`](Self::values_mut) wait for it, but not for work submitted later. With two
/// arrays used in turn, one can be filled or read while the device works with the other.
pub struct PinnedBuffer<T: Element> {
    /// `None` while the array is being dropped.
    pages: Option<Pages<T>>,
    context: Context,
}

impl<T: Element> PinnedBuffer<T> {
    /// Allocates an array of `len` zeros.
    ///
    /// # Errors
    /// Returns [`GpuError::Capture`] during a recording, and [`GpuError::Driver`] if the driver
    /// fails, in particular if there is not enough memory to lock.
    pub fn new(context: &Context, len: usize) -> Result<Self, GpuError> {
        let _submission = Submission::unrecorded(context.queue(), "allocate page-locked memory")?;
        context.queue().bind()?;
        Ok(Self {
            pages: Some(Pages::new(context, len).map_err(failed("allocate page-locked memory"))?),
            context: context.clone(),
        })
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.pages.as_ref().map_or(0, |pages| pages.len)
    }

    /// Whether the array has no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The context of the buffers that the array is copied to and from.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Starts a copy to a buffer, in the order of the context's work.
    ///
    /// # Errors
    /// Returns an error if lengths or contexts differ, and [`GpuError::Capture`] during a
    /// recording.
    pub fn send(&mut self, to: ViewMut<'_, T>) -> Result<(), GpuError> {
        let what = "the destination buffer";
        self.copy(what, (to.len(), to.context), |values, bytes, stream| {
            // SAFETY: the device has as many entries as there are values. These stay in place,
            // unchanged, until the event has completed.
            unsafe {
                sys::cuMemcpyHtoDAsync_v2(to.pointer, values.cast(), bytes, stream.cu_stream())
            }
        })
    }

    /// Starts a copy from a buffer, in the order of the context's work.
    ///
    /// # Errors
    /// Returns an error if lengths or contexts differ, and [`GpuError::Capture`] during a
    /// recording.
    pub fn receive(&mut self, from: View<'_, T>) -> Result<(), GpuError> {
        let what = "the source buffer";
        self.copy(what, (from.len(), from.context), |values, bytes, stream| {
            // SAFETY: the device has as many entries as there are values. These stay in place,
            // unread, until the event has completed.
            unsafe {
                sys::cuMemcpyDtoHAsync_v2(values.cast(), from.pointer, bytes, stream.cu_stream())
            }
        })
    }

    /// Waits for the latest copy, and returns the values.
    ///
    /// # Errors
    /// Returns [`GpuError::Driver`] if a kernel failed before the copy.
    pub fn values(&mut self) -> Result<&[T], GpuError> {
        self.values_mut().map(|values| &*values)
    }

    /// Waits for the latest copy, and returns the values for writing.
    ///
    /// # Errors
    /// Returns [`GpuError::Driver`] if a kernel failed before the copy.
    pub fn values_mut(&mut self) -> Result<&mut [T], GpuError> {
        self.context.queue().bind()?;
        let Some(pages) = &mut self.pages else {
            return Ok(&mut []);
        };
        pages
            .wait()
            .map_err(failed("finish a copy of page-locked memory"))?;
        // SAFETY: there are `len` initialised entries at this address. No copy is in progress, and
        // the slice borrows `self` exclusively.
        Ok(unsafe { NonNull::slice_from_raw_parts(pages.start, pages.len).as_mut() })
    }

    /// Whether the latest copy is done, so that [`values`](Self::values) would not wait.
    ///
    /// # Errors
    /// Returns [`GpuError::Driver`] if a kernel failed before the copy.
    pub fn is_done(&self) -> Result<bool, GpuError> {
        self.context.queue().bind()?;
        self.pages
            .as_ref()
            .map_or(Ok(true), Pages::is_done)
            .map_err(failed("finish a copy of page-locked memory"))
    }

    fn copy(
        &mut self,
        what: &'static str,
        (len, context): (usize, &Context),
        start: impl FnOnce(*mut T, usize, &CudaStream) -> CUresult,
    ) -> Result<(), GpuError> {
        expect_len(what, self.len(), len)?;
        if context != &self.context {
            return Err(ArgumentError::OtherContext { what }.into());
        }
        let action = "copy page-locked memory";
        let _submission = Submission::unrecorded(self.context.queue(), action)?;
        self.context.queue().bind()?;
        match &mut self.pages {
            Some(pages) if len > 0 => pages.start(start).map_err(failed(action)),
            _ => Ok(()),
        }
    }
}

impl<T: Element> Drop for PinnedBuffer<T> {
    fn drop(&mut self) {
        if let Some(pages) = self.pages.take() {
            self.context
                .queue()
                .recorder()
                .drop_when_idle(Box::new(pages));
        }
    }
}

impl<T: Element> fmt::Debug for PinnedBuffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PinnedBuffer of {} for {}",
            self.len(),
            self.context.name()
        )
    }
}

/// The memory of the array. Dropping it waits for its latest copy.
struct Pages<T> {
    /// Dangling if there are no entries.
    start: NonNull<T>,
    len: usize,
    /// Completes when the latest copy is done.
    event: CudaEvent,
    pending: Pending,
    stream: Arc<CudaStream>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pending {
    Nothing,
    /// A copy whose end the event marks.
    Copy,
    /// A copy that may have started, with no event to mark its end.
    Untold,
}

// SAFETY: this value owns the memory as a `Vec` does, and waits for copies by the device before it
// accesses the memory.
unsafe impl<T: Send> Send for Pages<T> {}
// SAFETY: as above. A shared reference only allows queries to the driver, which any thread may
// make.
unsafe impl<T: Sync> Sync for Pages<T> {}

impl<T: Element> Pages<T> {
    fn new(context: &Context, len: usize) -> Result<Self, DriverError> {
        let event = context.queue().device().new_event(None)?;
        let bytes = len
            .checked_mul(size_of::<T>())
            .ok_or(DriverError(CUresult::CUDA_ERROR_OUT_OF_MEMORY))?;
        let start = if bytes == 0 {
            NonNull::dangling()
        } else {
            // SAFETY: without flags this is ordinary memory that can also be read. It is written
            // below before it is read.
            let start = unsafe { result::malloc_host(bytes, 0) }?.cast::<T>();
            NonNull::new(start).ok_or(DriverError(CUresult::CUDA_ERROR_OUT_OF_MEMORY))?
        };
        // SAFETY: there is room for `len` entries, and zero bytes are the number zero.
        unsafe { start.write_bytes(0, len) };
        Ok(Self {
            start,
            len,
            event,
            pending: Pending::Nothing,
            stream: Arc::clone(context.queue().stream()),
        })
    }

    fn start(
        &mut self,
        copy: impl FnOnce(*mut T, usize, &CudaStream) -> CUresult,
    ) -> Result<(), DriverError> {
        // Set before the call, because the copy may start even if the driver returns an error: that
        // may stem from earlier work.
        self.pending = Pending::Untold;
        let bytes = self.len * size_of::<T>();
        copy(self.start.as_ptr(), bytes, &self.stream).result()?;
        self.event.record(&self.stream)?;
        self.pending = Pending::Copy;
        Ok(())
    }
}

impl<T> Pages<T> {
    fn wait(&mut self) -> Result<(), DriverError> {
        match self.pending {
            Pending::Nothing => {}
            Pending::Copy => self.event.synchronize()?,
            Pending::Untold => self.stream.synchronize()?,
        }
        self.pending = Pending::Nothing;
        Ok(())
    }

    fn is_done(&self) -> Result<bool, DriverError> {
        match self.pending {
            Pending::Nothing => Ok(true),
            Pending::Untold => Ok(false),
            // SAFETY: the event is alive.
            Pending::Copy => match unsafe { result::event::query(self.event.cu_event()) } {
                Ok(()) => Ok(true),
                Err(DriverError(CUresult::CUDA_ERROR_NOT_READY)) => Ok(false),
                Err(error) => Err(error),
            },
        }
    }
}

impl<T> Drop for Pages<T> {
    fn drop(&mut self) {
        if self.len == 0 {
            return;
        }
        // Takes an error recorded earlier, which would make the wait return at once.
        let _ = self.stream.context().bind_to_thread();
        // A failing device may still write to the memory, so the memory stays allocated.
        if self.wait().is_ok() {
            // SAFETY: the driver allocated the memory, no copy is in progress, and the memory is
            // not used again.
            let _ = unsafe { result::free_host(self.start.as_ptr().cast()) };
        }
    }
}
