//! Norms and overlaps of atoms.

use faer::MatRef;

use crate::tile::Real;

/// The norms `√H_jj` of the atoms.
#[derive(Debug, Clone)]
pub(crate) struct Norms<T> {
    /// One per atom, padded with zeros.
    pub(crate) each: Vec<T>,
    pub(crate) largest: f64,
    /// The smallest nonzero norm; infinite if all are zero.
    pub(crate) smallest: f64,
}

impl<T: Real> Norms<T> {
    pub(super) fn new(padded_atoms: usize) -> Self {
        Self {
            each: vec![T::ZERO; padded_atoms],
            largest: 0.0,
            smallest: 1.0,
        }
    }

    pub(super) fn measure(&mut self, diagonal: &[T]) {
        for (norm, entry) in self.each.iter_mut().zip(diagonal) {
            *norm = T::from_f64(entry.to_f64().sqrt());
        }
        let norms = self.each.iter().map(|norm| norm.to_f64());
        self.largest = norms.clone().fold(0.0, f64::max);
        let positive = norms.filter(|&norm| norm > 0.0);
        self.smallest = positive.fold(f64::INFINITY, f64::min);
    }
}

/// Measures of how much atoms overlap.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Overlaps {
    /// The mean over j of `sum over i != j of H_ij² / (H_ii H_jj)`.
    pub(super) coupling: f64,
    /// `max |H_ij| / √(H_ii H_jj)` over i != j.
    pub(super) coherence: f64,
}

impl Overlaps {
    pub(super) fn measure<T: Real>(gram: MatRef<'_, T>, inverse_diagonal: &[T]) -> Self {
        let n = gram.ncols();
        let (mut coupling, mut largest) = (0.0, 0.0_f64);
        for j in 0..n {
            let inverse = inverse_diagonal[j].to_f64();
            for i in 0..j {
                let entry = gram[(i, j)].to_f64();
                // In this order no product leaves the range if all atoms are small or all are
                // large.
                let square = (entry * inverse) * (entry * inverse_diagonal[i].to_f64());
                coupling += 2.0 * square;
                largest = largest.max(square);
            }
        }
        let mean = coupling / n as f64;
        // After an overflow the sums are meaningless.
        Self {
            coupling: if mean.is_finite() { mean } else { 0.0 },
            coherence: if largest.is_finite() {
                largest.sqrt()
            } else {
                1.0
            },
        }
    }
}
