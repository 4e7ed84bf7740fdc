//! The queue of a device's work, which goes to the stream or to the graph that a thread is
//! recording.

pub(crate) mod pool;
pub(crate) mod recording;

use std::sync::{Arc, RwLockReadGuard};

use cudarc::driver::{CudaContext, CudaStream};

use crate::driver::failed;
use crate::error::{CaptureError, GpuError};
use crate::queue::pool::{Memory, Pool};
use crate::queue::recording::{Recorder, Recording};
use crate::version::CudaVersion;

/// The stream for all work of a context, and the memory that the work needs.
pub(crate) struct Queue {
    pool: Arc<Pool>,
    recorder: Recorder,
    /// The latest CUDA version that the driver supports.
    driver: CudaVersion,
    stream: Arc<CudaStream>,
    device: Arc<CudaContext>,
}

impl Queue {
    /// Creates a stream on this device.
    pub(crate) fn new(device: Arc<CudaContext>, driver: CudaVersion) -> Result<Self, GpuError> {
        let stream = device.new_stream().map_err(failed("create a stream"))?;
        Ok(Self {
            pool: Arc::new(Pool::new(Arc::clone(&stream))),
            recorder: Recorder::default(),
            driver,
            stream,
            device,
        })
    }

    pub(crate) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    pub(crate) fn driver(&self) -> CudaVersion {
        self.driver
    }

    pub(crate) fn stream(&self) -> &Arc<CudaStream> {
        &self.stream
    }

    pub(crate) fn device(&self) -> &Arc<CudaContext> {
        &self.device
    }

    /// Makes the device current for this thread.
    pub(crate) fn bind(&self) -> Result<(), GpuError> {
        self.device
            .bind_to_thread()
            .map_err(failed("make the device current"))
    }

    /// Whether this thread is recording a graph.
    pub(crate) fn is_recorded_here(&self) -> bool {
        let state = self.recorder.read();
        state.as_ref().is_some_and(Recording::is_of_this_thread)
    }
}

/// The right to submit work to the stream: while it exists, no recording begins or ends. A thread
/// must not acquire a second one meanwhile: it would deadlock if another thread were waiting to
/// record in between.
pub(crate) struct Submission<'a> {
    state: RwLockReadGuard<'a, Option<Recording>>,
    pool: &'a Arc<Pool>,
}

impl<'a> Submission<'a> {
    /// Acquires the right to submit. Returns an error if a different thread is recording.
    pub(crate) fn new(queue: &'a Queue) -> Result<Self, GpuError> {
        let (state, pool) = (queue.recorder.read(), &queue.pool);
        match state.as_ref() {
            Some(recording) if !recording.is_of_this_thread() => Err(CaptureError::Busy.into()),
            _ => Ok(Self { state, pool }),
        }
    }

    /// Acquires the right to submit work that cannot be recorded. Returns an error during a
    /// recording.
    pub(crate) fn unrecorded(queue: &'a Queue, action: &'static str) -> Result<Self, GpuError> {
        let submission = Self::new(queue)?;
        if submission.is_recorded() {
            return Err(CaptureError::Unrecordable { action }.into());
        }
        Ok(submission)
    }

    pub(crate) fn is_recorded(&self) -> bool {
        self.state.is_some()
    }

    /// Makes the graph, if one is being recorded, keep memory that the work uses.
    pub(crate) fn keep<'m>(&self, memory: impl IntoIterator<Item = &'m Arc<Memory>>) {
        if let Some(recording) = self.state.as_ref() {
            recording.keep(memory);
        }
    }

    /// Returns memory of exactly this size, with unspecified contents. A recording takes only idle
    /// memory, because an allocation would become part of the graph.
    pub(crate) fn take(&self, bytes: usize) -> Result<Arc<Memory>, GpuError> {
        match self.state.as_ref() {
            Some(recording) => Ok(recording.take(self.pool, bytes)?),
            None => self.pool.take(bytes),
        }
    }
}
