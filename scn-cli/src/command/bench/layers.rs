//! Sums and table of the sparse coding layers of a network.

use std::time::Duration;

use scn_net::{Activity, AdjointActivity, NetworkConfig};
use serde::Serialize;

use crate::table::{Table, right};

/// Sums over steps of one sparse coding layer.
pub(super) struct Layer {
    pub(super) rows: usize,
    pub(super) atoms: usize,
    pub(super) windows: u64,
    pub(super) active: f64,
    pub(super) passes: f64,
    pub(super) adjoint_passes: f64,
    pub(super) forward: Duration,
    pub(super) backward: Duration,
    /// Time of each part, summed over threads, in the order of [`PARTS`].
    pub(super) parts: [Duration; PARTS.len()],
    /// Floating point operations of each part.
    pub(super) operations: [f64; PARTS.len()],
}

/// The parts of the work of threads in a sparse coding layer.
pub(super) const PARTS: [&str; 9] = [
    "windows",
    "D'x",
    "solve",
    "store codes",
    "adjoint: windows",
    "adjoint: solve",
    "adjoint: dLoss/dD",
    "adjoint: D y",
    "adjoint: scatter",
];

/// Index of the first part that belongs to the adjoint.
const ADJOINT: usize = 4;

/// One layer, averaged over steps.
#[derive(Debug, Serialize)]
pub(super) struct LayerSummary {
    rows: usize,
    atoms: usize,
    windows: u64,
    active: f64,
    passes: f64,
    /// None in inference.
    adjoint_passes: Option<f64>,
    forward_seconds: f64,
    backward_seconds: f64,
    share_of_peak: f64,
}

impl Layer {
    /// Creates all sparse coding layers of a network, with sums of zero.
    pub(super) fn all(network: &NetworkConfig) -> Vec<Self> {
        let mut channels = network.input[0];
        let layers = network.layers.iter().map(|layer| {
            let rows = channels * network.window * network.window;
            channels = layer.atoms;
            Layer {
                rows,
                atoms: layer.atoms,
                windows: 0,
                active: 0.0,
                passes: 0.0,
                adjoint_passes: 0.0,
                forward: Duration::ZERO,
                backward: Duration::ZERO,
                parts: Default::default(),
                operations: Default::default(),
            }
        });
        layers.collect()
    }

    pub(super) fn take_codes(&mut self, activity: &Activity) {
        let times = activity.times;
        let columns = activity.columns as f64;
        let (rows, atoms) = (self.rows as f64, self.atoms as f64);
        self.windows += activity.columns as u64;
        self.active += activity.active;
        self.passes += activity.passes;
        let passes = activity.passes;
        let spent = [
            (times.gather, 0.0),
            (times.correlate, 2.0 * rows * atoms * columns),
            (times.solve, 2.0 * passes * atoms * atoms * columns),
            (times.store, 0.0),
        ];
        self.spend(0, spent);
    }

    pub(super) fn take_adjoint(&mut self, columns: f64, adjoint: &AdjointActivity) {
        let times = adjoint.times;
        let (rows, atoms) = (self.rows as f64, self.atoms as f64);
        self.adjoint_passes += adjoint.passes;
        let passes = adjoint.passes;
        let spent = [
            (times.gather, 0.0),
            (times.solve, 2.0 * passes * atoms * atoms * columns),
            (times.sums, 2.0 * (rows + atoms) * atoms * columns),
            (times.product, 2.0 * rows * atoms * columns),
            (times.scatter, 0.0),
        ];
        self.spend(ADJOINT, spent);
    }

    /// Adds time and operations to consecutive parts, from `first` on.
    fn spend<const COUNT: usize>(&mut self, first: usize, spent: [(Duration, f64); COUNT]) {
        let parts = self.parts[first..].iter_mut();
        let parts = parts.zip(&mut self.operations[first..]);
        for ((part, operations), (time, counted)) in parts.zip(spent) {
            *part += time;
            *operations += counted;
        }
    }

    pub(super) fn summary(&self, steps: f64, peak: f64) -> LayerSummary {
        let seconds = (self.forward + self.backward).as_secs_f64();
        LayerSummary {
            rows: self.rows,
            atoms: self.atoms,
            windows: self.windows / steps as u64,
            active: self.active / steps,
            passes: self.passes / steps,
            adjoint_passes: (self.backward > Duration::ZERO).then_some(self.adjoint_passes / steps),
            forward_seconds: self.forward.as_secs_f64() / steps,
            backward_seconds: self.backward.as_secs_f64() / steps,
            share_of_peak: self.operations.iter().sum::<f64>() / seconds / peak,
        }
    }
}

/// Formats the table of all layers.
pub(super) fn table(layers: &[LayerSummary]) -> String {
    let mut table = Table::new([
        right("layer"),
        right("m x n"),
        right("windows"),
        right("active"),
        right("passes"),
        right("adjoint"),
        right("forward"),
        right("backward"),
        right("peak"),
    ]);
    for (index, layer) in layers.iter().enumerate() {
        let adjoint = layer.adjoint_passes.map(|passes| format!("{passes:.1}"));
        table.push([
            index.to_string(),
            format!("{} x {}", layer.rows, layer.atoms),
            layer.windows.to_string(),
            format!("{:.0} %", 100.0 * layer.active),
            format!("{:.1}", layer.passes),
            adjoint.unwrap_or_else(|| "-".to_string()),
            format!("{:.2}", 1e3 * layer.forward_seconds),
            format!("{:.2}", 1e3 * layer.backward_seconds),
            format!("{:.0} %", 100.0 * layer.share_of_peak),
        ]);
    }
    format!(
        "sparse coding layers; forward and backward in ms\n{}",
        table.text()
    )
}
