//! Whether work goes to the stream of a context or into a graph that a thread is recording.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::{self, ThreadId};

use cudarc::driver::sys::CUdeviceptr;

use crate::error::CaptureError;
use crate::pool::Memory;
use crate::{Context, GpuError};

/// The state of a context's stream. A thread holds the lock for reading while it gives work to the stream, and for writing while it begins
/// or ends a recording, so no work gets into a graph unnoticed.
#[derive(Default)]
pub(crate) struct Recorder {
    state: RwLock<Option<Recording>>,
}

/// A recording that has begun.
pub(crate) struct Recording {
    thread: ThreadId,
    kept: Mutex<Kept>,
}

/// What a graph keeps while it is recorded.
#[derive(Default)]
pub(crate) struct Kept {
    /// All memory that the recorded work touches, by its address.
    memory: HashMap<CUdeviceptr, Arc<Memory>>,
    /// Addresses of the memory of buffers that were made during the recording.
    taken: HashSet<CUdeviceptr>,
    /// Memory of buffers that were both made and dropped during the recording, by its size in bytes. Later work of the same recording may
    /// overwrite it, because a graph runs its work in the order of recording.
    idle: HashMap<usize, Vec<Arc<Memory>>>,
    /// What was dropped during the recording and must wait for the stream, which is possible again after it.
    pub(crate) dropped: Vec<Box<dyn Send>>,
}

impl Recorder {
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Option<Recording>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Option<Recording>> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops a value that waits for the stream: after the recording, if there is one.
    pub(crate) fn drop_when_idle(&self, value: Box<dyn Send>) {
        let state = self.read();
        match state.as_ref() {
            Some(recording) => recording.kept().dropped.push(value),
            // Here and not at the end of the function, so that no recording begins meanwhile.
            None => drop(value),
        }
    }

    /// Takes back the memory of a buffer that is dropped.
    pub(crate) fn release(&self, memory: Arc<Memory>) {
        let state = self.read();
        let Some(recording) = state.as_ref() else {
            return;
        };
        let mut kept = recording.kept();
        if kept.taken.contains(&memory.address()) {
            kept.idle.entry(memory.bytes()).or_default().push(memory);
        }
    }
}

impl Recording {
    pub(crate) fn of_this_thread() -> Self {
        Self {
            thread: thread::current().id(),
            kept: Mutex::default(),
        }
    }

    pub(crate) fn is_of_this_thread(&self) -> bool {
        self.thread == thread::current().id()
    }

    pub(crate) fn finish(self) -> Kept {
        self.kept
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// All memory that the graph touches.
    pub(crate) fn into_memory(self) -> Vec<Arc<Memory>> {
        self.memory.into_values().collect()
    }
}

/// The right to give work to the stream: while it lives, no recording begins or ends. A thread must not ask for a second one meanwhile,
/// as a thread that waits to record may stand between the two.
pub(crate) struct Submission<'a> {
    state: RwLockReadGuard<'a, Option<Recording>>,
    context: &'a Context,
}

impl<'a> Submission<'a> {
    /// Refused to a thread other than the one that records.
    pub(crate) fn new(context: &'a Context) -> Result<Self, GpuError> {
        let state = context.recorder().read();
        match state.as_ref() {
            Some(recording) if !recording.is_of_this_thread() => Err(CaptureError::Busy.into()),
            _ => Ok(Self { state, context }),
        }
    }

    /// Refused during a recording.
    pub(crate) fn unrecorded(context: &'a Context, action: &'static str) -> Result<Self, GpuError> {
        let submission = Self::new(context)?;
        if submission.is_recorded() {
            return Err(CaptureError::Unrecordable { action }.into());
        }
        Ok(submission)
    }

    pub(crate) fn is_recorded(&self) -> bool {
        self.state.is_some()
    }

    /// Lets the graph, if one is being recorded, keep memory that the work touches.
    pub(crate) fn keep<'m>(&self, memory: impl IntoIterator<Item = &'m Arc<Memory>>) {
        let Some(recording) = self.state.as_ref() else {
            return;
        };
        let mut kept = recording.kept();
        for memory in memory {
            kept.memory
                .entry(memory.address())
                .or_insert_with(|| Arc::clone(memory));
        }
    }

    /// Memory of exactly this size, with whatever is in it. A recording takes idle memory only: a call of the allocator would become
    /// part of the graph.
    pub(crate) fn take(&self, bytes: usize) -> Result<Arc<Memory>, GpuError> {
        let pool = self.context.pool();
        let own = |slice| Arc::new(Memory::new(self.context, slice));
        let Some(recording) = self.state.as_ref() else {
            return pool.take(bytes).map(own);
        };
        let mut kept = recording.kept();
        if let Some(memory) = kept.idle.get_mut(&bytes).and_then(Vec::pop) {
            return Ok(memory);
        }
        let slice = pool
            .take_idle(bytes)
            .ok_or(CaptureError::Memory { bytes })?;
        let memory = own(slice);
        kept.taken.insert(memory.address());
        kept.memory.insert(memory.address(), Arc::clone(&memory));
        Ok(memory)
    }
}
