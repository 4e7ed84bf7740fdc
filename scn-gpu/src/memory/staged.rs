//! Buffers that the host refills repeatedly.

use crate::context::Context;
use crate::element::Element;
use crate::error::GpuError;
use crate::memory::buffer::Buffer;
use crate::memory::pinned::PinnedBuffer;
use crate::memory::view::View;

/// A buffer at a fixed address, which the host refills while the device works. Values are sent from
/// two page-locked arrays in turn, so a refill waits only for the copy of the refill before the
/// last.
#[derive(Debug)]
pub struct StagedBuffer<T: Element> {
    buffer: Buffer<T>,
    pieces: [PinnedBuffer<T>; 2],
    turn: usize,
}

impl<T: Element> StagedBuffer<T> {
    /// Allocates a buffer of `len` zeros.
    ///
    /// # Errors
    /// Returns [`GpuError::OutOfMemory`] if device memory is exhausted, and [`GpuError::Driver`] if
    /// the driver fails, in particular if there is not enough memory to lock.
    pub fn new(context: &Context, len: usize) -> Result<Self, GpuError> {
        Ok(Self {
            buffer: context.zeros(len)?,
            pieces: [
                PinnedBuffer::new(context, len)?,
                PinnedBuffer::new(context, len)?,
            ],
            turn: 0,
        })
    }

    /// Lets `fill` write the new values, and sends them. Work submitted earlier still uses the old
    /// values.
    ///
    /// `fill` receives the values of the refill before the last, or zeros.
    ///
    /// # Errors
    /// Returns an error if an earlier kernel failed, and [`GpuError::Capture`] during a recording.
    pub fn refill(&mut self, fill: impl FnOnce(&mut [T])) -> Result<(), GpuError> {
        let piece = &mut self.pieces[self.turn];
        fill(piece.values_mut()?);
        piece.send(self.buffer.view_mut())?;
        self.turn = 1 - self.turn;
        Ok(())
    }

    /// Returns the values on the device, for reading.
    pub fn view(&self) -> View<'_, T> {
        self.buffer.view()
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether the buffer has no entries.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The context that the buffer belongs to.
    pub fn context(&self) -> &Context {
        self.buffer.context()
    }
}
