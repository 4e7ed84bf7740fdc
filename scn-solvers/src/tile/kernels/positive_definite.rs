//! The solution of one small positive definite system.

use crate::tile::{Kernel, Lanes, Real};

/// Solves `A y = u`. Returns false if a pivot is zero up to rounding: at most `8 n ε` times the
/// diagonal entry.
///
/// Each row is eliminated from those below it, so that the inner loop runs along memory (Golub and
/// Van Loan, "Matrix computations", section 4.2 of the fourth edition).
pub struct PositiveDefinite<'a, T> {
    /// The upper triangle of A, row-major.
    pub matrix: &'a mut [T],
    /// The diagonal of A.
    pub diagonal: &'a [T],
    /// u on entry, y on return.
    pub vector: &'a mut [T],
}

impl<T: Real> Kernel<T> for PositiveDefinite<'_, T> {
    type Output = bool;

    #[inline(always)]
    fn run<L: Lanes<T>>(self, _: L) -> bool {
        let Self {
            matrix,
            diagonal,
            vector,
        } = self;
        let size = vector.len();
        let smallest = T::from_f64(8.0 * size as f64) * T::EPSILON;
        for p in 0..size {
            let (above, below) = matrix.split_at_mut((p + 1) * size);
            let row = &above[p * size..];
            let pivot = row[p];
            // Written so that a NaN counts as a zero pivot.
            if !(pivot > smallest * diagonal[p]) {
                return false;
            }
            let inverse = T::ONE / pivot;
            let u = vector[p];
            for (q, target) in (p + 1..size).zip(below.chunks_exact_mut(size)) {
                let factor = row[q] * inverse;
                for (entry, &value) in target[q..].iter_mut().zip(&row[q..]) {
                    *entry -= factor * value;
                }
                vector[q] -= factor * u;
            }
            vector[p] = u * inverse;
        }
        for p in (0..size).rev() {
            let row = &matrix[p * size..(p + 1) * size];
            let sum = dot(&row[p + 1..], &vector[p + 1..]);
            vector[p] -= sum / row[p];
        }
        true
    }
}

/// Returns the dot product, in eight partial sums, which fit in the registers of any processor.
#[inline(always)]
fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    let mut sums = [T::ZERO; 8];
    for (a, b) in a.iter().zip(b) {
        for k in 0..8 {
            sums[k] += a[k] * b[k];
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(&a, &b)| a * b);
    rest.chain(sums).fold(T::ZERO, |sum, value| sum + value)
}
