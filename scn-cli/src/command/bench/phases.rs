//! Where the time of a network's steps goes, by phase.

use std::fmt;
use std::time::Duration;

use scn_net::{Activity, AdjointActivity, LayerTimes, NetworkConfig};
use serde::Serialize;

use super::layers::{self, Layer, LayerSummary, PARTS};
use crate::table::{Table, left, right};

/// Sums over steps.
pub(super) struct Phases {
    threads: f64,
    steps: u32,
    total: Duration,
    loading: Duration,
    network: Duration,
    update: Duration,
    normalisation: Duration,
    /// Pooling and classifier.
    head: Duration,
    layers: Vec<Layer>,
}

/// The machine that is measured.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Machine {
    pub(super) instruction_set: String,
    pub(super) threads: usize,
    /// Peak of all threads together.
    pub(super) peak_operations_per_second: f64,
    /// Peak memory of the process; None if the system does not report it.
    pub(super) peak_memory_bytes: Option<u64>,
}

/// The benchmark.
#[derive(Debug, Serialize)]
pub(super) struct Measured {
    /// "train" or "infer".
    pub(super) what: &'static str,
    pub(super) preset: String,
    pub(super) batch_size: usize,
    pub(super) random_pictures: bool,
}

/// The output of `scn bench train --json` and `scn bench infer --json` on the CPU.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    #[serde(flatten)]
    measured: Measured,
    steps: u32,
    images_per_second: f64,
    seconds_per_step: f64,
    /// The counted operations of a whole step, as a fraction of the peak.
    share_of_peak: f64,
    #[serde(flatten)]
    machine: Machine,
    phases: Vec<PhaseSummary>,
    layers: Vec<LayerSummary>,
}

/// One phase, averaged over steps. The time of phases that all threads work on is summed over
/// threads and divided by their number.
#[derive(Debug, Serialize)]
struct PhaseSummary {
    phase: &'static str,
    seconds: f64,
    share: f64,
    operations_per_second: Option<f64>,
    share_of_peak: Option<f64>,
}

impl Phases {
    /// Creates sums of zero for a network.
    pub(super) fn new(network: &NetworkConfig) -> Self {
        Self {
            threads: rayon::current_num_threads() as f64,
            steps: 0,
            total: Duration::ZERO,
            loading: Duration::ZERO,
            network: Duration::ZERO,
            update: Duration::ZERO,
            normalisation: Duration::ZERO,
            head: Duration::ZERO,
            layers: Layer::all(network),
        }
    }

    /// Adds the times of a step.
    pub(super) fn step(
        &mut self,
        total: Duration,
        loading: Duration,
        network: Duration,
        update: Duration,
    ) {
        self.steps += 1;
        self.total += total;
        self.loading += loading;
        self.network += network;
        self.update += update;
    }

    /// Adds the measurements of the layers in a step. There is no adjoint in inference.
    pub(super) fn layers(
        &mut self,
        activity: &[Activity],
        adjoint: &[AdjointActivity],
        times: &[LayerTimes],
    ) {
        let mut layers = self.layers.iter_mut();
        for times in times {
            let spent = times.forward + times.backward;
            if times.layer.starts_with("norm") {
                self.normalisation += spent;
            } else if times.layer.starts_with("layer") {
                if let Some(layer) = layers.next() {
                    layer.forward += times.forward;
                    layer.backward += times.backward;
                }
            } else {
                self.head += spent;
            }
        }
        for (layer, activity) in self.layers.iter_mut().zip(activity) {
            layer.take_codes(activity);
        }
        for ((layer, activity), adjoint) in self.layers.iter_mut().zip(activity).zip(adjoint) {
            layer.take_adjoint(activity.columns as f64, adjoint);
        }
    }

    /// Returns the number of steps added so far.
    pub(super) fn steps(&self) -> u32 {
        self.steps
    }

    /// Returns the floating-point operations of a part of the work per step, by its name in
    /// [`PARTS`].
    pub(super) fn operations(&self, part: &str) -> f64 {
        let index = PARTS.iter().position(|name| *name == part);
        let layers = self.layers.iter();
        let counted = layers.filter_map(|layer| layer.operations.get(index?));
        counted.sum::<f64>() / f64::from(self.steps.max(1))
    }

