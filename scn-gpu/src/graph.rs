//! Work that is recorded once and launched many times.

#![expect(unsafe_code, reason = "records and starts graphs of the driver")]

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use cudarc::driver::sys::{CUgraph, CUgraphExec, CUgraphInstantiate_flags, CUstreamCaptureMode};
use cudarc::driver::{CudaStream, DriverError, result};

use crate::context::Context;
use crate::driver::{expect_driver, failed, reason};
use crate::error::{CaptureError, GpuError};
use crate::queue::Submission;
use crate::queue::pool::Memory;
use crate::queue::recording::{GraphResources, Recording};
use crate::version::OLDEST_DRIVER_FOR_GRAPHS;

/// Work recorded by [`Context::capture`], which can be launched repeatedly.
///
/// A graph keeps all memory that its work uses. Buffers may be dropped before the graph; their
/// memory is not reused while the graph exists.
pub struct Graph {
    /// Locked because the driver allows only one thread at a time to use it. `None` while the graph
    /// is being dropped.
    executable: Mutex<Option<Executable>>,
    /// Memory at the addresses in the graph.
    memory: Vec<Arc<Memory>>,
    context: Context,
}

impl Context {
    /// Records the work that `work` submits instead of doing it: kernels, copies within the device,
    /// and fills with zero. Each [`Graph::launch`] then does this work on the current contents of
    /// the same buffers, with the scalars of the recording.
    ///
    /// The same work must have been done once without recording, and its buffers dropped, because a
    /// recording loads no kernels and uses only memory that dropped buffers have left behind.
    /// Buffers that are created and dropped inside `work` share memory as usual, and nothing
    /// outside the graph uses that memory. Buffers that are created inside `work` and returned hold
    /// the results of the latest launch.
    ///
    /// During the recording, other threads can only drop buffers of this context. If `work` fails
    /// or panics, the recording is discarded. The context remains usable, and buffers keep their
    /// contents.
    ///
    /// # Errors
    /// Returns the errors of `work`. Returns [`GpuError::Capture`] for work that cannot be recorded
    /// (waiting, copies from and to the host, exchanges between devices, other graphs; the calls
    /// inside `work` return it too), for kernels that are not loaded, for missing memory, and if a
    /// recording is already in progress. Returns
    /// [`SetupError::DriverTooOld`](crate::SetupError::DriverTooOld) before CUDA 11.4.
    pub fn capture<R, E: From<GpuError>>(
        &self,
        work: impl FnOnce() -> Result<R, E>,
    ) -> Result<(Graph, R), E> {
        let capture = Capture::begin(self)?;
        let result = work()?;
        Ok((capture.end()?, result))
    }

    /// Whether this thread is recording a graph of this context.
    pub fn is_capturing(&self) -> bool {
        self.queue().is_recorded_here()
    }
}

impl Graph {
    /// Submits the recorded work, without waiting for it. It runs after all work submitted earlier.
    ///
    /// # Errors
    /// Returns [`GpuError::Capture`] during a recording, and [`GpuError::Driver`] if the driver
    /// fails.
    pub fn launch(&self) -> Result<(), GpuError> {
        let _submission = Submission::unrecorded(self.context.queue(), "launch a graph")?;
        self.context.queue().bind()?;
        let executable = self.executable.lock();
        let executable = executable.unwrap_or_else(PoisonError::into_inner);
        let Some(Executable { handle, stream }) = executable.as_ref() else {
            return Ok(());
        };
        // SAFETY: the graph has not been destroyed, and the lock excludes other threads. All memory
        // that the graph uses is kept, and only work of this stream uses it.
        unsafe { result::graph::launch(*handle, stream.cu_stream()) }
            .map_err(failed("launch a graph"))
    }

    /// The context that the graph was recorded with.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Device memory that the graph keeps, in bytes.
    pub fn memory(&self) -> usize {
        self.memory.iter().map(|memory| memory.bytes()).sum()
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        let executable = self.executable.get_mut();
        let executable = executable.unwrap_or_else(PoisonError::into_inner);
        if let Some(executable) = executable.take() {
            self.context
                .queue()
                .recorder()
                .drop_when_idle(Box::new(executable));
        }
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, name) = (self.memory(), self.context.name());
        write!(f, "Graph with {bytes} bytes on {name}")
    }
}

