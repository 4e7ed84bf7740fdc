//! Conversion of tiles between number types.

use crate::tile::{Kernel, Lanes, Real};

/// Copies columns `first..` of a tile of `T` to a tile of `f64`.
pub struct Widen<'a, T> {
    pub from: &'a [T],
    pub first: usize,
    pub to: &'a mut [f64],
}

impl<T: Real> Kernel<T> for Widen<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, _: L) {
        let rows = self.from.chunks_exact(T::tile());
        for (from, to) in rows.zip(self.to.chunks_exact_mut(f64::tile())) {
            for (from, to) in from[self.first..].iter().zip(to) {
                *to = from.to_f64();
            }
        }
    }
}

/// Rounds a tile of `f64` into columns `first..` of a tile of `T`.
pub struct Narrow<'a, T> {
    pub from: &'a [f64],
    pub first: usize,
    pub to: &'a mut [T],
}

impl<T: Real> Kernel<T> for Narrow<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, _: L) {
        let rows = self.from.chunks_exact(f64::tile());
        for (from, to) in rows.zip(self.to.chunks_exact_mut(T::tile())) {
            for (&from, to) in from.iter().zip(&mut to[self.first..]) {
                *to = T::from_f64(from);
            }
        }
    }
}
