//! Dictionary learning of one layer, on windows of its input.

use std::ops::ControlFlow;

use faer::{ColRef, Mat};
use scn_solvers::learn::{
    AtomNorm, AtomSet, DictionaryStart, LearnError, LearnReport, LearnSettings, LearnStop, Learner,
};
use scn_solvers::{Auto, ColumnSource, ElasticNet, Lambda1, Settings, Sign};

use crate::config::LearnedConfig;
use crate::error::NetError;
use crate::init::sample_windows;
use crate::layer::sparse_coding::SparseCoding;
use crate::learning::{LearnedDictionary, LearningProgress, LearningWatcher};
use crate::ops::windows::MapWindows;
use crate::tensor::Tensor;

/// The KKT residual of codes while atoms are learned. It is that of training at the initial rate.
const TOLERANCE: f64 = 1e-3;

/// The settings of dictionary learning in a network, and its watcher.
pub(super) struct Lesson<'a> {
    pub(super) settings: LearnedConfig,
    pub(super) max_passes: u32,
    pub(super) seed: u64,
    /// Number of sparse coding layers.
    pub(super) layers: usize,
    pub(super) watcher: &'a mut LearningWatcher<'a>,
}

impl Lesson<'_> {
    /// Learns the dictionary of layer number `layer` from these maps.
    pub(super) fn learn(
        &mut self,
        coding: &mut SparseCoding,
        maps: &[Tensor],
        layer: usize,
    ) -> Result<LearnedDictionary, Failure> {
        let settings = self.settings;
        let (windows, seed) = windows(coding, maps, settings.windows, self.seed, layer);
        let penalty = penalty(coding, settings.lambda1, &windows);
        let lambda1 = match &penalty.lambda1 {
            Lambda1::Scalar(shared) => *shared,
            Lambda1::PerAtom(each) => each.iter().copied().fold(0.0, f32::max),
        };
        let atoms = AtomSet {
            sign: Sign::Free,
            norm: AtomNorm::Sphere,
        };
        let learn = LearnSettings::new(penalty)
            .atoms(atoms)
            .seed(seed)
            .max_epochs(settings.epochs);
        let start = DictionaryStart::Samples;
        let mut learner = Learner::new(learn, &windows, coding.atoms(), &start)?;
        let solver = Auto::new(Settings::new(TOLERANCE, self.max_passes).map_err(NetError::from)?);
        let expected = settings.epochs.saturating_mul(windows.ncols() as u64);
        let mut objective = 0.0;
        self.tell(layer, 0, expected, None)?;
        let report = learner.run(&solver, &windows, None, &mut |progress| {
            objective = progress.objective;
            match self.tell(layer, progress.signals, expected, Some(objective)) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        })?;
        let LearnReport {
            stop,
            epochs,
            active,
            objective: measured,
            ..
        } = report;
        if stop == LearnStop::Callback {
            return Err(NetError::Stopped.into());
        }
        let dictionary = learner.dictionary();
        let rows = coding.dictionary.value.chunks_exact_mut(dictionary.ncols());
        for (row, learned) in rows.zip(dictionary.row_iter()) {
            for (entry, &learned) in row.iter_mut().zip(learned.iter()) {
                *entry = learned;
            }
        }
        Ok(LearnedDictionary {
            windows: windows.ncols(),
            lambda1: lambda1.into(),
            epochs,
            objective: measured.unwrap_or(objective),
            active,
        })
    }

    /// Reports the progress of a layer.
    ///
    /// # Errors
    /// Returns [`NetError::Stopped`] if the watcher stops the learning.
    pub(super) fn tell(
        &mut self,
        layer: usize,
        seen: u64,
        expected: u64,
        objective: Option<f64>,
    ) -> Result<(), NetError> {
        let progress = LearningProgress {
            layer,
            layers: self.layers,
            seen,
            expected,
            objective,
        };
        match (self.watcher)(&progress) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(NetError::Stopped),
        }
    }
}

/// The reason why the dictionary of a layer was not learned.
pub(super) enum Failure {
    Learning(LearnError),
    Net(NetError),
}

impl Failure {
    pub(super) fn of(self, layer: &str) -> NetError {
        match self {
            Self::Learning(source) => NetError::Learning {
                layer: layer.to_string(),
                source,
            },
            Self::Net(error) => error,
        }
    }
}

impl From<LearnError> for Failure {
    fn from(error: LearnError) -> Self {
        Self::Learning(error)
    }
}

impl From<NetError> for Failure {
    fn from(error: NetError) -> Self {
        Self::Net(error)
    }
}

/// Draws at most `count` windows of these maps, one per column, and a seed for the learning. The
/// draws depend on the number of the layer.
fn windows(
    coding: &SparseCoding,
    maps: &[Tensor],
    count: usize,
    seed: u64,
    layer: usize,
) -> (Mat<f32>, u64) {
    let sources: Vec<MapWindows<'_>> = maps
        .iter()
        .map(|map| MapWindows::new(map, coding.window, coding.stride))
        .collect();
    let total = sources.iter().map(ColumnSource::columns).sum();
    let (places, seed) = sample_windows(total, count, seed, layer);
    let mut windows = Mat::zeros(coding.rows(), places.len());
    let (mut sources, mut first) = (sources.iter().peekable(), 0);
    for (k, place) in places.into_iter().enumerate() {
        while let Some(source) = sources.next_if(|source| place - first >= source.columns()) {
            first += source.columns();
        }
        if let Some(source) = sources.peek() {
            let column = place - first;
            source.pack(column..column + 1, windows.col_as_slice_mut(k), 1);
        }
    }
    (windows, seed)
}

/// Returns the penalty of a layer, with λ1 raised to at least `fraction` of the mean norm of its
/// windows.
fn penalty(coding: &SparseCoding, fraction: f32, windows: &Mat<f32>) -> ElasticNet<f32> {
    let norm = |k| f64::from(ColRef::from_slice(windows.col_as_slice(k)).norm_l2());
    let sum: f64 = (0..windows.ncols()).map(norm).sum();
    let mean = sum / windows.ncols().max(1) as f64;
    let least = (f64::from(fraction) * mean) as f32;
    let own = coding.penalty();
    ElasticNet {
        lambda1: match own.lambda1 {
            Lambda1::Scalar(shared) => Lambda1::Scalar(shared.max(least)),
            Lambda1::PerAtom(each) => {
                Lambda1::PerAtom(each.into_iter().map(|own| own.max(least)).collect())
            }
        },
        ..own
    }
}
