//! Sums of a a', computed by threads and processes that each take some of the columns. Only the
//! lower triangle is computed.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use crate::error::NormalizationError;
use crate::fit_share::FitShare;

/// Columns of a sum per task. Tasks depend only on the size of the sum, so the result does not
/// depend on the number of threads and processes.
const PANEL: usize = 128;

/// A sum of a a', D x D, column-major. Entries above the diagonal are meaningless.
pub(crate) struct GramSum<'a> {
    size: usize,
    sum: Vec<f64>,
    share: &'a dyn FitShare,
}

impl<'a> GramSum<'a> {
    /// Creates an empty sum, for vectors of D = `size` numbers.
    pub(crate) fn new(size: usize, share: &'a dyn FitShare) -> Self {
        Self {
            size,
            sum: vec![0.0; size * size],
            share,
        }
    }

    /// Adds the columns of a a' that this process computes.
    pub(crate) fn add(&mut self, a: MatRef<'_, f64>) {
        let (size, share) = (self.size, self.share);
        let panels = self.sum.par_chunks_mut(PANEL * size).enumerate();
        panels
            .filter(|&(panel, _)| owner(panel, share.count()) == share.rank())
            .for_each(|(panel, columns)| {
                let (first, width) = (panel * PANEL, columns.len() / size);
                let columns = MatMut::from_column_major_slice_mut(columns, size, width);
                matmul(
                    columns.subrows_mut(first, size - first),
                    Accum::Add,
                    a.subrows(first, size - first),
                    a.subrows(first, width).transpose(),
                    1.0,
                    Par::Seq,
                );
            });
    }

    /// Returns the whole lower triangle, in every process.
    ///
    /// # Errors
    /// Returns an error if a process has failed.
    pub(crate) fn finish(mut self) -> Result<Vec<f64>, NormalizationError> {
        let (size, count) = (self.size, self.share.count());
        if count == 1 {
            return Ok(self.sum);
        }
        let panels = size.div_ceil(PANEL);
        let of = |rank| (0..panels).filter(move |&panel| owner(panel, count) == rank);
        // The columns of the panels of a process, each starting at the first row of the panel's
        // diagonal block.
        let columns = |rank| {
            of(rank).flat_map(|panel| {
                let first = panel * PANEL;
                (first..size.min(first + PANEL))
                    .map(move |column| column * size + first..(column + 1) * size)
            })
        };
        let own = columns(self.share.rank()).flat_map(|places| &self.sum[places]);
        let own: Vec<f64> = own.copied().collect();
        let length = |rank| columns(rank).map(|places| places.len()).sum();
        let lengths: Vec<usize> = (0..count).map(length).collect();
        let all = self.share.gather(&own, &lengths);
        let all = all.map_err(NormalizationError::Process)?;
        let mut rest = all.as_slice();
        for places in (0..count).flat_map(columns) {
            let (column, others) = rest.split_at(places.len());
            self.sum[places].copy_from_slice(column);
            rest = others;
        }
        Ok(self.sum)
    }
}

/// The process that computes a panel. The direction alternates, because the panels become shorter.
fn owner(panel: usize, count: usize) -> usize {
    let (round, place) = (panel / count, panel % count);
    match round % 2 {
        0 => place,
        _ => count - 1 - place,
    }
}
