//! The dictionary and everything that depends on it alone.

mod on_demand;

use std::sync::OnceLock;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};

use self::on_demand::extreme_eigenvalues;
use crate::kernel::AtomGroups;
use crate::penalty::{ElasticNet, Lambda1, Sign};
use crate::tile::{Panels, padded};
use crate::workspace::{LentWorkspace, WorkspacePool};
use crate::{ProblemError, Scalar};

/// Problem (1) without its right-hand side: dictionary, penalty, and the Gram matrix
/// `H = D'D + λ2 I` (n × n), computed once and packed for the kernels.
#[derive(Debug, Clone)]
pub struct Problem<T: Scalar> {
    dictionary: Mat<T>,
    penalty: ElasticNet<T>,
    atom_groups: AtomGroups<T>,
    gram: Mat<T>,
    gram_panels: Panels<T>,
    sweep_panels: Panels<T>,
    lambda1: Vec<T>,
    diagonal: Vec<T>,
    inverse_diagonal: Vec<T>,
    norms: Vec<T>,
    largest_norm: f64,
    smallest_norm: f64,
    steps: Vec<T>,
    coupling: f64,
    coherence: f64,
    thresholds: Vec<T>,
    lipschitz: OnceLock<T>,
    widened: OnceLock<Box<Problem<f64>>>,
    shifted_inverse: OnceLock<(T, Panels<T>)>,
    dictionary_panels: OnceLock<Panels<T>>,
    row_groups: OnceLock<AtomGroups<T>>,
    unit_diagonal: OnceLock<(Vec<T>, Panels<T>)>,
    workspaces: WorkspacePool<T>,
}

impl<T: Scalar> Problem<T> {
    /// Takes a dictionary (m × n, one atom per column) and a penalty. Costs `m n²` multiply-adds.
    ///
    /// Atoms may be zero, repeated, or more than the rows.
    ///
    /// # Errors
    /// An empty dictionary, a NaN or an infinity, a Gram matrix that overflows, a negative weight.
    pub fn new(dictionary: MatRef<'_, T>, penalty: ElasticNet<T>) -> Result<Self, ProblemError> {
        let (rows, atoms) = dictionary.shape();
        if rows == 0 || atoms == 0 {
            return Err(ProblemError::Empty { rows, atoms });
        }
        let mut problem = Self::blank(dictionary.to_owned(), atoms, penalty.clone());
        problem.update(dictionary, penalty)?;
        Ok(problem)
    }

    /// The problem `min 1/2 a'Ha - c'a + λ1'|a|` posed by its Gram matrix alone: `gram` (n × n) takes the place of `D'D`, and
    /// λ2 is added to its diagonal. There are no signals, so [`rows`](Self::rows) is 0, and correlations `c` are given
    /// where signals would be: see [`encode_correlations`](crate::encode_correlations).
    ///
    /// # Errors
    /// A matrix that is empty, not square, not finite, not symmetric or not positive semidefinite (both up to
    /// rounding); a negative weight.
    pub fn from_gram(gram: MatRef<'_, T>, penalty: ElasticNet<T>) -> Result<Self, ProblemError> {
        let (rows, atoms) = gram.shape();
        if atoms == 0 || rows != atoms {
            return Err(ProblemError::NotSquare { rows, atoms });
        }
        let largest = gram.norm_max().to_f64();
        let rounding = 64.0 * atoms as f64 * T::EPSILON.to_f64() * largest;
        for j in 0..atoms {
            for i in 0..atoms {
                let (found, mirrored) = (gram[(i, j)].to_f64(), gram[(j, i)].to_f64());
                if !found.is_finite() {
                    return Err(ProblemError::Dictionary {
                        row: i,
                        atom: j,
                        found,
                    });
                }
                if (found - mirrored).abs() > rounding {
                    return Err(ProblemError::NotSymmetric {
                        row: i,
                        column: j,
                        found,
                        mirrored,
                    });
                }
            }
        }
        if let Some((smallest, _)) = extreme_eigenvalues(gram)
            && smallest < -rounding
        {
            return Err(ProblemError::Indefinite { found: smallest });
        }
        let mut problem = Self::blank(Mat::zeros(0, atoms), atoms, penalty.clone());
        let mut lambda1 = vec![T::ZERO; padded(atoms)];
        penalty.resolve(&mut lambda1[..atoms])?;
        problem.gram.copy_from(gram);
        problem.complete(lambda1, penalty);
        Ok(problem)
    }

    /// Memory for a problem, not yet one.
    fn blank(dictionary: Mat<T>, atoms: usize, penalty: ElasticNet<T>) -> Self {
        let square = Mat::zeros(atoms, atoms);
        Self {
            gram_panels: Panels::pack(square.as_ref(), padded(atoms)),
            sweep_panels: Panels::pack(square.as_ref(), padded(atoms)),
            atom_groups: AtomGroups::pack(dictionary.as_ref()),
            dictionary,
            penalty,
            gram: square,
            lambda1: vec![T::ZERO; padded(atoms)],
            diagonal: vec![T::ZERO; padded(atoms)],
            inverse_diagonal: vec![T::ZERO; padded(atoms)],
            norms: vec![T::ZERO; padded(atoms)],
            largest_norm: 0.0,
            smallest_norm: 1.0,
            steps: vec![T::ZERO; padded(atoms)],
            coupling: 0.0,
            coherence: 0.0,
            thresholds: vec![T::ZERO; padded(atoms)],
            lipschitz: OnceLock::new(),
            widened: OnceLock::new(),
            shifted_inverse: OnceLock::new(),
            dictionary_panels: OnceLock::new(),
            row_groups: OnceLock::new(),
            unit_diagonal: OnceLock::new(),
            workspaces: WorkspacePool::default(),
        }
    }

