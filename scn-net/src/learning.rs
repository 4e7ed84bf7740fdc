//! Progress and results of learning dictionaries before training.

use std::ops::ControlFlow;

/// The progress of [`Network::learn_dictionaries`](crate::Network::learn_dictionaries).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct LearningProgress {
    /// Index from 0 of the sparse coding layer whose dictionary is being learned or whose input is
    /// being computed.
    pub layer: usize,
    /// Number of sparse coding layers.
    pub layers: usize,
    /// Number of windows that the dictionary has learned from so far, repetitions included; 0 while
    /// the input of the layer is being computed.
    pub seen: u64,
    /// Number of windows in all epochs. Learning ends earlier if the objective stops falling.
    pub expected: u64,
    /// Mean cost of the latest windows, with the atoms that encoded them.
    pub objective: Option<f64>,
}

/// The result of learning a dictionary with
/// [`Network::learn_dictionaries`](crate::Network::learn_dictionaries). The cost of a window `x`
/// with code `a` is `1/2 ||x - D a||² + λ1'a + λ2/2 ||a||²`.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct LearnedDictionary {
    /// Number of different windows.
    pub windows: usize,
    /// λ1 used to encode the windows; the largest if each atom has its own.
    pub lambda1: f64,
    /// Number of epochs, each of which visits all windows.
    pub epochs: u64,
    /// Mean cost of a window in the last epoch, with the atoms that encoded it.
    pub objective: f64,
    /// Active code entries per window in the last step.
    pub active: f64,
}

/// A callback that receives the progress. If it returns a break, learning ends.
pub(crate) type LearningWatcher<'a> = dyn FnMut(&LearningProgress) -> ControlFlow<()> + 'a;
