//! Graphs that are being recorded, and the resources that they keep.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::{self, ThreadId};

use cudarc::driver::sys::CUdeviceptr;

use super::pool::{Memory, Pool};
use crate::error::CaptureError;

/// The state of a context's stream. A thread holds the lock for reading while it submits work to
/// the stream, and for writing while it begins or ends a recording, so no work enters a graph
/// unnoticed.
#[derive(Default)]
pub(crate) struct Recorder {
    state: RwLock<Option<Recording>>,
}

/// A recording in progress.
pub(crate) struct Recording {
    thread: ThreadId,
    resources: Mutex<GraphResources>,
}

/// The resources that a graph keeps while it is recorded.
#[derive(Default)]
pub(crate) struct GraphResources {
    /// Memory that the recorded work uses, by address.
    memory: HashMap<CUdeviceptr, Arc<Memory>>,
    /// Addresses of the memory of buffers created during the recording.
    taken: HashSet<CUdeviceptr>,
    /// Memory of buffers both created and dropped during the recording, by size in bytes. Later
    /// work of the same recording may overwrite it, because a graph runs its work in the order of
    /// recording.
    idle: HashMap<usize, Vec<Arc<Memory>>>,
    /// Values that were dropped during the recording and must wait for the stream, which is only
    /// possible after it.
    pub(crate) dropped: Vec<Box<dyn Send>>,
}

impl Recorder {
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Option<Recording>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Option<Recording>> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops a value that waits for the stream. During a recording, this is deferred to its end.
    pub(crate) fn drop_when_idle(&self, value: Box<dyn Send>) {
        let state = self.read();
        match state.as_ref() {
            Some(recording) => recording.resources().dropped.push(value),
            // Dropped while the lock is held, so that no recording begins meanwhile.
            None => drop(value),
        }
    }

    /// Takes back the memory of a buffer that is being dropped.
    pub(crate) fn release(&self, memory: Arc<Memory>) {
        let state = self.read();
        let Some(recording) = state.as_ref() else {
            return;
        };
        let mut resources = recording.resources();
        if resources.taken.contains(&memory.address()) {
            let same_size = resources.idle.entry(memory.bytes()).or_default();
            same_size.push(memory);
        }
    }
}

impl Recording {
    pub(crate) fn of_this_thread() -> Self {
        Self {
            thread: thread::current().id(),
            resources: Mutex::default(),
        }
    }

    pub(crate) fn is_of_this_thread(&self) -> bool {
        self.thread == thread::current().id()
    }

    /// Keeps memory that the recorded work uses.
    pub(crate) fn keep<'m>(&self, memory: impl IntoIterator<Item = &'m Arc<Memory>>) {
        let mut resources = self.resources();
        for memory in memory {
            let of_address = resources.memory.entry(memory.address());
            of_address.or_insert_with(|| Arc::clone(memory));
        }
    }

    /// Returns idle memory of exactly this size, for a buffer of this recording.
    pub(crate) fn take(&self, pool: &Arc<Pool>, bytes: usize) -> Result<Arc<Memory>, CaptureError> {
        let mut resources = self.resources();
        if let Some(memory) = resources.idle.get_mut(&bytes).and_then(Vec::pop) {
            return Ok(memory);
        }
        let memory = pool
            .take_idle(bytes)
            .ok_or(CaptureError::Memory { bytes })?;
        let address = memory.address();
        resources.taken.insert(address);
        resources.memory.insert(address, Arc::clone(&memory));
        Ok(memory)
    }

    pub(crate) fn finish(self) -> GraphResources {
        self.resources
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn resources(&self) -> MutexGuard<'_, GraphResources> {
        self.resources
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl GraphResources {
    /// Returns all memory that the graph uses.
    pub(crate) fn into_memory(self) -> Vec<Arc<Memory>> {
        self.memory.into_values().collect()
    }
}