    /// Takes new values, as after an optimiser's step, into the memory of the old ones.
    ///
    /// # Errors
    /// As [`new`](Self::new), and a dictionary of another shape. The problem is then unchanged.
    pub fn update(
        &mut self,
        dictionary: MatRef<'_, T>,
        penalty: ElasticNet<T>,
    ) -> Result<(), ProblemError> {
        let (rows, atoms) = self.dictionary.shape();
        if dictionary.shape() != (rows, atoms) {
            return Err(ProblemError::Shape {
                expected: (rows, atoms),
                found: dictionary.shape(),
            });
        }
        let mut lambda1 = vec![T::ZERO; padded(atoms)];
        penalty.resolve(&mut lambda1[..atoms])?;
        for atom in 0..atoms {
            let mut square = penalty.lambda2.to_f64();
            for row in 0..rows {
                let entry = dictionary[(row, atom)];
                if !entry.finite() {
                    return Err(ProblemError::Dictionary {
                        row,
                        atom,
                        found: entry.to_f64(),
                    });
                }
                square += entry.to_f64() * entry.to_f64();
            }
            // Twice as much leaves room for the rounding of the sum below, which is in T.
            if !T::from_f64(2.0 * square).finite() {
                return Err(ProblemError::Gram {
                    atom,
                    found: square,
                });
            }
        }

        self.dictionary.copy_from(dictionary);
        self.atom_groups.repack(dictionary);
        matmul(
            self.gram.as_mut(),
            Accum::Replace,
            dictionary.transpose(),
            dictionary,
            T::ONE,
            Par::Seq,
        );
        self.complete(lambda1, penalty);
        Ok(())
    }

    /// Takes another λ1, at next to no cost: the Gram matrix and all that comes of it stay.
    ///
    /// # Errors
    /// A weight that is negative or not finite, or not one per atom. The problem is then unchanged.
    pub fn set_lambda1(&mut self, lambda1: Lambda1<T>) -> Result<(), ProblemError> {
        let penalty = ElasticNet {
            lambda1,
            ..self.penalty.clone()
        };
        let mut resolved = vec![T::ZERO; padded(self.atoms())];
        penalty.resolve(&mut resolved[..self.gram.ncols()])?;
        if let Some(widened) = self.widened.get_mut() {
            widened.set_lambda1(penalty.in_f64().lambda1)?;
        }
        self.penalty = penalty;
        self.lambda1 = resolved;
        self.measure_thresholds();
        Ok(())
    }

    fn measure_thresholds(&mut self) {
        for ((threshold, &lambda1), &step) in self
            .thresholds
            .iter_mut()
            .zip(&self.lambda1)
            .zip(&self.steps)
        {
            *threshold = lambda1 * step;
        }
    }

    /// Adds λ2 to the Gram matrix and derives everything else from it. `lambda1` is padded.
    fn complete(&mut self, lambda1: Vec<T>, penalty: ElasticNet<T>) {
        self.lambda1 = lambda1;
        for atom in 0..self.atoms() {
            self.gram[(atom, atom)] += penalty.lambda2;
            let diagonal = self.gram[(atom, atom)];
            self.diagonal[atom] = diagonal;
            let inverse = T::ONE / diagonal;
            self.inverse_diagonal[atom] = if inverse.finite() { inverse } else { T::ZERO };
            self.norms[atom] = T::from_f64(diagonal.to_f64().sqrt());
        }
        let norms = self.norms.iter().map(|norm| norm.to_f64());
        self.largest_norm = norms.clone().fold(0.0, f64::max);
        let positive = norms.filter(|&norm| norm > 0.0);
        self.smallest_norm = positive.fold(f64::INFINITY, f64::min);
        self.measure_overlaps();
        let relaxation = T::from_f64(self.relaxation());
        for atom in 0..self.atoms() {
            self.steps[atom] = relaxation * self.inverse_diagonal[atom];
        }
        self.measure_thresholds();
        self.gram_panels.repack(self.gram.as_ref());
        let (gram, steps) = (&self.gram, &self.steps);
        self.sweep_panels.fill(gram.ncols(), |i, j| {
            if i != j {
                steps[i] * gram[(i, j)]
            } else if steps[i] == T::ZERO {
                T::ZERO
            } else {
                // The difference of two numbers near each other, before it is rounded.
                T::from_f64(steps[i].to_f64() * gram[(i, i)].to_f64() - 1.0)
            }
        });
        self.lipschitz = OnceLock::new();
        self.widened = OnceLock::new();
        self.shifted_inverse = OnceLock::new();
        self.unit_diagonal = OnceLock::new();
        if let Some(panels) = self.dictionary_panels.get_mut() {
            panels.repack(self.dictionary.as_ref());
        }
        if let Some(groups) = self.row_groups.get_mut() {
            groups.repack(self.dictionary.transpose());
        }
        self.penalty = penalty;
    }

