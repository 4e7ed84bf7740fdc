//! The devices of all processes that share a network, in the order of the processes.

use std::ops::Range;
use std::sync::Arc;

use scn_gpu::{Communicator, Context, NcclId};
use scn_solvers::processes::{Processes, from_first, gather};

use super::device_report::{DeviceReport, OF_ACTIVITY, activities, activity_words};
use crate::error::NetError;
use crate::executor::Inferred;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The devices of all processes that share a network. Every process has the same number of devices;
/// often there is only one process.
#[derive(Debug)]
pub(super) struct Team {
    processes: Arc<dyn Processes>,
    /// Number of devices per process.
    each: usize,
}

impl Team {
    /// Connects the devices of this process with each other and with those of all other processes.
    ///
    /// # Errors
    /// Returns an error if NCCL is missing or fails, if processes have different numbers of
    /// devices, or if a process fails.
    pub(super) fn connect(
        contexts: &[Context],
        processes: Arc<dyn Processes>,
    ) -> Result<(Self, Vec<Communicator>), NetError> {
        let each = contexts.len();
        let communicators = match processes.count() {
            1 => Communicator::all(contexts)?,
            _ => joined(contexts, &*processes)?,
        };
        Ok((Self { processes, each }, communicators))
    }

    /// Returns the number of devices of all processes.
    pub(super) fn devices(&self) -> usize {
        self.each * self.processes.count()
    }

    /// Selects the items of the devices of this process from those of all devices.
    pub(super) fn own<T>(&self, shared: impl IntoIterator<Item = T>) -> impl Iterator<Item = T> {
        shared.into_iter().skip(self.first()).take(self.each)
    }

    /// Whether `here` is true in all processes. Returns once all processes have called it.
    ///
    /// # Errors
    /// Returns an error if a process fails.
    pub(super) fn all(&self, here: bool) -> Result<bool, NetError> {
        Ok(!self.of_all(&[u8::from(here)])?.contains(&0))
    }

    /// Returns the reports of all devices on a step, given those of this process. The list is empty
    /// if `own` is. Returns once all processes have called it. Times are those of this process.
    ///
    /// # Errors
    /// Returns an error if a process fails.
    pub(super) fn reports(&self, own: &[DeviceReport]) -> Result<Vec<DeviceReport>, NetError> {
        // Even without a report, every process waits for all others.
        let mut words = vec![own.len() as u64];
        words.extend(own.iter().flat_map(DeviceReport::words));
        let all = self.of_all(&words)?;
        let Some(first) = own.first() else {
            return Ok(Vec::new());
        };
        let (layers, width) = (first.report.activity.len(), first.words().len());
        let of_devices = all
            .chunks_exact(words.len())
            .flat_map(|of_process| of_process[1..].chunks_exact(width));
        let read = |words| DeviceReport::of_words(words, layers, first.report.times.clone());
        let mut reports: Vec<_> = of_devices.map(read).collect();
        for (report, own) in reports.iter_mut().skip(self.first()).zip(own) {
            report.report.times.clone_from(&own.report.times);
        }
        Ok(reports)
    }

    /// Returns the results of inference of all devices for a batch, given those of this process and
    /// the images of every device.
    ///
    /// # Errors
    /// Returns an error if a process fails.
    pub(super) fn inferred(
        &self,
        own: &[Inferred],
        images: &[Range<usize>],
    ) -> Result<Vec<Inferred>, NetError> {
        let Some(first) = own.first() else {
            return Ok(Vec::new());
        };
        let (shape, width) = (first.output.shape(), OF_ACTIVITY * first.activity.len());
        let volume = shape.channels * shape.height * shape.width;
        let logits: Vec<f32> = own
            .iter()
            .flat_map(|own| own.output.data())
            .copied()
            .collect();
        let of_process =
            |images: &[Range<usize>]| images.iter().map(|images| volume * images.len()).sum();
        let lengths = images.chunks(self.each).map(of_process);
        let logits = gather(&*self.processes, &logits, lengths)?;
        let activity = own.iter().flat_map(|own| &own.activity);
        let words: Vec<u64> = activity.flat_map(activity_words).collect();
        let words = self.of_all(&words)?;
        let logits = logits.wait()?;
        let mut logits = logits.as_slice();
        let mut all = Vec::new();
        for (device, images) in images.iter().enumerate() {
            let (output, rest) = logits.split_at(volume * images.len());
            logits = rest;
            let shape = Shape {
                images: images.len(),
                ..shape
            };
            all.push(Inferred {
                output: Tensor::new(shape, output.to_vec())?,
                activity: activities(&words[device * width..][..width]),
                times: Vec::new(),
            });
        }
        Ok(all)
    }

    /// Returns the rank of the first device of this process.
    fn first(&self) -> usize {
        self.each * self.processes.rank()
    }

    /// Returns the numbers of all processes, one process after the other. Each has the same count.
    fn of_all<T: bytemuck::Pod>(&self, own: &[T]) -> Result<Vec<T>, NetError> {
        let lengths = std::iter::repeat_n(own.len(), self.processes.count());
        Ok(gather(&*self.processes, own, lengths)?.wait()?)
    }
}

/// Connects these devices with those of all other processes.
fn joined(contexts: &[Context], processes: &dyn Processes) -> Result<Vec<Communicator>, NetError> {
    let (rank, count) = (processes.rank(), processes.count());
    // If anything fails here, it fails before a process waits for NCCL, which does not notice
    // processes that have failed.
    Communicator::check_library().map_err(scn_gpu::GpuError::from)?;
    let own = [contexts.len() as u64];
    let counts = gather(processes, &own, std::iter::repeat_n(1, count))?.wait()?;
    let expected = counts[0];
    if let Some(rank) = counts.iter().position(|&found| found != expected) {
        return Err(NetError::DeviceCount {
            expected,
            rank,
            found: counts[rank],
        });
    }
    let own = match rank {
        0 => NcclId::new()?.to_bytes(),
        _ => [0; 128],
    };
    let id = from_first(processes, &own)?;
    // The id has the same length in all processes.
    let id = NcclId::from_bytes(id.try_into().unwrap_or(own));
    let devices = contexts.len();
    std::thread::scope(|scope| {
        // Each device waits for all others.
        let join = |(place, context)| {
            let rank = rank * devices + place;
            scope.spawn(move || Communicator::join(context, id, rank, count * devices))
        };
        let threads: Vec<_> = contexts.iter().enumerate().map(join).collect();
        let joined = threads.into_iter().map(|thread| match thread.join() {
            Ok(joined) => joined,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        let joined: Vec<_> = joined.collect();
        Ok(joined.into_iter().collect::<Result<_, _>>()?)
    })
}
