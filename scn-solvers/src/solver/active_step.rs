//! A step to the minimum on the active set, for all columns of a tile at once.
//!
//! Let L be the active set of a column and s its signs. The minimum on L is at `a + d`, where
//!
//! ```text
//! H_LL d_L = r_L,      r = c - λ1 s - H a
//! ```
//!
//! As long as no code changes its sign, a step d changes the objective by `1/2 d'Hd - r'd`.

use super::Tile;
use crate::kkt;
use crate::memory::TileMemory;
use crate::tile::kernels::{
    ActiveRightSide, ClipSteps, Curvature, Product, SubtractFrom, TakeSteps,
};
use crate::tile::{ConjugateGradients, Scalar, padded};

/// Maximum number of products with `H` in one run of conjugate gradients.
const PRODUCTS: u32 = 40;

/// Conjugate gradients stop once the remainder `max |r|` is below this fraction of the tolerance or
/// of its initial value. A rough solution is enough while active sets still change. Near the end,
/// where r is computed in `f64`, each step should count.
const OF_TOLERANCE: f64 = 0.3;
const OF_START: f64 = 0.3;
const OF_START_IN_F64: f64 = 0.05;

/// The effect of a step on the active sets of a tile.
pub(super) enum ActiveSetWas {
    /// No code changed its sign.
    Kept,
    /// Some codes would have changed their sign and became zero.
    Cut,
}

/// The source of `c - H a` at the current codes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum DescentFrom {
    /// Computed from the codes in the type of the tile.
    Codes,
    /// Computed from the codes in `f64`.
    CodesInF64,
    /// Computed in `f64` by the certificate that these codes failed.
    Certificate,
}

/// The memory of steps on the active set: tiles with one row per padded atom, and a row with one
/// entry per column.
#[derive(Debug, Clone)]
pub(super) struct ActiveStep<T> {
    /// 1 on the active set, 0 elsewhere.
    mask: Vec<T>,
    right_side: Vec<T>,
    system: ConjugateGradients<T>,
    /// `H d`
    product: Vec<T>,
    /// `d'H d`
    curvature: Vec<T>,
}

impl<T: Scalar> ActiveStep<T> {
    pub(super) fn new(atoms: usize) -> Self {
        let tile = vec![T::ZERO; padded(atoms) * T::tile()];
        Self {
            mask: tile.clone(),
            right_side: tile.clone(),
            system: ConjugateGradients::new(),
            product: tile,
            curvature: vec![T::ZERO; T::tile()],
        }
    }

    /// Takes the step. Codes that would change their sign become zero.
    pub(super) fn take(
        &mut self,
        tile: &mut Tile<'_, T>,
        tolerance: f64,
        from: DescentFrom,
    ) -> ActiveSetWas {
        match from {
            DescentFrom::Codes => measure_descent(tile),
            DescentFrom::CodesInF64 => tile.measure_in_f64(),
            DescentFrom::Certificate => {}
        }
        let in_f64 = from != DescentFrom::Codes;
        let of_start = if in_f64 { OF_START_IN_F64 } else { OF_START };
        let products = self.solve(tile, tolerance, of_start);
        let memory = &mut *tile.memory;
        memory.step.resize(memory.codes.len(), T::ZERO);
        let clipped = T::clip_steps(ClipSteps {
            codes: &memory.codes,
            steps: self.system.solution(),
            clipped: &mut memory.step,
        });
        if clipped {
            T::curvature(Curvature {
                gram: tile.problem.operator().gram_panels(),
                direction: &memory.step,
                product: &mut self.product,
                curvature: &mut self.curvature,
            });
            self.shorten(memory);
        }
        T::take_steps(TakeSteps {
            codes: &mut memory.codes,
            steps: &mut memory.step,
        });
        let measured = u32::from(from != DescentFrom::Certificate);
        tile.count_products(products + u32::from(clipped) + measured);
        if clipped {
            return ActiveSetWas::Cut;
        }
        tile.memory.step_is_near = in_f64 && kkt::is_near(tile.problem, tile.memory, tolerance);
        ActiveSetWas::Kept
    }

    /// Solves for d and returns the number of products with `H`.
    fn solve(&mut self, tile: &Tile<'_, T>, tolerance: f64, of_start: f64) -> u32 {
        let memory = &*tile.memory;
        T::active_right_side(ActiveRightSide {
            lambda1: tile.problem.padded_lambda1(),
            codes: &memory.codes,
            descent: &memory.descent,
            right_side: &mut self.right_side,
            mask: &mut self.mask,
        });
        let goal = |column: usize, start: f64| {
            (OF_TOLERANCE * tolerance * memory.scale[column].to_f64()).max(of_start * start)
        };
        self.system.solve(
            tile.problem.operator(),
            &self.mask,
            &self.right_side,
            tile.columns,
            goal,
            PRODUCTS,
        )
    }

    /// Replaces each clipped step that would raise the objective by the unclipped step, shortened
    /// so that no code changes its sign.
    fn shorten(&self, memory: &mut TileMemory<T>) {
        let width = T::tile();
        let TileMemory { codes, step, .. } = memory;
        let solution = self.system.solution();
        for column in 0..width {
            let entries = || (column..codes.len()).step_by(width);
            let slope: f64 = entries()
                .map(|entry| self.right_side[entry].to_f64() * step[entry].to_f64())
                .sum();
            if 0.5 * self.curvature[column].to_f64() <= slope {
                continue;
            }
            let mut share = T::ONE;
            for entry in entries() {
                let (code, whole) = (codes[entry], solution[entry]);
                if (code + whole) * code < T::ZERO && -code / whole < share {
                    share = -code / whole;
                }
            }
            for entry in entries() {
                let part = share * solution[entry];
                let crosses = (codes[entry] + part) * codes[entry] < T::ZERO;
                step[entry] = if crosses { -codes[entry] } else { part };
            }
        }
    }
}

/// Computes `c - H a`.
fn measure_descent<T: Scalar>(tile: &mut Tile<'_, T>) {
    let TileMemory {
        codes,
        correlations,
        descent,
        ..
    } = &mut *tile.memory;
    descent.resize(codes.len(), T::ZERO);
    T::product(Product {
        matrix: tile.problem.operator().gram_panels(),
        y: codes,
        out: descent,
    });
    T::subtract_from(SubtractFrom {
        from: correlations,
        values: descent,
    });
}
