//! Buffers that this machine refills again and again.

use crate::context::Context;
use crate::element::Element;
use crate::error::GpuError;
use crate::memory::buffer::Buffer;
use crate::memory::pinned::PinnedBuffer;
use crate::memory::view::View;

/// A buffer at an address that never changes, which this machine refills while the device works:
/// what is sent lies in two pieces of page-locked memory in turn, so a fill waits only for the copy
/// of the one before the last.
#[derive(Debug)]
pub struct StagedBuffer<T: Element> {
    buffer: Buffer<T>,
    pieces: [PinnedBuffer<T>; 2],
    turn: usize,
}

impl<T: Element> StagedBuffer<T> {
    /// So many zeros.
    ///
    /// # Errors
    /// [`GpuError::OutOfMemory`]; the driver's, in particular if there is not enough memory to
    /// lock.
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

    /// Lets `fill` write what is sent, and sends all of it. Work that was asked for before still
    /// sees what was there.
    ///
    /// `fill` finds the numbers of the fill before the last, or zeros.
    ///
    /// # Errors
    /// A kernel that failed earlier; [`GpuError::Capture`] during a recording.
    pub fn refill(&mut self, fill: impl FnOnce(&mut [T])) -> Result<(), GpuError> {
        let piece = &mut self.pieces[self.turn];
        fill(piece.values_mut()?);
        piece.send(self.buffer.view_mut())?;
        self.turn = 1 - self.turn;
        Ok(())
    }

    /// The numbers on the device.
    pub fn view(&self) -> View<'_, T> {
        self.buffer.view()
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Where it is.
    pub fn context(&self) -> &Context {
        self.buffer.context()
    }
}
