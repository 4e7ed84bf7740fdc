//! The Gram matrix `H = D'D + λ2 I` and everything derived from it.

mod dictionary;
mod on_demand;
mod sizes;

use std::sync::OnceLock;

use faer::{Accum, Mat, MatRef};

use self::dictionary::PackedDictionary;
use self::sizes::{Norms, Overlaps};
use super::atom_groups::AtomGroups;
use super::dense::Multiply;
use super::{Panels, Scalar, padded};

/// The Gram matrix `H = D'D + λ2 I` (n × n) of a dictionary (m × n), packed for the kernels.
///
/// It is computed once, together with everything that depends on `H` only.
///
/// Vectors with one number per atom are padded with zeros to whole panels.
#[derive(Debug, Clone)]
pub struct Operator<T: Scalar> {
    dictionary: PackedDictionary<T>,
    gram: Mat<T>,
    gram_panels: Panels<T>,
    diagonal: Vec<T>,
    inverse_diagonal: Vec<T>,
    norms: Norms<T>,
    overlaps: Overlaps,
    steps: Vec<T>,
    sweep_panels: Panels<T>,
    lipschitz: OnceLock<T>,
    unit_diagonal: OnceLock<(Vec<T>, Panels<T>)>,
    gram_rows: OnceLock<Vec<T>>,
}

impl<T: Scalar> Operator<T> {
    /// Allocates an operator with `atoms` atoms; [`update`](Self::update) or
    /// [`update_gram`](Self::update_gram) sets its values.
    pub(crate) fn blank(dictionary: Mat<T>, atoms: usize) -> Self {
        let square = Mat::zeros(atoms, atoms);
        let zeros = || vec![T::ZERO; padded(atoms)];
        Self {
            dictionary: PackedDictionary::new(dictionary),
            gram_panels: Panels::pack(square.as_ref(), padded(atoms)),
            sweep_panels: Panels::pack(square.as_ref(), padded(atoms)),
            gram: square,
            diagonal: zeros(),
            inverse_diagonal: zeros(),
            norms: Norms::new(padded(atoms)),
            overlaps: Overlaps::default(),
            steps: zeros(),
            lipschitz: OnceLock::new(),
            unit_diagonal: OnceLock::new(),
            gram_rows: OnceLock::new(),
        }
    }

    /// Replaces λ2 and the dictionary, which keeps its shape.
    pub(crate) fn update(&mut self, dictionary: MatRef<'_, T>, lambda2: T) {
        self.dictionary.update(dictionary);
        square(dictionary, &mut self.gram);
        self.complete(lambda2);
    }

    /// Uses a matrix (n × n) in place of `D'D`.
    pub(crate) fn update_gram(&mut self, gram: MatRef<'_, T>, lambda2: T) {
        self.gram.copy_from(gram);
        self.complete(lambda2);
    }

    /// Adds λ2 to the Gram matrix and derives everything else from it.
    fn complete(&mut self, lambda2: T) {
        let atoms = self.atoms();
        for atom in 0..atoms {
            self.gram[(atom, atom)] += lambda2;
            let diagonal = self.gram[(atom, atom)];
            self.diagonal[atom] = diagonal;
            let inverse = T::ONE / diagonal;
            self.inverse_diagonal[atom] = if inverse.finite() { inverse } else { T::ZERO };
        }
        self.norms.measure(&self.diagonal[..atoms]);
        self.overlaps = Overlaps::measure(self.gram.as_ref(), &self.inverse_diagonal);
        let relaxation = T::from_f64(self.relaxation());
        for atom in 0..atoms {
            self.steps[atom] = relaxation * self.inverse_diagonal[atom];
        }
        self.gram_panels.repack(self.gram.as_ref());
        let (gram, steps) = (&self.gram, &self.steps);
        self.sweep_panels.fill(gram.ncols(), |i, j| {
            if i != j {
                steps[i] * gram[(i, j)]
            } else if steps[i] == T::ZERO {
                T::ZERO
            } else {
                // Subtract in f64: the two numbers are nearly equal.
                T::from_f64(steps[i].to_f64() * gram[(i, i)].to_f64() - 1.0)
            }
        });
        self.lipschitz = OnceLock::new();
        self.unit_diagonal = OnceLock::new();
        self.update_gram_rows();
    }

