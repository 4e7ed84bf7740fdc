//! What is reported of a batch: by each sparse coding layer, by a step, and where the time went.

use std::time::Duration;

use scn_grad::{AdjointTimes, MaskedReport};
use scn_solvers::EncodeTimes;

/// What a sparse coding layer did with a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Activity {
    /// Share of the codes that are not zero.
    pub active: f64,
    /// λ1, averaged over the atoms.
    pub lambda1: f64,
    /// Passes of the solver per window.
    pub passes: f64,
    /// Largest KKT residual of any window.
    pub residual: f64,
    /// Windows that missed the tolerance.
    pub unconverged: usize,
    /// Windows.
    pub columns: usize,
    /// Where the time went; zero unless [asked for](crate::Network::set_timed).
    pub times: EncodeTimes,
}

/// What the adjoint of a sparse coding layer did with a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct AdjointActivity {
    /// Passes of the linear solver per window.
    pub passes: f64,
    /// Largest relative residual of any window's linear system.
    pub residual: f64,
    /// Windows whose system was factorised.
    pub factorised: usize,
    /// Windows that missed the tolerance.
    pub unconverged: usize,
    /// Where the time went; zero unless [asked for](crate::Network::set_timed).
    pub times: AdjointTimes,
}

/// The result of a batch in training.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StepReport {
    /// Mean loss over the batch.
    pub loss: f64,
    /// Images classified wrongly.
    pub errors: usize,
    /// What each sparse coding layer did.
    pub activity: Vec<Activity>,
    /// What the adjoint of each sparse coding layer did, in the same order.
    pub adjoint: Vec<AdjointActivity>,
    /// The time that each layer took, in order of flow; zero unless [asked
    /// for](crate::Network::set_timed).
    pub times: Vec<LayerTimes>,
}

/// The time that a layer took with a batch, on the clock.
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

/// The time that one kernel took on a graphics processor, summed over its launches.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KernelTime {
    /// Name of the kernel, without the number of atoms that it is made for.
    pub kernel: String,
    /// Number of launches.
    pub launches: u64,
    /// The time on the device, measured by an event before and one after each launch.
    pub time: Duration,
}

/// What a solve of all windows counted, on whatever device.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SolveCounts {
    /// Codes that are not zero.
    pub(crate) active: u64,
    /// Passes summed over windows.
    pub(crate) column_passes: u64,
    /// The largest of any window.
    pub(crate) residual: f64,
    pub(crate) unconverged: usize,
    /// Windows.
    pub(crate) columns: usize,
    pub(crate) times: EncodeTimes,
}

impl Activity {
    /// The report of a layer with so many atoms, solved with `lambda1` (one, or one per atom).
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
    /// The report of a layer whose linear systems were solved on this machine's processor.
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
    /// Zero, for layers of these names.
    pub(crate) fn zeros<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Self> {
        let zero = |layer: &str| Self {
            layer: layer.to_string(),
            ..Self::default()
        };
        names.map(zero).collect()
    }
}

/// The larger residual; NaN if one is.
pub(crate) fn largest(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}
