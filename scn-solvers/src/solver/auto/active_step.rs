//! A step to the minimum on the active set, for all columns of a tile at once.
//!
//! With the active set L of a column and its signs s, the minimum on L is at `a + d`, where
//!
//! ```text
//! H_LL d_L = r_L,      r = c - λ1 s - H a
//! ```
//!
//! As long as no code changes its sign, a move by d changes the objective by `1/2 d'Hd - r'd`.

use crate::kernel::{Compiled, Curvature, Product};
use crate::solver::Tile;
use crate::{Problem, Scalar, Workspace, kkt};

/// Products that conjugate gradients make at most.
const PRODUCTS: u32 = 40;

/// The remainder `max |r|` that ends them: so much of the tolerance, or of what it was. While active sets still change a
/// rough solution does; near the end, where r is taken in `f64`, each step is to count.
const OF_TOLERANCE: f64 = 0.3;
const OF_START: f64 = 0.3;
const OF_START_IN_F64: f64 = 0.05;

/// What a step made of the active sets of a tile.
pub(super) enum ActiveSetWas {
    /// No code changed its sign.
    Kept,
    /// Some would have, and were cut off.
    Cut,
}

/// Where `c - H a` at the codes comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pull {
    /// It is taken in the type of the tile.
    ToTake,
    /// It is taken in `f64`.
    ToTakeInF64,
    /// The certificate that these codes failed has taken it in `f64`.
    OfCertificate,
}

/// Takes the step. Codes that would change their sign become zero.
pub(super) fn take<T: Scalar>(tile: &mut Tile<'_, T>, tolerance: f64, pull: Pull) -> ActiveSetWas {
    match pull {
        Pull::ToTake => take_pull(tile.problem, tile.workspace),
        Pull::ToTakeInF64 => tile.measure_in_f64(),
        Pull::OfCertificate => {}
    }
    let in_f64 = pull != Pull::ToTake;
    prepare(tile.problem, tile.workspace);
    let products = conjugate_gradients(
        tile,
        tolerance,
        if in_f64 { OF_START_IN_F64 } else { OF_START },
    );
    let checked = tile.workspace.clip();
    if checked {
        let workspace = &mut *tile.workspace;
        T::dispatch(Curvature {
            gram: tile.problem.gram_panels(),
            direction: &workspace.subspace.system.direction,
            product: &mut workspace.product,
            curvature: &mut workspace.change,
        });
        workspace.shorten();
    }
    tile.workspace.walk();
    tile.workspace.extra_passes +=
        products + u32::from(checked) + u32::from(pull != Pull::OfCertificate);
    if checked {
        return ActiveSetWas::Cut;
    }
    tile.workspace.pull_is_near = in_f64 && kkt::is_near(tile.problem, tile.workspace, tolerance);
    ActiveSetWas::Kept
}

/// `c - H a`
fn take_pull<T: Scalar>(problem: &Problem<T>, workspace: &mut Workspace<T>) {
    let Workspace {
        codes,
        correlations,
        pull,
        ..
    } = workspace;
    pull.resize(codes.len(), T::ZERO);
    T::dispatch(Product {
        matrix: problem.gram_panels(),
        y: codes,
        out: pull,
    });
    let entries = pull.iter_mut().zip(&*correlations);
    T::dispatch(Compiled(|| {
        for (pull, &correlation) in entries {
            *pull = correlation - *pull;
        }
    }));
}

/// The entry of `r` for an active code, zero for others.
#[inline(always)]
fn toward_minimum<T: Scalar>(code: T, pull: T, lambda1: T) -> T {
    if code > T::ZERO {
        pull - lambda1
    } else if code < T::ZERO {
        pull + lambda1
    } else {
        T::ZERO
    }
}

/// Fills mask and right side from the pull.
fn prepare<T: Scalar>(problem: &Problem<T>, workspace: &mut Workspace<T>) {
    let width = T::tile();
    let state = &mut workspace.subspace;
    let rows = workspace
        .codes
        .chunks_exact(width)
        .zip(workspace.pull.chunks_exact(width))
        .zip(state.right_side.chunks_exact_mut(width))
        .zip(problem.padded_lambda1());
    T::dispatch(Compiled(|| {
        for (((codes, pull), right_side), &lambda1) in rows {
            for k in 0..width {
                right_side[k] = toward_minimum(codes[k], pull[k], lambda1);
            }
        }
    }));
    let entries = workspace.codes.iter().zip(&mut state.mask);
    T::dispatch(Compiled(|| {
        for (&code, mask) in entries {
            *mask = if code != T::ZERO { T::ONE } else { T::ZERO };
        }
    }));
}

/// Solves for d. Returns the number of products with `H`.
fn conjugate_gradients<T: Scalar>(tile: &mut Tile<'_, T>, tolerance: f64, of_start: f64) -> u32 {
    let Workspace {
        subspace, scale, ..
    } = &mut *tile.workspace;
    let goal = |column: usize, start: f64| {
        (OF_TOLERANCE * tolerance * scale[column].to_f64()).max(of_start * start)
    };
    subspace.system.solve(
        tile.problem,
        &subspace.mask,
        &subspace.right_side,
        tile.columns,
        goal,
        PRODUCTS,
    )
}

impl<T: Scalar> Workspace<T> {
    /// Copies the solution to `direction`, cut off where a code would change its sign. Whether any would.
    fn clip(&mut self) -> bool {
        let state = &mut self.subspace;
        let entries = self
            .codes
            .iter()
            .zip(&state.system.solution)
            .zip(&mut state.system.direction);
        T::dispatch(Compiled(|| {
            let mut clipped = false;
            for ((&code, &way), direction) in entries {
                let crosses = (code + way) * code < T::ZERO;
                clipped |= crosses;
                *direction = if crosses { -code } else { way };
            }
            clipped
        }))
    }

    /// Where the clipped way would raise the objective, takes the solution's instead, as far as no code changes its sign.
    /// `change` holds the curvature `d'Hd` of the clipped way.
    fn shorten(&mut self) {
        let width = T::tile();
        for column in 0..width {
            let entries = || (column..self.codes.len()).step_by(width);
            let state = &self.subspace;
            let slope: f64 = entries()
                .map(|entry| {
                    state.right_side[entry].to_f64() * state.system.direction[entry].to_f64()
                })
                .sum();
            if 0.5 * self.change[column].to_f64() <= slope {
                continue;
            }
            let mut step = T::ONE;
            for entry in entries() {
                let (code, way) = (self.codes[entry], state.system.solution[entry]);
                if (code + way) * code < T::ZERO && -code / way < step {
                    step = -code / way;
                }
            }
            for entry in (column..self.codes.len()).step_by(width) {
                let way = step * self.subspace.system.solution[entry];
                let crosses = (self.codes[entry] + way) * self.codes[entry] < T::ZERO;
                self.subspace.system.direction[entry] =
                    if crosses { -self.codes[entry] } else { way };
            }
        }
    }

    /// Makes the step, and leaves in `direction` what rounding makes of it.
    fn walk(&mut self) {
        let entries = self
            .codes
            .iter_mut()
            .zip(&mut self.subspace.system.direction);
        T::dispatch(Compiled(|| {
            for (code, way) in entries {
                let from = *code;
                *code += *way;
                *way = *code - from;
            }
        }));
    }
}