    /// Returns the operator of the same dictionary in `f64`, whose Gram matrix is free of the
    /// rounding of `T`.
    pub(crate) fn widened(&self, lambda2: T) -> Operator<f64> {
        let widen = |matrix: MatRef<'_, T>| {
            Mat::from_fn(matrix.nrows(), matrix.ncols(), |i, j| {
                matrix[(i, j)].to_f64()
            })
        };
        let dictionary = widen(self.dictionary());
        let lambda2 = lambda2.to_f64();
        let mut exact = Operator::<f64>::blank(dictionary, self.atoms());
        if self.rows() > 0 {
            square(exact.dictionary.matrix(), &mut exact.gram);
            exact.complete(lambda2);
        } else {
            // The diagonal already includes λ2, up to rounding in `T`.
            let mut gram = widen(self.gram());
            for atom in 0..self.atoms() {
                gram[(atom, atom)] -= lambda2;
            }
            exact.update_gram(gram.as_ref(), lambda2);
        }
        // Atoms that count as zero in `T` do so in `f64`, too: their codes might leave the range of
        // `T`.
        let inverses = exact
            .inverse_diagonal
            .iter_mut()
            .zip(&self.inverse_diagonal);
        for (wide, &narrow) in inverses {
            if narrow == T::ZERO {
                *wide = 0.0;
            }
        }
        exact
    }

    /// Returns the length of a signal, m, or 0 if there is no dictionary.
    pub fn rows(&self) -> usize {
        self.dictionary().nrows()
    }

    /// Returns the number of atoms, n.
    pub fn atoms(&self) -> usize {
        self.gram.ncols()
    }

    /// Returns the dictionary `D` (m × n), or a 0 × n matrix if there is none.
    pub fn dictionary(&self) -> MatRef<'_, T> {
        self.dictionary.matrix()
    }

    /// Returns `D` packed for products with signals.
    pub(crate) fn atom_groups(&self) -> &AtomGroups<T> {
        self.dictionary.atom_groups()
    }

    /// Returns `D` packed for products `D y`, with padded rows and columns.
    ///
    /// Only derivatives need it, so it is packed on first use.
    pub(crate) fn dictionary_panels(&self) -> &Panels<T> {
        self.dictionary.panels()
    }

    /// Returns `D'` in groups of rows of D, for products `D y` with columns. Only derivatives need
    /// it.
    pub(crate) fn row_groups(&self) -> &AtomGroups<T> {
        self.dictionary.row_groups()
    }

    /// Returns `H = D'D + λ2 I` (n × n).
    pub fn gram(&self) -> MatRef<'_, T> {
        self.gram.as_ref()
    }

    /// Returns `H` packed, with padded rows and columns.
    pub fn gram_panels(&self) -> &Panels<T> {
        &self.gram_panels
    }

    /// Returns `ω H_ij / H_ii - δ_ij` packed, with padded rows and columns; rows of zero atoms are
    /// zero.
    pub(crate) fn sweep_panels(&self) -> &Panels<T> {
        &self.sweep_panels
    }

    /// Returns the diagonal entries `H_jj`.
    pub fn diagonal(&self) -> &[T] {
        &self.diagonal
    }

    /// Returns `1 / H_jj`, or 0 for atoms that are zero or too small to divide by.
    pub fn inverse_diagonal(&self) -> &[T] {
        &self.inverse_diagonal
    }

    /// Returns `√H_jj` of all atoms, with the largest and the smallest.
    pub(crate) fn norms(&self) -> &Norms<T> {
        &self.norms
    }

    /// Returns the largest `|H_ij| / √(H_ii H_jj)` over i != j.
    pub(crate) fn coherence(&self) -> f64 {
        self.overlaps.coherence
    }

    /// Returns q, a measure of how much atoms overlap.
    ///
    /// It is the mean over j of `sum over i != j of H_ij² / (H_ii H_jj)`, about n/m for independent
    /// atoms.
    pub fn coupling(&self) -> f64 {
        self.overlaps.coupling
    }

    /// Returns `ω = 1 + min(q/4, 1/5)`, the over-relaxation of [`steps`](Self::steps).
    pub fn relaxation(&self) -> f64 {
        1.0 + (0.25 * self.coupling()).min(0.2)
    }

    /// Returns the step lengths `ω / H_jj` of [coordinate descent](crate::CoordinateDescent), or 0
    /// for zero atoms.
    ///
    /// The documentation of coordinate descent explains the over-relaxation ω.
    pub fn steps(&self) -> &[T] {
        &self.steps
    }
}

/// Computes `gram = D'D`.
fn square<T: Scalar>(dictionary: MatRef<'_, T>, gram: &mut Mat<T>) {
    T::multiply(Multiply {
        a: dictionary.transpose(),
        b: dictionary,
        factor: T::ONE,
        accumulate: Accum::Replace,
        out: gram.as_mut(),
    });
}