    /// Length of a signal, m; 0 if the problem was posed without a dictionary.
    pub fn rows(&self) -> usize {
        self.dictionary.nrows()
    }

    /// Number of atoms, n.
    pub fn atoms(&self) -> usize {
        self.gram.ncols()
    }

    /// `D`, m × n; 0 × n if the problem was posed without a dictionary.
    pub fn dictionary(&self) -> MatRef<'_, T> {
        self.dictionary.as_ref()
    }

    /// `D` packed for products with signals.
    pub(crate) fn atom_groups(&self) -> &AtomGroups<T> {
        &self.atom_groups
    }

    /// Scratch memory of the threads that work on this problem.
    pub(crate) fn workspace(&self) -> LentWorkspace<'_, T> {
        self.workspaces.lend(self)
    }

    /// λ1, λ2 and the sign of the codes.
    pub fn penalty(&self) -> &ElasticNet<T> {
        &self.penalty
    }

    /// Whether codes may be negative.
    pub fn signed(&self) -> bool {
        self.penalty.sign == Sign::Free
    }

    /// λ1 per atom, length n.
    pub fn lambda1(&self) -> &[T] {
        &self.lambda1[..self.atoms()]
    }

    /// λ1 per atom, padded with zeros.
    pub(crate) fn padded_lambda1(&self) -> &[T] {
        &self.lambda1
    }

    /// `H = D'D + λ2 I`, n × n.
    pub fn gram(&self) -> MatRef<'_, T> {
        self.gram.as_ref()
    }

    /// `H` packed, with padded rows and columns.
    pub fn gram_panels(&self) -> &Panels<T> {
        &self.gram_panels
    }

    /// `ω H_ij / H_ii - δ_ij` packed, with padded rows and columns; zero rows for zero atoms.
    pub(crate) fn sweep_panels(&self) -> &Panels<T> {
        &self.sweep_panels
    }

    /// `H_jj`, padded with zeros.
    pub fn diagonal(&self) -> &[T] {
        &self.diagonal
    }

    /// `1 / H_jj`, padded with zeros; 0 for a zero atom, as which one counts that is too small to divide by.
    pub fn inverse_diagonal(&self) -> &[T] {
        &self.inverse_diagonal
    }

    /// `sqrt(H_jj)`, padded with zeros.
    pub(crate) fn norms(&self) -> &[T] {
        &self.norms
    }

    /// `max_j sqrt(H_jj)`
    pub(crate) fn largest_norm(&self) -> f64 {
        self.largest_norm
    }

    /// The smallest `sqrt(H_jj)` that is not zero; infinite if all are.
    pub(crate) fn smallest_norm(&self) -> f64 {
        self.smallest_norm
    }

    /// `max |H_ij| / sqrt(H_ii H_jj)` over i != j.
    pub(crate) fn coherence(&self) -> f64 {
        self.coherence
    }

    /// `max_j λ1_j`
    pub(crate) fn largest_lambda1(&self) -> f64 {
        let weights = self.lambda1.iter().map(|weight| weight.to_f64());
        weights.fold(0.0, f64::max)
    }

    /// `ω / H_jj`, padded with zeros; 0 for a zero atom: the step lengths of [coordinate descent](crate::CoordinateDescent),
    /// with the over-relaxation that its documentation states.
    pub fn steps(&self) -> &[T] {
        &self.steps
    }

    /// `ω λ1_j / H_jj`, padded with zeros; 0 for a zero atom.
    pub fn thresholds(&self) -> &[T] {
        &self.thresholds
    }

    /// q, the mean over j of `sum over i != j of H_ij² / (H_ii H_jj)`: how much atoms overlap. About n/m for independent atoms.
    pub fn coupling(&self) -> f64 {
        self.coupling
    }

    /// `ω = 1 + min(q/4, 1/5)`: the over-relaxation of [`steps`](Self::steps).
    pub fn relaxation(&self) -> f64 {
        1.0 + (0.25 * self.coupling).min(0.2)
    }

    fn measure_overlaps(&mut self) {
        let n = self.atoms();
        let (mut coupling, mut largest) = (0.0, 0.0_f64);
        for j in 0..n {
            let inverse = self.inverse_diagonal[j].to_f64();
            for i in 0..j {
                let entry = self.gram[(i, j)].to_f64();
                // In this order no product leaves the range where atoms are all small or all large.
                let square = (entry * inverse) * (entry * self.inverse_diagonal[i].to_f64());
                coupling += 2.0 * square;
                largest = largest.max(square);
            }
        }
        let mean = coupling / n as f64;
        // Overflowed scales say nothing.
        self.coupling = if mean.is_finite() { mean } else { 0.0 };
        self.coherence = if largest.is_finite() {
            largest.sqrt()
        } else {
            1.0
        };
    }
}
