//! The rules that a sweep applies to every new entry.

use crate::tile::{Lanes, Real};

/// The rule that a [`Sweep`](super::Sweep) applies to every new entry.
#[derive(Clone, Copy)]
pub enum SweepRule<'a, T> {
    /// [`Clip`]
    Clip,
    /// [`Shrink`], with these thresholds.
    Shrink(&'a [T]),
    /// [`Restrict`], with this κ.
    Restrict(T),
}

/// A rule as a type, for which a loop is compiled.
pub(super) trait Rule<T>: Copy {
    /// Returns the new entry of atom `atom` from the unconstrained value and the old entry.
    fn end<L: Lanes<T>>(self, lanes: L, value: L::Vector, old: L::Vector, atom: usize)
    -> L::Vector;
}

/// `max(v, 0)`: nonnegative codes. The right side is `ω (c_j - λ1_j) / H_jj`.
#[derive(Clone, Copy)]
pub(super) struct Clip;

impl<T: Real> Rule<T> for Clip {
    #[inline(always)]
    fn end<L: Lanes<T>>(self, lanes: L, value: L::Vector, _: L::Vector, _: usize) -> L::Vector {
        lanes.max(value, lanes.splat(T::ZERO))
    }
}

/// `sign(v) max(|v| - ω λ1/H_jj, 0)`: signed codes. The right side is `ω c_j / H_jj`.
#[derive(Clone, Copy)]
pub(super) struct Shrink<'a, T> {
    pub(super) threshold: &'a [T],
}

impl<T: Real> Rule<T> for Shrink<'_, T> {
    #[inline(always)]
    fn end<L: Lanes<T>>(self, lanes: L, value: L::Vector, _: L::Vector, atom: usize) -> L::Vector {
        let threshold = lanes.splat(self.threshold[atom]);
        let zero = lanes.splat(T::ZERO);
        let above = lanes.max(lanes.sub(value, threshold), zero);
        let below = lanes.min(lanes.add(value, threshold), zero);
        lanes.add(above, below)
    }
}

/// `old + κ (v - old)` where the right side is finite, and 0 where it is infinite.
///
/// This sweeps the linear system restricted to the active set of each column, with steps longer by
/// κ. The right side is `ω c_j / H_jj` on the active set. Encoding the set in the right side saves
/// a mask, so the sweep fits in the L1 cache.
#[derive(Clone, Copy)]
pub(super) struct Restrict<T> {
    /// κ
    pub(super) lengthening: T,
}

impl<T: Real> Rule<T> for Restrict<T> {
    #[inline(always)]
    fn end<L: Lanes<T>>(self, lanes: L, value: L::Vector, old: L::Vector, _: usize) -> L::Vector {
        let step = lanes.sub(value, old);
        let new = lanes.mul_add(lanes.splat(self.lengthening), step, old);
        lanes.where_less(value, lanes.splat(T::INFINITY), new)
    }
}
