//! Times of kernels, measured by device events before and after each launch.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cudarc::driver::sys::CUevent_flags;
use cudarc::driver::{CudaEvent, DriverError};

use crate::driver::{expect_driver, failed};
use crate::error::GpuError;
use crate::queue::Queue;
use crate::version::OLDEST_DRIVER_FOR_TIMES;

/// Largest number of launches whose events are pending. Beyond it, the host waits for them and adds
/// up their times.
const LAUNCHES_KEPT: usize = 4096;

/// The time of a kernel on a device, summed over its launches.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KernelTime {
    /// Name of the kernel, without the number of atoms that it is made for.
    pub name: &'static str,
    /// Number of launches.
    pub launches: u64,
    /// Time from an event before each launch to one after it. The events themselves contribute
    /// about a microsecond per launch.
    pub time: Duration,
}

/// A point in the work of a device: all work submitted earlier to its context is done, and none
/// submitted later has begun.
#[derive(Debug)]
pub struct Mark {
    event: CudaEvent,
}

impl Mark {
    /// Waits for the later mark, and returns the time between the two, including any time in which
    /// the device was idle.
    ///
    /// # Errors
    /// Returns an error if the marks are of different devices, or if a kernel failed.
    pub fn until(&self, later: &Mark) -> Result<Duration, GpuError> {
        elapsed(&self.event, &later.event).map_err(failed("read the time between two marks"))
    }
}

/// The time measurements of a context.
#[derive(Debug, Default)]
pub(crate) struct Timing {
    on: AtomicBool,
    measured: Mutex<Measurements>,
}

#[derive(Debug, Default)]
struct Measurements {
    /// Events that can be reused.
    idle: Vec<CudaEvent>,
    launches: Vec<Launch>,
    times: BTreeMap<&'static str, (u64, Duration)>,
}

#[derive(Debug)]
struct Launch {
    name: &'static str,
    before: CudaEvent,
    after: CudaEvent,
}

impl Timing {
    pub(crate) fn set(&self, on: bool) {
        self.on.store(on, Ordering::Relaxed);
    }

    pub(crate) fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// Launches a kernel, between two events if timing is on.
    pub(crate) fn launch(
        &self,
        queue: &Queue,
        name: &'static str,
        start: impl FnOnce() -> Result<(), GpuError>,
    ) -> Result<(), GpuError> {
        if !self.is_on() {
            return start();
        }
        let mut measured = self.measured();
        if measured.launches.len() == LAUNCHES_KEPT {
            measured.add_up()?;
        }
        let before = measured.event(queue)?;
        let after = measured.event(queue)?;
        record(&before, queue)?;
        start()?;
        record(&after, queue)?;
        measured.launches.push(Launch {
            name,
            before,
            after,
        });
        Ok(())
    }

    /// Waits for the timed kernels, and returns their times since the last call.
    pub(crate) fn take(&self) -> Result<Vec<KernelTime>, GpuError> {
        let mut measured = self.measured();
        measured.add_up()?;
        let times = std::mem::take(&mut measured.times).into_iter();
        let times = times.map(|(name, (launches, time))| KernelTime {
            name,
            launches,
            time,
        });
        Ok(times.collect())
    }

    fn measured(&self) -> impl std::ops::DerefMut<Target = Measurements> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Measurements {
    fn event(&mut self, queue: &Queue) -> Result<CudaEvent, GpuError> {
        self.idle.pop().map_or_else(|| new_event(queue), Ok)
    }

    fn add_up(&mut self) -> Result<(), GpuError> {
        for Launch {
            name,
            before,
            after,
        } in self.launches.drain(..)
        {
            let time = elapsed(&before, &after).map_err(failed("read the time of a kernel"))?;
            let (launches, sum) = self.times.entry(name).or_default();
            *launches += 1;
            *sum += time;
            self.idle.extend([before, after]);
        }
        Ok(())
    }
}

/// Marks the current point in the submitted work.
pub(crate) fn mark(queue: &Queue) -> Result<Mark, GpuError> {
    let event = new_event(queue)?;
    record(&event, queue)?;
    Ok(Mark { event })
}

/// Creates an event with a timestamp. Returns an error if the driver cannot measure the time
/// between two events.
fn new_event(queue: &Queue) -> Result<CudaEvent, GpuError> {
    expect_driver(queue.driver(), OLDEST_DRIVER_FOR_TIMES)?;
    let event = queue
        .device()
        .new_event(Some(CUevent_flags::CU_EVENT_DEFAULT));
    event.map_err(failed("create an event"))
}

fn record(event: &CudaEvent, queue: &Queue) -> Result<(), GpuError> {
    event
        .record(queue.stream())
        .map_err(failed("record an event"))
}

fn elapsed(from: &CudaEvent, to: &CudaEvent) -> Result<Duration, DriverError> {
    let milliseconds = from.elapsed_ms(to)?;
    Ok(Duration::from_secs_f64(
        f64::from(milliseconds.max(0.0)) / 1e3,
    ))
}
