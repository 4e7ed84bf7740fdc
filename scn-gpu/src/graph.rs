//! Work that is recorded once and started many times.

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

/// Work of a context that [`Context::capture`] has recorded, to be started again and again.
///
/// A graph keeps all memory that its work touches. Buffers may be dropped before it; their memory
/// is not given to other buffers as long as the graph lives.
pub struct Graph {
    /// The driver leaves it to callers that one thread at a time uses it. None while it is being
    /// dropped.
    executable: Mutex<Option<Executable>>,
    /// What the addresses in the graph lead to.
    memory: Vec<Arc<Memory>>,
    context: Context,
}

impl Context {
    /// Records the work that `work` submits instead of doing it: kernels, copies within the
    /// device, and fills with zero. Every [`Graph::launch`] then does all of it, on what the same
    /// buffers hold at that time, with the scalars of the recording.
    ///
    /// The same work must have been done once before without recording, and its buffers dropped,
    /// because a recording loads no kernels and takes only memory that buffers have left behind.
    /// Buffers that are both made and dropped inside `work` share memory as usual; nothing outside
    /// the graph gets that memory. Buffers that are made inside and returned hold the results of
    /// the latest launch.
    ///
    /// Meanwhile other threads can only drop buffers of this context. If `work` fails
    /// or panics, the recording is thrown away, and the context goes on as before; numbers in
    /// buffers are as they were.
    ///
    /// # Errors
    /// Those of `work`; [`GpuError::Capture`] for work that cannot be recorded (also from calls
    /// inside `work`: waiting, copies from and to this machine, exchanges between devices, other
    /// graphs), for kernels that are not loaded, for missing memory, and if another recording is
    /// going on; [`SetupError::DriverTooOld`](crate::SetupError::DriverTooOld) before CUDA 11.4.
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
    /// Starts the recorded work after all work submitted before, without waiting for it.
    ///
    /// # Errors
    /// [`GpuError::Capture`] during a recording; [`GpuError::Driver`].
    pub fn launch(&self) -> Result<(), GpuError> {
        let _submission = Submission::unrecorded(self.context.queue(), "launch a graph")?;
        self.context.queue().bind()?;
        let executable = self.executable.lock();
        let executable = executable.unwrap_or_else(PoisonError::into_inner);
        let Some(Executable { handle, stream }) = executable.as_ref() else {
            return Ok(());
        };
        // SAFETY: the graph has not been destroyed, and this thread alone uses it. All memory that
        // it touches is kept, and used by nothing but work of this stream.
        unsafe { result::graph::launch(*handle, stream.cu_stream()) }
            .map_err(failed("launch a graph"))
    }

    /// The context that the graph was recorded with.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Bytes of device memory that the graph keeps.
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

/// The driver's graph, ready to run.
struct Executable {
    handle: CUgraphExec,
    stream: Arc<CudaStream>,
}

// SAFETY: the driver's graphs are not bound to a thread; only their use at the same time is
// forbidden, which a lock prevents.
unsafe impl Send for Executable {}

impl Drop for Executable {
    fn drop(&mut self) {
        // An error that was noted earlier comes up here, not at the wait.
        let _ = self.stream.context().bind_to_thread();
        // The documentation does not say that a running graph may be destroyed. Nobody is left to
        // be told of an error.
        let _ = self.stream.synchronize();
        // SAFETY: this value alone owns the graph, which is not used after this.
        let _ = unsafe { result::graph::exec_destroy(self.handle) };
    }
}

/// A recording that goes on; dropped before its end, it is thrown away.
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
        // Every call for this stream is checked on this side. The stricter modes would only forbid
        // this thread, or all threads, calls that concern other contexts, such as freeing
        // page-locked memory of theirs, and spoil the recording for it.
        let mode = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_RELAXED;
        // SAFETY: the stream is alive. From here on it gets work only by a `Submission`.
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
            return Err(invalid("there is no graph".to_string()));
        }
        // SAFETY: the graph was just recorded, and is destroyed once; what runs is a copy.
        let handle = unsafe {
            let handle = result::graph::instantiate(recorded, CUgraphInstantiate_flags(0));
            let destroyed = result::graph::destroy(recorded);
            let handle = handle.map_err(failed("make a graph ready to run"))?;
            // The graph that was made ready is as good without.
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

    /// Ends the recording, whatever came of it.
    fn finish(&mut self) -> (Result<CUgraph, DriverError>, GraphResources) {
        self.is_over = true;
        let recorder = self.context.queue().recorder();
        let (recorded, recording) = {
            let mut state = recorder.write();
            // `work` may have left another device to this thread. `bind` would return early with an
            // error that was noted before. SAFETY: the device's context is alive, and the stream is
            // being recorded.
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
            // SAFETY: it was just recorded, and nobody uses it.
            let _ = unsafe { result::graph::destroy(recorded) };
        }
    }
}