    /// Returns the summary of every sparse coding layer.
    pub(super) fn layer_summaries(&self, peak: f64) -> Vec<LayerSummary> {
        let steps = f64::from(self.steps.max(1));
        let layers = self.layers.iter();
        layers.map(|layer| layer.summary(steps, peak)).collect()
    }

    pub(super) fn summary(&self, measured: Measured, machine: Machine) -> Summary {
        let steps = f64::from(self.steps.max(1));
        let per_step = |spent: Duration| spent.as_secs_f64() / steps;
        let total = per_step(self.total);
        let peak = machine.peak_operations_per_second;
        let phase = |phase, seconds: f64, operations: f64| PhaseSummary {
            phase,
            seconds,
            share: seconds / total,
            operations_per_second: (operations > 0.0).then(|| operations / seconds),
            share_of_peak: (operations > 0.0).then(|| operations / seconds / peak),
        };
        let mut phases = Vec::new();
        let (mut working, mut operations) = (0.0, 0.0);
        for (index, name) in PARTS.into_iter().enumerate() {
            let spent: Duration = self.layers.iter().map(|layer| layer.parts[index]).sum();
            let seconds = per_step(spent) / self.threads;
            let counted = self.layers.iter().map(|layer| layer.operations[index]);
            let counted = counted.sum::<f64>() / steps;
            working += seconds;
            operations += counted;
            if spent > Duration::ZERO {
                phases.push(phase(name, seconds, counted));
            }
        }
        let sparse: Duration = self.layers.iter().map(|l| l.forward + l.backward).sum();
        phases.push(phase(
            "around tiles, and waiting",
            per_step(sparse) - working,
            0.0,
        ));
        phases.push(phase(
            "batch normalisation",
            per_step(self.normalisation),
            0.0,
        ));
        let layers = sparse + self.normalisation + self.head;
        let rest = self.head + self.network.saturating_sub(layers);
        phases.push(phase("pooling, classifier, loss", per_step(rest), 0.0));
        if self.update > Duration::ZERO {
            phases.push(phase("update, Gram matrices", per_step(self.update), 0.0));
        }
        phases.push(phase("loading", per_step(self.loading), 0.0));
        Summary {
            steps: self.steps,
            images_per_second: measured.batch_size as f64 / total,
            measured,
            seconds_per_step: total,
            share_of_peak: operations / total / peak,
            phases,
            layers: self.layer_summaries(peak),
            machine,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let machine = &self.machine;
        writeln!(
            f,
            "{}, batches of {}: {:.0} images/s, {:.1} ms per step, {:.0} % of peak",
            self.measured.preset,
            self.measured.batch_size,
            self.images_per_second,
            1e3 * self.seconds_per_step,
            100.0 * self.share_of_peak
        )?;
        write!(
            f,
            "{}, {} threads, f32: peak {:.0} GFLOP/s",
            machine.instruction_set,
            machine.threads,
            machine.peak_operations_per_second / 1e9
        )?;
        if let Some(bytes) = machine.peak_memory_bytes {
            write!(f, "; peak memory {} MiB", bytes >> 20)?;
        }
        let mut table = Table::new([
            left("phase"),
            right("ms"),
            right("share"),
            right("GFLOP/s"),
            right("peak"),
        ]);
        for phase in &self.phases {
            let rate = phase.operations_per_second;
            table.push([
                phase.phase.to_string(),
                format!("{:.2}", 1e3 * phase.seconds),
                format!("{:.1} %", 100.0 * phase.share),
                rate.map_or(String::new(), |rate| format!("{:.0}", rate / 1e9)),
                share_of_peak(phase.share_of_peak),
            ]);
        }
        write!(f, "\n\n{}\n\n{}", table.text(), layers::table(&self.layers))
    }
}

/// Formats a fraction of the machine's peak; empty if operations are not counted.
pub(super) fn share_of_peak(share: Option<f64>) -> String {
    share.map_or(String::new(), |share| format!("{:.0} %", 100.0 * share))
}
