//! Reports on a batch: of each sparse coding layer, of a training step, and of the time spent.

use std::time::Duration;

use scn_grad::{AdjointTimes, MaskedReport};
use scn_solvers::EncodeTimes;

/// The activity of a sparse coding layer on a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Activity {
    /// Fraction of active code entries.
    pub active: f64,
    /// λ1, averaged over the atoms.
    pub lambda1: f64,
    /// Solver passes per window.
    pub passes: f64,
    /// Largest KKT residual of any window.
    pub residual: f64,
    /// Number of windows that missed the tolerance.
    pub unconverged: usize,
    /// Number of windows.
    pub columns: usize,
    /// Times of the phases; zero unless [enabled](crate::Network::set_timed).
    pub times: EncodeTimes,
}

/// The activity of the adjoint of a sparse coding layer on a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct AdjointActivity {
    /// Passes of the linear solver per window.
    pub passes: f64,
    /// Largest relative residual of any window's linear system.
    pub residual: f64,
    /// Number of windows whose linear system was factorised.
    pub factorised: usize,
    /// Number of windows that missed the tolerance.
    pub unconverged: usize,
    /// Times of the phases; zero unless [enabled](crate::Network::set_timed).
    pub times: AdjointTimes,
}

/// The result of a training step.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StepReport {
    /// Mean loss over the batch.
    pub loss: f64,
    /// Number of images misclassified.
    pub errors: usize,
    /// The activity of each sparse coding layer.
    pub activity: Vec<Activity>,
    /// The activity of the adjoint of each sparse coding layer, in the same order.
    pub adjoint: Vec<AdjointActivity>,
    /// The times of each layer, in forward order; zero unless [enabled](crate::Network::set_timed).
    pub times: Vec<LayerTimes>,
}

/// The wall-clock time of a layer on a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LayerTimes {
    /// Name of the layer, as in the model file; the pooling is called `pooling`.
    pub layer: String,
    /// Time of the forward pass.
    pub forward: Duration,
    /// Time of the backward pass; zero in inference.
    pub backward: Duration,
}

/// The time of a kernel on a GPU, summed over its launches.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KernelTime {
    /// Name of the kernel, without the number of atoms that it is compiled for.
    pub kernel: String,
    /// Number of launches.
    pub launches: u64,
    /// Time on the device, measured with events before and after each launch.
    pub time: Duration,
}

/// The statistics of a solve of all windows, on any device.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SolveCounts {
    /// Number of active code entries.
    pub(crate) active: u64,
    /// Passes summed over windows.
    pub(crate) column_passes: u64,
    /// Largest KKT residual of any window.
    pub(crate) residual: f64,
    pub(crate) unconverged: usize,
    /// Number of windows.
    pub(crate) columns: usize,
    pub(crate) times: EncodeTimes,
}

impl Activity {
    /// Creates the report of a layer with `atoms` atoms, solved with `lambda1` (one value, or one
    /// per atom).
    pub(crate) fn new(atoms: usize, lambda1: &[f32], counts: SolveCounts) -> Self {
        let sum: f64 = lambda1.iter().map(|&value| f64::from(value)).sum();
        let codes = atoms * counts.columns;
        Self {
            active: counts.active as f64 / codes.max(1) as f64,
            lambda1: sum / lambda1.len().max(1) as f64,
            passes: counts.column_passes as f64 / counts.columns.max(1) as f64,
            residual: counts.residual,
            unconverged: counts.unconverged,
            columns: counts.columns,
            times: counts.times,
        }
    }
}

impl AdjointActivity {
    /// Creates the report of a layer whose linear systems were solved on the CPU.
    pub(crate) fn new(report: MaskedReport) -> Self {
        Self {
            passes: report.mean_passes(),
            residual: report.residual,
            factorised: report.factorised,
            unconverged: report.unconverged,
            times: report.times,
        }
    }
}

impl LayerTimes {
    /// Returns times of zero for layers of these names.
    pub(crate) fn zeros<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Self> {
        let zero = |layer: &str| Self {
            layer: layer.to_string(),
            ..Self::default()
        };
        names.map(zero).collect()
    }
}

/// Returns the larger residual, or NaN if either is NaN.
pub(crate) fn largest(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}
