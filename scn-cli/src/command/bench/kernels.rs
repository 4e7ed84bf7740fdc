//! Where the time of a network's steps goes on GPUs, by kernel.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use scn_net::{Device, KernelTime};
use serde::Serialize;

use super::layers::{self, LayerSummary};
use super::phases::{Measured, Phases, share_of_peak};
use crate::table::{Table, left, right};

/// The total time of steps in which nothing else is timed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub(super) steps: u16,
    /// Time from an idle device until it is idle again.
    pub(super) total: Duration,
}

/// The GPUs that computed.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Graphics {
    device: String,
    /// Peak of all devices together, at the clocks reported by the driver.
    peak_operations_per_second: f64,
    peak_bytes_per_second: f64,
    /// Device memory taken since the devices were opened; None if the driver does not report it.
    device_memory_bytes: Option<u64>,
}

/// The output of `scn bench train --json` and `scn bench infer --json` on GPUs.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    #[serde(flatten)]
    measured: Measured,
    steps: u16,
    /// Throughput without events between kernels. The next two fields are measured in the same
    /// steps.
    images_per_second: f64,
    seconds_per_step: f64,
    /// The counted operations of a whole step, as a fraction of the peak.
    share_of_peak: f64,
    #[serde(flatten)]
    graphics: Graphics,
    /// Peak memory of the process; None if the system does not report it.
    peak_memory_bytes: Option<u64>,
    /// The slowest kernels first, measured in additional steps with events.
    kernels: Vec<KernelSummary>,
    /// Time of a step without events that kernels do not account for: copies, fills, gaps between
    /// kernels, the host.
    outside_kernels_seconds: f64,
    layers: Vec<LayerSummary>,
}

/// One kernel, averaged over steps.
#[derive(Debug, Serialize)]
struct KernelSummary {
    kernel: String,
    launches: f64,
    seconds: f64,
    /// Fraction of the time of a step without events.
    share: f64,
    operations_per_second: Option<f64>,
    share_of_peak: Option<f64>,
}

/// Prefixes of the names of kernels whose operations are counted, and the parts of the work that
/// they do.
const PARTS: [(&str, &[&str]); 4] = [
    ("encode_", &["D'x", "solve"]),
    ("adjoint", &["adjoint: solve"]),
    ("outer_sums", &["adjoint: dLoss/dD"]),
    ("signal_gradient", &["adjoint: D y"]),
];

/// Returns the floating-point operations of a kernel in a step, or 0 if they are not counted.
fn operations(kernel: &str, phases: &Phases) -> f64 {
    let counted = PARTS.iter().find(|(name, _)| kernel.starts_with(name));
    let parts = counted.map_or(&[][..], |(_, parts)| parts);
    parts.iter().map(|part| phases.operations(part)).sum()
}

impl Graphics {
    /// Returns the GPUs of a device, or None for the CPU.
    #[cfg(feature = "cuda")]
    pub(super) fn of(device: &Device) -> Result<Option<Self>> {
        let Device::Cuda(cuda) = device else {
            return Ok(None);
        };
        let mut graphics = Self {
            device: device.to_string(),
            peak_operations_per_second: 0.0,
            peak_bytes_per_second: 0.0,
            device_memory_bytes: Some(0),
        };
        for context in cuda.contexts() {
            let peak = context.info().peak()?;
            graphics.peak_operations_per_second += peak.operations_per_second;
            graphics.peak_bytes_per_second += peak.bytes_per_second;
            let free = context.info().memory_free.zip(context.memory_free());
            let taken = free.map(|(before, now)| before.saturating_sub(now) as u64);
            let bytes = graphics.device_memory_bytes.zip(taken);
            graphics.device_memory_bytes = bytes.map(|(sum, taken)| sum + taken);
        }
        Ok(Some(graphics))
    }

    /// Returns None, because this build has no GPU support.
    #[cfg(not(feature = "cuda"))]
    pub(super) fn of(_: &Device) -> Result<Option<Self>> {
        Ok(None)
    }
}

