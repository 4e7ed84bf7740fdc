//! A tile in `f64`, for certifying codes of a narrower type.

use crate::tile::kernels::{Narrow, Widen};
use crate::tile::{Real, Scalar};

/// A tile in `f64`, split into parts of [`f64::tile()`](crate::tile::Real::tile) columns.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wide {
    /// `c = D'x` of this tile, part after part, without the rounding of the tile's type; empty
    /// unless requested.
    pub(crate) correlations: Vec<f64>,
    /// The signals of one part.
    pub(crate) signals: Vec<f64>,
    codes: Vec<f64>,
    descent: Vec<f64>,
    residual: Vec<f64>,
    not_finite: Vec<f64>,
}

/// One part of a tile in `f64`.
pub(crate) struct WidePart<'a> {
    pub(crate) correlations: &'a [f64],
    pub(crate) codes: &'a [f64],
    /// `c - H a`
    pub(crate) descent: &'a mut [f64],
    /// One entry per column.
    pub(crate) residual: &'a mut [f64],
    /// One entry per column.
    pub(crate) not_finite: &'a mut [f64],
}

impl Wide {
    /// Discards the correlations of the last tile.
    pub(crate) fn forget(&mut self) {
        self.correlations.clear();
    }

    /// Iterates over the parts: the index of the first column in the tile of `T`, and the
    /// correlations.
    pub(crate) fn parts<T: Scalar>(&self) -> impl Iterator<Item = (usize, &[f64])> {
        let part = self.part_len::<T>();
        (0..)
            .step_by(f64::tile())
            .zip(self.correlations.chunks_exact(part))
    }

    /// Same as [`parts`](Self::parts), with mutable correlations.
    pub(crate) fn parts_mut<T: Scalar>(&mut self) -> impl Iterator<Item = (usize, &mut [f64])> {
        let part = self.part_len::<T>();
        (0..)
            .step_by(f64::tile())
            .zip(self.correlations.chunks_exact_mut(part))
    }

    /// Returns the length of a part. The width of a tile of `T` is a multiple of that of `f64`.
    fn part_len<T: Scalar>(&self) -> usize {
        self.correlations.len() / (T::tile() / f64::tile())
    }

    /// Calls `visit(first, part)` for each part of the tile, where `first` is the index of its
    /// first column.
    ///
    /// The correlations must have been loaded.
    pub(crate) fn for_each_part<T: Scalar>(
        &mut self,
        padded_atoms: usize,
        codes: &[T],
        mut visit: impl FnMut(usize, WidePart<'_>),
    ) {
        let tile = padded_atoms * f64::tile();
        self.codes.resize(tile, 0.0);
        self.descent.resize(tile, 0.0);
        self.residual.resize(f64::tile(), 0.0);
        self.not_finite.resize(f64::tile(), 0.0);
        let parts = self.correlations.chunks_exact(tile);
        for (first, correlations) in (0..).step_by(f64::tile()).zip(parts) {
            Self::take(codes, first, &mut self.codes);
            visit(
                first,
                WidePart {
                    correlations,
                    codes: &self.codes,
                    descent: &mut self.descent,
                    residual: &mut self.residual,
                    not_finite: &mut self.not_finite,
                },
            );
        }
    }

    /// Returns `c = D'x` of one column, with padding.
    ///
    /// The correlations must have been loaded.
    pub(crate) fn column_correlations(&self, padded_atoms: usize, column: usize) -> Vec<f64> {
        let width = f64::tile();
        let part = self.correlations.chunks_exact(padded_atoms * width);
        let rows = part.skip(column / width).take(1).flatten();
        rows.skip(column % width).step_by(width).copied().collect()
    }

    /// Copies columns `first..` of a tile of `T` to a tile of `f64`.
    pub(crate) fn take<T: Scalar>(from: &[T], first: usize, to: &mut [f64]) {
        T::widen(Widen { from, first, to });
    }

    /// Rounds a tile of `f64` into columns `first..` of a tile of `T`.
    pub(crate) fn round<T: Scalar>(from: &[f64], first: usize, to: &mut [T]) {
        T::narrow(Narrow { from, first, to });
    }
}
