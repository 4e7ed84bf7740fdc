//! Matrix products and eigenvalues, computed on the calling thread only, so that results do not
//! depend on the number of threads.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};

use super::Real;

/// `out = factor A B`, or `out += factor A B` with [`Accum::Add`].
pub struct Multiply<'a, T> {
    pub a: MatRef<'a, T>,
    pub b: MatRef<'a, T>,
    pub factor: T,
    pub accumulate: Accum,
    pub out: MatMut<'a, T>,
}

impl<T: Real> Multiply<'_, T> {
    #[inline(always)]
    pub(crate) fn run(self) {
        let Self {
            a,
            b,
            factor,
            accumulate,
            out,
        } = self;
        matmul(out, accumulate, a, b, factor, Par::Seq);
    }
}

/// Returns the smallest and the largest eigenvalue of a symmetric matrix, or `None` if the
/// iteration fails.
///
/// The largest is at least 0.
///
/// Callers hold the lock of a lazily computed result. If this ran on the thread pool, a waiting
/// thread might pick up a different tile, request the same result, and wait for a lock that it
/// holds itself.
#[inline(always)]
pub(crate) fn extreme_eigenvalues<T: Real>(matrix: MatRef<'_, T>) -> Option<(f64, f64)> {
    let n = matrix.nrows();
    // Scale by a power of two, which is exact: the iteration squares its input.
    let largest = matrix.norm_max().to_f64();
    let unit = if largest > 0.0 && largest.is_finite() {
        largest.log2().floor().exp2()
    } else {
        1.0
    };
    let scaled = Mat::from_fn(n, n, |i, j| T::from_f64(matrix[(i, j)].to_f64() / unit));
    let none = ComputeEigenvectors::No;
    let scratch = self_adjoint_evd_scratch::<T>(n, none, Par::Seq, Default::default());
    let mut values = Diag::<T>::zeros(n);
    self_adjoint_evd(
        scaled.as_ref(),
        values.as_mut(),
        None,
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .ok()?;
    let values = values.column_vector().iter();
    let values = values.map(|value| unit * value.to_f64());
    Some(
        values.fold((f64::INFINITY, 0.0), |(smallest, largest), value| {
            (value.min(smallest), value.max(largest))
        }),
    )
}
