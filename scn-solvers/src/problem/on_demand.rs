//! What follows from a problem, but not every use needs: computed when first asked for.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};

use super::Problem;
use crate::Scalar;
use crate::kernel::AtomGroups;
use crate::solver::ActiveFactor;
use crate::tile::{Panels, padded};

impl<T: Scalar> Problem<T> {
    /// `D` packed for products `D y`, with padded rows and columns; for derivatives alone, so it is packed when first asked for.
    pub(crate) fn dictionary_panels(&self) -> &Panels<T> {
        self.dictionary_panels
            .get_or_init(|| Panels::pack(self.dictionary.as_ref(), padded(self.atoms())))
    }

    /// `D'` in groups of the rows of D, for products `D y` with columns; for derivatives alone.
    pub(crate) fn row_groups(&self) -> &AtomGroups<T> {
        self.row_groups
            .get_or_init(|| AtomGroups::pack(self.dictionary.transpose()))
    }

    /// `1 / sqrt(H_jj)`, padded with zeros; 0 for a zero atom.
    pub(crate) fn unit_scaling(&self) -> &[T] {
        &self.unit_diagonal().0
    }

    /// `H_ij / sqrt(H_ii H_jj) - δ_ij` packed, with padded rows and columns; zero for zero atoms. For derivatives alone.
    pub(crate) fn unit_panels(&self) -> &Panels<T> {
        &self.unit_diagonal().1
    }

    fn unit_diagonal(&self) -> &(Vec<T>, Panels<T>) {
        self.unit_diagonal.get_or_init(|| {
            let inverse = self.inverse_diagonal.iter();
            let scaling: Vec<T> = inverse.map(|d| T::from_f64(d.to_f64().sqrt())).collect();
            let mut panels =
                Panels::pack(Mat::zeros(self.atoms(), 0).as_ref(), padded(self.atoms()));
            panels.fill(self.atoms(), |i, j| {
                if i == j {
                    T::ZERO
                } else {
                    scaling[i] * self.gram[(i, j)] * scaling[j]
                }
            });
            (scaling, panels)
        })
    }

    /// An upper bound on the largest eigenvalue of `H`, the Lipschitz constant of the gradient: the eigenvalue as
    /// computed, rounded up by its own error bound `n ε`. Computed at the first call, in `O(n³)`.
    pub fn lipschitz(&self) -> T {
        *self.lipschitz.get_or_init(|| {
            let n = self.atoms();
            let trace = self.diagonal.iter().map(|&d| d.to_f64()).sum();
            // Where the eigenvalue iteration fails, the trace is still a bound.
            let largest =
                extreme_eigenvalues(self.gram.as_ref()).map_or(trace, |(_, largest)| largest);
            let bound = largest * (1.0 + 8.0 * n as f64 * T::EPSILON.to_f64());
            T::from_f64(if bound > 0.0 { bound } else { 1.0 })
        })
    }

    /// ρ and `(H + ρI)⁻¹`, for [`Admm`](crate::solver::Admm). Computed in `f64` at the first call, in `O(n³)`, on the calling
    /// thread alone.
    pub(crate) fn shifted_inverse(&self) -> &(T, Panels<T>) {
        self.shifted_inverse.get_or_init(|| {
            let exact = T::in_f64(self);
            let n = self.atoms();
            let trace: f64 = exact.diagonal.iter().sum();
            let (smallest, largest) = extreme_eigenvalues(exact.gram()).unwrap_or((0.0, trace));
            let largest = if largest > 0.0 { largest } else { 1.0 };
            // Their product might leave the range.
            let rho = smallest.max(1e-3 * largest).sqrt() * largest.sqrt();
            let mut shifted = exact.gram.clone();
            for j in 0..n {
                shifted[(j, j)] += rho;
            }
            let mut factor = ActiveFactor::new();
            // Every pivot is at least ρ, far above rounding, so that every atom joins; but for numbers that have left the range.
            for j in 0..n {
                factor.push(shifted.as_ref(), j);
            }
            let mut inverse = Mat::<T>::zeros(n, n);
            let joined = factor.atoms();
            for (place, &j) in joined.iter().enumerate() {
                let unit = (0..joined.len()).map(|i| f64::from(u8::from(i == place)));
                for (&i, value) in joined.iter().zip(factor.solve(unit.collect())) {
                    inverse[(i, j)] = T::from_f64(value);
                }
            }
            (T::from_f64(rho), Panels::pack(inverse.as_ref(), padded(n)))
        })
    }
}

impl Problem<f32> {
    /// The problem of the same numbers in `f64`: its Gram matrix lacks the rounding of this one's.
    pub(crate) fn widened(&self) -> &Problem<f64> {
        self.widened.get_or_init(|| {
            let widen = |matrix: MatRef<'_, f32>| {
                Mat::from_fn(matrix.nrows(), matrix.ncols(), |i, j| {
                    f64::from(matrix[(i, j)])
                })
            };
            let mut problem = Problem::<f64>::blank(
                widen(self.dictionary()),
                self.atoms(),
                self.penalty.in_f64(),
            );
            if self.rows() > 0 {
                matmul(
                    problem.gram.as_mut(),
                    Accum::Replace,
                    problem.dictionary.transpose(),
                    problem.dictionary.as_ref(),
                    1.0,
                    Par::Seq,
                );
            } else {
                // λ2 is on its diagonal already, as near as f32 has it.
                problem.gram = widen(self.gram());
                for atom in 0..self.atoms() {
                    problem.gram[(atom, atom)] -= f64::from(self.penalty.lambda2);
                }
            }
            let lambda1 = self.lambda1.iter().map(|&value| f64::from(value)).collect();
            let penalty = problem.penalty.clone();
            problem.complete(lambda1, penalty);
            // A zero atom is one here, too: its codes might leave the range of f32.
            for (wide, &narrow) in problem
                .inverse_diagonal
                .iter_mut()
                .zip(&self.inverse_diagonal)
            {
                if narrow == 0.0 {
                    *wide = 0.0;
                }
            }
            Box::new(problem)
        })
    }
}

/// The smallest and the largest eigenvalue of a symmetric matrix.
///
/// On the calling thread alone. Workers ask while they hold the lock of the result: one that spread this over the pool
/// might, while it waits, pick up another tile, which would ask again and wait for the lock that its own thread holds.
/// The bits would depend on the number of threads, too. None if the iteration fails.
pub(super) fn extreme_eigenvalues<T: Scalar>(matrix: MatRef<'_, T>) -> Option<(f64, f64)> {
    let n = matrix.nrows();
    // By a power of two, which changes no digit: the iteration squares what it is given.
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