/// A graph that the driver has instantiated.
struct Executable {
    handle: CUgraphExec,
    stream: Arc<CudaStream>,
}

// SAFETY: the driver's graphs are not bound to a thread. They must not be used concurrently, which
// the lock ensures.
unsafe impl Send for Executable {}

impl Drop for Executable {
    fn drop(&mut self) {
        // Takes an error recorded earlier, which would make `synchronize` return without waiting.
        let _ = self.stream.context().bind_to_thread();
        // The documentation does not guarantee that a running graph may be destroyed. An error can
        // no longer be reported.
        let _ = self.stream.synchronize();
        // SAFETY: only this value owns the graph, and it does not use it again.
        let _ = unsafe { result::graph::exec_destroy(self.handle) };
    }
}

/// A recording in progress. Dropping it before its end discards the recording.
struct Capture<'a> {
    context: &'a Context,
    is_over: bool,
}

impl<'a> Capture<'a> {
    fn begin(context: &'a Context) -> Result<Self, GpuError> {
        expect_driver(context.queue().driver(), OLDEST_DRIVER_FOR_GRAPHS)?;
        context.queue().bind()?;
        let mut state = context.queue().recorder().write();
        if let Some(recording) = state.as_ref() {
            return Err(if recording.is_of_this_thread() {
                CaptureError::Unrecordable {
                    action: "record a graph",
                }
            } else {
                CaptureError::Busy
            }
            .into());
        }
        // This crate checks every call for this stream. The stricter modes would only forbid calls
        // that concern other contexts, such as freeing their page-locked memory, for this thread or
        // for all threads, and such calls would invalidate the recording.
        let mode = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_RELAXED;
        // SAFETY: the stream is alive. From here on, work reaches it only through a `Submission`.
        unsafe { result::stream::begin_capture(context.queue().stream().cu_stream(), mode) }
            .map_err(failed("record a graph"))?;
        *state = Some(Recording::of_this_thread());
        Ok(Self {
            context,
            is_over: false,
        })
    }

    fn end(mut self) -> Result<Graph, GpuError> {
        let (recorded, resources) = self.finish();
        let invalid = |reason| GpuError::from(CaptureError::Invalid { reason });
        let recorded = recorded.map_err(|error| invalid(reason(error)))?;
        if recorded.is_null() {
            return Err(invalid("it returned no graph".to_string()));
        }
        // SAFETY: the graph has just been recorded and is destroyed once. The instantiated graph is
        // a copy.
        let handle = unsafe {
            let handle = result::graph::instantiate(recorded, CUgraphInstantiate_flags(0));
            let destroyed = result::graph::destroy(recorded);
            let handle = handle.map_err(failed("instantiate a graph"))?;
            // The instantiated graph works even if this fails.
            let _ = destroyed;
            handle
        };
        let stream = Arc::clone(self.context.queue().stream());
        Ok(Graph {
            executable: Mutex::new(Some(Executable { handle, stream })),
            memory: resources.into_memory(),
            context: self.context.clone(),
        })
    }

    /// Ends the recording, whether or not it succeeded.
    fn finish(&mut self) -> (Result<CUgraph, DriverError>, GraphResources) {
        self.is_over = true;
        let recorder = self.context.queue().recorder();
        let (recorded, recording) = {
            let mut state = recorder.write();
            // `work` may have made a different device current for this thread. `bind` would return
            // early with an error recorded before.
            // SAFETY: the device's context is alive, and the stream is being recorded.
            let recorded = unsafe {
                result::ctx::set_current(self.context.queue().device().cu_ctx()).and_then(|()| {
                    result::stream::end_capture(self.context.queue().stream().cu_stream())
                })
            };
            (recorded, state.take())
        };
        let mut resources = recording.map(Recording::finish).unwrap_or_default();
        for value in resources.dropped.drain(..) {
            recorder.drop_when_idle(value);
        }
        (recorded, resources)
    }
}

impl Drop for Capture<'_> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        if let (Ok(recorded), _resources) = self.finish()
            && !recorded.is_null()
        {
            // SAFETY: the graph has just been recorded and is not used elsewhere.
            let _ = unsafe { result::graph::destroy(recorded) };
        }
    }
}