impl Summary {
    /// Creates a summary from the clock of steps without events, and from the layers and kernel
    /// times of additional steps with events.
    pub(super) fn new(
        measured: Measured,
        clock: Clock,
        phases: &Phases,
        kernels: Vec<KernelTime>,
        graphics: Graphics,
        peak_memory_bytes: Option<u64>,
    ) -> Self {
        let seconds_per_step = clock.total.as_secs_f64() / f64::from(clock.steps.max(1));
        let timed_steps = f64::from(phases.steps().max(1));
        let peak = graphics.peak_operations_per_second;
        let mut kernels: Vec<KernelSummary> = kernels
            .into_iter()
            .map(|taken| {
                let seconds = taken.time.as_secs_f64() / timed_steps;
                let counted = operations(&taken.kernel, phases);
                let rate = (counted > 0.0 && seconds > 0.0).then(|| counted / seconds);
                KernelSummary {
                    kernel: taken.kernel,
                    launches: taken.launches as f64 / timed_steps,
                    seconds,
                    share: seconds / seconds_per_step,
                    operations_per_second: rate,
                    share_of_peak: rate.map(|rate| rate / peak),
                }
            })
            .collect();
        kernels.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        let within: f64 = kernels.iter().map(|kernel| kernel.seconds).sum();
        let counted: f64 = (kernels.iter())
            .map(|kernel| operations(&kernel.kernel, phases))
            .sum();
        Self {
            steps: clock.steps,
            images_per_second: measured.batch_size as f64 / seconds_per_step,
            seconds_per_step,
            share_of_peak: counted / seconds_per_step / peak,
            peak_memory_bytes,
            kernels,
            outside_kernels_seconds: (seconds_per_step - within).max(0.0),
            layers: phases.layer_summaries(peak),
            measured,
            graphics,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Graphics {
            device,
            peak_operations_per_second,
            peak_bytes_per_second,
            device_memory_bytes,
        } = &self.graphics;
        writeln!(
            f,
            "{}, batches of {}: {:.0} images/s, {:.2} ms per step, {:.0} % of peak",
            self.measured.preset,
            self.measured.batch_size,
            self.images_per_second,
            1e3 * self.seconds_per_step,
            100.0 * self.share_of_peak
        )?;
        writeln!(f, "{device}")?;
        write!(
            f,
            "f32: peak {:.0} GFLOP/s, {:.0} GB/s",
            peak_operations_per_second / 1e9,
            peak_bytes_per_second / 1e9
        )?;
        if let Some(bytes) = device_memory_bytes {
            write!(f, "; {} MiB of device memory", bytes >> 20)?;
        }
        if let Some(bytes) = self.peak_memory_bytes {
            write!(f, ", {} MiB of host memory", bytes >> 20)?;
        }
        let mut table = Table::new([
            left("kernel"),
            right("launches"),
            right("ms"),
            right("share"),
            right("GFLOP/s"),
            right("peak"),
        ]);
        let time = |seconds: f64| format!("{:.3}", 1e3 * seconds);
        let share = |share: f64| format!("{:.1} %", 100.0 * share);
        for kernel in &self.kernels {
            let rate = kernel.operations_per_second;
            table.push([
                kernel.kernel.clone(),
                format!("{:.0}", kernel.launches),
                time(kernel.seconds),
                share(kernel.share),
                rate.map_or(String::new(), |rate| format!("{:.0}", rate / 1e9)),
                share_of_peak(kernel.share_of_peak),
            ]);
        }
        let outside = self.outside_kernels_seconds;
        table.push([
            "outside kernels".to_string(),
            String::new(),
            time(outside),
            share(outside / self.seconds_per_step),
            String::new(),
            String::new(),
        ]);
        write!(f, "\n\n{}\n\n{}", table.text(), layers::table(&self.layers))
    }
}
