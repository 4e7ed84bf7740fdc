//! Proximal gradient steps on a tile, with or without momentum.

use super::Tile;
use crate::tile::kernels::{FistaState, FistaStep};
use crate::tile::{Scalar, padded};

/// The state of proximal gradient steps: tiles with one row per padded atom, and rows with one
/// entry per column.
#[derive(Debug, Clone)]
pub struct Momentum<T> {
    /// `z`
    pub(super) extrapolated: Vec<T>,
    /// The next `z`.
    next_extrapolated: Vec<T>,
    /// The weight of the extrapolation.
    pub(super) weight: Vec<T>,
    /// Steps since the last restart.
    pub(super) since_restart: Vec<u32>,
    /// `L max_j |a_j - z_j|` of the last measured step.
    pub(super) change: Vec<T>,
    /// Positive where the last measured step went against the momentum.
    pub(super) uphill: Vec<T>,
    /// Steps taken on the tile.
    pub(super) steps: u32,
    pub(super) backtracking: Backtracking<T>,
}

/// The state of the search for `L`. It allocates nothing until backtracking begins.
#[derive(Debug, Clone, Default)]
pub(super) struct Backtracking<T> {
    pub(super) lipschitz: T,
    /// The codes before the step.
    pub(super) before: Vec<T>,
    /// `a - z`
    pub(super) step: Vec<T>,
    /// `H (a - z)`
    pub(super) product: Vec<T>,
    /// `(a - z)'H(a - z)`, one entry per column.
    pub(super) curvature: Vec<T>,
}

impl<T: Scalar> Momentum<T> {
    pub(super) fn new(atoms: usize) -> Self {
        let tile = vec![T::ZERO; padded(atoms) * T::tile()];
        let row = vec![T::ZERO; T::tile()];
        Self {
            extrapolated: tile.clone(),
            next_extrapolated: tile,
            weight: row.clone(),
            since_restart: vec![0; T::tile()],
            change: row.clone(),
            uphill: row,
            steps: 0,
            backtracking: Backtracking::default(),
        }
    }

    /// Takes one step on the whole tile with the current weights. [`turn`](Self::turn) makes the
    /// next `z` current.
    pub(super) fn step(&mut self, tile: &mut Tile<'_, T>, lipschitz: T, measure: bool) {
        let problem = tile.problem;
        T::fista_step(FistaStep {
            signed: problem.signed(),
            gram: problem.operator().gram_panels(),
            lipschitz,
            lambda1: problem.padded_lambda1(),
            correlations: &tile.memory.correlations,
            state: FistaState {
                codes: &mut tile.memory.codes,
                extrapolated: &self.extrapolated,
                next_extrapolated: &mut self.next_extrapolated,
                weight: &self.weight,
            },
            measure,
            change: &mut self.change,
            uphill: &mut self.uphill,
        });
    }

    /// Makes the next `z` current.
    pub(super) fn turn(&mut self) {
        std::mem::swap(&mut self.extrapolated, &mut self.next_extrapolated);
    }
}

impl<T: Scalar> Backtracking<T> {
    /// Allocates the memory, and starts at the smallest possible `L`.
    pub(super) fn begin(&mut self, diagonal: &[T]) {
        let tile = diagonal.len() * T::tile();
        for buffer in [&mut self.before, &mut self.step, &mut self.product] {
            buffer.resize(tile, T::ZERO);
        }
        self.curvature.resize(T::tile(), T::ZERO);
        let diagonal = diagonal.iter().copied();
        let largest = diagonal.fold(T::ZERO, |a, b| if a > b { a } else { b });
        self.lipschitz = if largest > T::ZERO { largest } else { T::ONE };
    }
}
