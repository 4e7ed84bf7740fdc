//! What is said of dictionaries that are learned before training.

use std::ops::ControlFlow;

/// How far [`Network::learn_dictionaries`](crate::Network::learn_dictionaries) has come.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct LearningProgress {
    /// The sparse coding layer whose dictionary is learned, or whose input is computed; from 0.
    pub layer: usize,
    /// Number of sparse coding layers.
    pub layers: usize,
    /// Windows that the dictionary has learned from so far, each time counted; 0 while the input of
    /// the layer is computed.
    pub seen: u64,
    /// Windows that it learns from in all epochs; fewer, where the objective stops falling earlier.
    pub expected: u64,
    /// What the latest windows cost, on average, over the atoms as they were.
    pub objective: Option<f64>,
}

/// A dictionary that [`Network::learn_dictionaries`](crate::Network::learn_dictionaries) has
/// learned. Costs are `1/2 ||x - D a||² + λ1'a + λ2/2 ||a||²` for a window `x` and its code `a`.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct LearnedDictionary {
    /// Number of different windows.
    pub windows: usize,
    /// λ1 that they were coded with; the largest, if each atom has its own.
    pub lambda1: f64,
    /// Passes over the windows.
    pub epochs: u64,
    /// Mean cost of a window in the last pass, over the atoms as they were when its turn came.
    pub objective: f64,
    /// Codes that were not zero, per window, in the last step.
    pub active: f64,
}

/// Who watches. Any answer that is a break ends the learning.
pub(crate) type LearningWatcher<'a> = dyn FnMut(&LearningProgress) -> ControlFlow<()> + 'a;
