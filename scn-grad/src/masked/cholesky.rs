//! Exact: a Cholesky factorisation of `H_LL` per column.

use scn_solvers::tile::{Kernel, Lanes};
use scn_solvers::{Problem, Scalar};

use super::{MaskedReport, MaskedSolver, MaskedTile};

/// Factorises `H_LL` of each column: exact to rounding at `|L|³/6` multiply-adds per column, the reference.
///
/// A column whose active atoms depend linearly on each other (possible only with λ2 = 0) has no unique derivative; its `y`
/// is left as it was and it counts as unsolved.
#[derive(Debug, Clone, Copy, Default)]
pub struct MaskedCholesky;

impl<T: Scalar> MaskedSolver<T> for MaskedCholesky {
    fn name(&self) -> &'static str {
        "cholesky"
    }

    fn solve(
        &self,
        problem: &Problem<T>,
        tile: &mut MaskedTile<T>,
        first_column: usize,
    ) -> MaskedReport {
        let columns = tile.columns;
        let solved = (0..columns).filter(|&column| tile.factorise(problem, column));
        let factorised = solved.count();
        let _ = tile.measure(problem);
        MaskedReport {
            factorised,
            unsolved: columns - factorised,
            ..tile.report(first_column, 1)
        }
    }
}

/// Memory for one factorisation.
#[derive(Debug, Clone, Default)]
pub(super) struct Factor<T> {
    active: Vec<usize>,
    /// `H_LL`, of which the upper triangle becomes `R`, `H_LL = R'R`; row-major.
    matrix: Vec<T>,
    /// Of `H_LL`, as it was.
    diagonal: Vec<T>,
    /// u, then y.
    vector: Vec<T>,
}

impl<T: Scalar> MaskedTile<T> {
    /// Writes the exact solution of one column. False, and nothing written, if its active atoms depend linearly on each other.
    pub(super) fn factorise(&mut self, problem: &Problem<T>, column: usize) -> bool {
        let width = T::tile();
        let Factor {
            active,
            matrix,
            diagonal,
            vector,
        } = &mut self.factor;
        active.clear();
        let rows = self.mask.chunks_exact(width).enumerate();
        active.extend(
            rows.filter(|(_, row)| row[column] != T::ZERO)
                .map(|(j, _)| j),
        );
        let size = active.len();
        matrix.resize(size * size, T::ZERO);
        vector.clear();
        vector.extend(active.iter().map(|&j| self.right_side[j * width + column]));
        diagonal.clear();
        diagonal.extend(active.iter().map(|&j| problem.diagonal()[j]));
        let gram = problem.gram();
        for (p, &i) in active.iter().enumerate() {
            // A column of the symmetric matrix is in one piece.
            let row = &mut matrix[p * size..(p + 1) * size];
            match gram.col(i).try_as_col_major() {
                Some(of_gram) => {
                    let of_gram = of_gram.as_slice();
                    for (entry, &j) in row[p..].iter_mut().zip(&active[p..]) {
                        *entry = of_gram[j];
                    }
                }
                None => {
                    for (entry, &j) in row[p..].iter_mut().zip(&active[p..]) {
                        *entry = gram[(j, i)];
                    }
                }
            }
        }
        let solved = T::dispatch(PositiveDefinite {
            matrix,
            diagonal,
            vector,
        });
        if solved {
            for (&j, &y) in active.iter().zip(&*vector) {
                self.solution[j * width + column] = y;
            }
        }
        solved
    }
}

/// Solves `A y = u`. False if a pivot is no more than what rounding leaves of zero: `8 n ε` times the diagonal entry.
///
/// Each row is taken from those below it, so that the inner loop runs along memory (Golub and Van Loan, "Matrix computations",
/// section 4.2 of the fourth edition).
struct PositiveDefinite<'a, T> {
    /// The upper triangle of A, row-major.
    matrix: &'a mut [T],
    /// That of A.
    diagonal: &'a [T],
    /// u, which y replaces.
    vector: &'a mut [T],
}

impl<T: Scalar> Kernel<T> for PositiveDefinite<'_, T> {
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
            // Written so that a NaN counts as dependent.
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

/// In eight sums, which fit the registers of any processor.
#[inline(always)]
fn dot<T: Scalar>(a: &[T], b: &[T]) -> T {
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
