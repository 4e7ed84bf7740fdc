//! The trait of all layers.

mod avg_pool;
mod batch_norm;
mod linear;
mod sparse_coding;

pub(crate) use avg_pool::AveragePooling;
pub(crate) use batch_norm::BatchNorm;
pub(crate) use linear::Linear;
pub(crate) use sparse_coding::{SparseCoding, SparseCodingInit};

use scn_grad::AdjointTimes;
use scn_solvers::EncodeTimes;

use crate::config::SolverConfig;
#[cfg(feature = "cuda")]
use crate::cuda::{CudaLayer, Inventory};
use crate::ops::batch_norm::GroupMoments;
use crate::param::Param;
use crate::tensor::{Shape, Tensor};
use crate::{ConfigError, NetError};

/// What a sparse coding layer did with a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Activity {
    /// Share of the codes that are not zero.
    pub active: f64,
    /// λ1, on average over the atoms.
    pub lambda1: f64,
    /// Passes of the solver per window.
    pub passes: f64,
    /// Largest KKT residual of any window.
    pub kkt: f64,
    /// Windows that missed the tolerance.
    pub unconverged: usize,
    /// Windows.
    pub columns: usize,
    /// Where the time went; zero unless [asked for](crate::Network::set_timed).
    pub times: EncodeTimes,
}

/// What the adjoint of a sparse coding layer did with a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdjointActivity {
    /// Passes of the linear solver per window.
    pub passes: f64,
    /// Largest relative residual of any window's linear system.
    pub residual: f64,
    /// Windows whose system was factorised.
    pub factorised: usize,
    /// Windows that missed the tolerance.
    pub unsolved: usize,
    /// Where the time went; zero unless [asked for](crate::Network::set_timed).
    pub times: AdjointTimes,
}

/// What a layer's backward pass needs of its forward pass. Tensors share their memory with the activations.
#[derive(Debug)]
pub(crate) enum Saved {
    /// Of a sparse coding layer.
    Codes { input: Tensor, codes: Tensor },
    /// Of a batch normalisation.
    Normalized {
        input: Tensor,
        moments: Vec<GroupMoments>,
    },
    /// Of the pooling.
    Pooled { shape: Shape },
    /// Of the classifier.
    Features { input: Tensor },
}

impl Saved {
    /// The moments of the groups of the batch, if a batch normalisation has saved this.
    pub(crate) fn moments(&self) -> Option<&[GroupMoments]> {
        match self {
            Saved::Normalized { moments, .. } => Some(moments),
            _ => None,
        }
    }
}

/// A layer. It owns its parameters and what it derives from them; a forward pass keeps nothing in it.
pub(crate) trait Layer: Send + Sync + std::fmt::Debug {
    /// The output for data that is not learned from. No statistic is updated.
    fn infer(&self, x: Tensor) -> Result<(Tensor, Option<Activity>), NetError>;

    /// The output in training, where a batch normalisation divides the images into so many [groups](scn_data::groups), and what `backward`
    /// needs. The same to the bit if it is asked for again.
    fn forward(
        &self,
        x: Tensor,
        groups: usize,
    ) -> Result<(Tensor, Saved, Option<Activity>), NetError>;

    /// Takes note of the moments of the groups of a batch in training, for a batch normalisation.
    fn record(&mut self, _moments: &[GroupMoments]) {}

    /// Adds to the gradients of the parameters; returns dLoss/dx.
    fn backward(
        &mut self,
        saved: Saved,
        dy: Tensor,
    ) -> Result<(Tensor, Option<AdjointActivity>), NetError>;

    /// Its parameters with their names within the layer.
    fn params(&self) -> Vec<(&'static str, &Param)>;

    /// The same, to be changed; [`refresh`](Self::refresh) must follow a change of values.
    fn params_mut(&mut self) -> Vec<(&'static str, &mut Param)>;

    /// The same layer on a graphics processor, which takes its place in the inventory.
    #[cfg(feature = "cuda")]
    fn to_cuda(&self, inventory: &mut Inventory) -> CudaLayer;

    /// Derives anew what depends on the parameters.
    fn refresh(&mut self) -> Result<(), NetError> {
        Ok(())
    }

    /// From here until [`finish_moments`](Self::finish_moments), training passes sum up their moments instead of moving
    /// running averages.
    fn collect_moments(&mut self) {}

    /// Replaces the running moments by those of all batches since [`collect_moments`](Self::collect_moments).
    fn finish_moments(&mut self) {}

    /// Solves with other settings from here on; for a sparse coding layer.
    fn set_solver(&mut self, _solver: &SolverConfig) -> Result<(), ConfigError> {
        Ok(())
    }

    /// Whether reports are to say where the time went; for a sparse coding layer.
    fn set_timed(&mut self, _timed: bool) -> Result<(), ConfigError> {
        Ok(())
    }

    /// Condition number of `H`, for a sparse coding layer.
    fn condition(&self) -> Option<f64> {
        None
    }
}

/// The error of a layer that is handed another layer's [`Saved`].
pub(crate) fn wrong_saved(layer: &str) -> NetError {
    NetError::Input {
        layer: layer.to_string(),
        expected: "what its own forward pass saved".to_string(),
        found: "that of another layer".to_string(),
    }
}
