//! One Gauss-Seidel sweep over all rows of `H a = c`, with a rule that is applied to every new entry.

use super::{Kernel, Lanes};
use crate::Scalar;
use crate::tile::{PANEL, Panels, VECTOR_GROUP};

/// What is done to the unconstrained minimiser of one coordinate.
pub(crate) trait Rule<T>: Copy {
    /// The new entry for atom `atom`, register `register` of its tile row.
    fn apply<L: Lanes<T>>(
        self,
        lanes: L,
        value: L::Vector,
        atom: usize,
        register: usize,
    ) -> L::Vector;
}

/// `max(v - λ1/H_jj, 0)`: nonnegative codes.
#[derive(Clone, Copy)]
pub(crate) struct Clip<'a, T> {
    pub(crate) threshold: &'a [T],
}

impl<T: Scalar> Rule<T> for Clip<'_, T> {
    #[inline(always)]
    fn apply<L: Lanes<T>>(self, lanes: L, value: L::Vector, atom: usize, _: usize) -> L::Vector {
        lanes.max(
            lanes.sub(value, lanes.splat(self.threshold[atom])),
            lanes.splat(T::ZERO),
        )
    }
}

/// `sign(v) max(|v| - λ1/H_jj, 0)`: signed codes.
#[derive(Clone, Copy)]
pub(crate) struct Shrink<'a, T> {
    pub(crate) threshold: &'a [T],
}

impl<T: Scalar> Rule<T> for Shrink<'_, T> {
    #[inline(always)]
    fn apply<L: Lanes<T>>(self, lanes: L, value: L::Vector, atom: usize, _: usize) -> L::Vector {
        let threshold = lanes.splat(self.threshold[atom]);
        let zero = lanes.splat(T::ZERO);
        let above = lanes.max(lanes.sub(value, threshold), zero);
        let below = lanes.min(lanes.add(value, threshold), zero);
        lanes.add(above, below)
    }
}

/// `mask v`, with a mask of zeros and ones: the linear system restricted to an active set per column.
#[derive(Clone, Copy)]
pub(crate) struct Mask<'a, T> {
    pub(crate) mask: &'a [T],
}

impl<T: Scalar> Rule<T> for Mask<'_, T> {
    #[inline(always)]
    fn apply<L: Lanes<T>>(
        self,
        lanes: L,
        value: L::Vector,
        atom: usize,
        register: usize,
    ) -> L::Vector {
        let registers = T::TILE / L::COUNT;
        lanes.mul(L::vectors(self.mask)[atom * registers + register], value)
    }
}

/// One sweep: for each atom j in turn, `a_j <- rule(a_j + (c_j - (H a)_j) / H_jj)`.
///
/// Four atoms are visited at a time. Their gradients are taken at the same codes, as in a matrix product; the
/// effect of the four on each other is put right with the 4 × 4 diagonal block, so the result is that of the
/// sequential sweep up to rounding.
///
/// `change` receives, per column, `max_j H_jj |change of a_j|`: an estimate of the residual, no certificate.
pub(crate) struct Sweep<'a, T, R> {
    pub(crate) gram: &'a Panels<T>,
    pub(crate) diagonal: &'a [T],
    pub(crate) inverse_diagonal: &'a [T],
    pub(crate) rule: R,
    pub(crate) correlations: &'a [T],
    pub(crate) codes: &'a mut [T],
    pub(crate) change: &'a mut [T],
}

impl<T: Scalar, R: Rule<T>> Kernel<T> for Sweep<'_, T, R> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let registers = T::TILE / L::COUNT;
        let correlations = L::vectors(self.correlations);
        let codes = L::vectors_mut(self.codes);
        let change = L::vectors_mut(self.change);
        change.fill(lanes.splat(T::ZERO));

        for (index, panel) in self.gram.panels().enumerate() {
            let first = index * PANEL;
            for group in (0..registers).step_by(VECTOR_GROUP) {
                let at = |r: usize| (first + r) * registers + group;
                let mut gradient = [[lanes.splat(T::ZERO); VECTOR_GROUP]; PANEL];
                for r in 0..PANEL {
                    gradient[r].copy_from_slice(&correlations[at(r)..at(r) + VECTOR_GROUP]);
                }
                for (weights, row) in panel.chunks_exact(PANEL).zip(codes.chunks_exact(registers)) {
                    let row = &row[group..group + VECTOR_GROUP];
                    for r in 0..PANEL {
                        let weight = lanes.splat(weights[r]);
                        for v in 0..VECTOR_GROUP {
                            gradient[r][v] = lanes.negate_mul_add(weight, row[v], gradient[r][v]);
                        }
                    }
                }
                let block = &panel[first * PANEL..(first + PANEL) * PANEL];
                for r in 0..PANEL {
                    let atom = first + r;
                    let inverse = lanes.splat(self.inverse_diagonal[atom]);
                    let diagonal = lanes.splat(self.diagonal[atom]);
                    for v in 0..VECTOR_GROUP {
                        let old = codes[at(r) + v];
                        let free = lanes.mul_add(gradient[r][v], inverse, old);
                        let new = self.rule.apply(lanes, free, atom, group + v);
                        let step = lanes.sub(new, old);
                        codes[at(r) + v] = new;
                        let moved = lanes.mul(lanes.abs(step), diagonal);
                        change[group + v] = lanes.max(change[group + v], moved);
                        for q in r + 1..PANEL {
                            let weight = lanes.splat(block[r * PANEL + q]);
                            gradient[q][v] = lanes.negate_mul_add(weight, step, gradient[q][v]);
                        }
                    }
                }
            }
        }
    }
}
