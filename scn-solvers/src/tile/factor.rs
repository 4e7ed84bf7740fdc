//! The Cholesky factor of `H_LL` while atoms join and leave the active set L.

use faer::MatRef;

/// The factorisation `H_LL = R R'` with R lower triangular, updated in `O(|L|²)` per change.
///
/// A row is appended, or removed and the rest rotated back to triangular form (Golub and Van Loan,
/// "Matrix computations", fourth edition, section 6.5).
#[derive(Debug, Clone)]
pub(crate) struct ActiveFactor {
    atoms: Vec<usize>,
    /// Row k has k + 1 entries.
    rows: Vec<Vec<f64>>,
}

impl ActiveFactor {
    /// Creates the factor of an empty active set.
    pub(crate) fn new() -> Self {
        Self {
            atoms: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Returns L, in the order in which atoms joined.
    pub(crate) fn atoms(&self) -> &[usize] {
        &self.atoms
    }

    /// Adds an atom. Returns false, and leaves it out, if it depends on the others up to rounding.
    pub(crate) fn push(&mut self, gram: MatRef<'_, f64>, atom: usize) -> bool {
        let column: Vec<f64> = self.atoms.iter().map(|&j| gram[(j, atom)]).collect();
        let mut row = self.forward(column);
        let diagonal = gram[(atom, atom)];
        let square = row
            .iter()
            .fold(diagonal, |rest, &entry| rest - entry * entry);
        let rounding = 8.0 * (row.len() + 1) as f64 * f64::EPSILON * diagonal;
        if !(square > rounding) {
            return false;
        }
        row.push(square.sqrt());
        self.rows.push(row);
        self.atoms.push(atom);
        true
    }

    /// Removes the atom at index `place` of [`atoms`](Self::atoms).
    pub(crate) fn remove(&mut self, place: usize) {
        self.atoms.remove(place);
        self.rows.remove(place);
        for pivot in place..self.rows.len() {
            // Row `pivot` extends one entry past the diagonal. A rotation of two columns zeroes
            // that entry.
            let (a, b) = (self.rows[pivot][pivot], self.rows[pivot][pivot + 1]);
            let length = a.hypot(b);
            let (cosine, sine) = (a / length, b / length);
            for row in &mut self.rows[pivot..] {
                let (x, y) = (row[pivot], row[pivot + 1]);
                row[pivot] = cosine * x + sine * y;
                row[pivot + 1] = cosine * y - sine * x;
            }
            self.rows[pivot].truncate(pivot + 1);
        }
    }

    /// Returns `H_LL⁻¹ r`.
    pub(crate) fn solve(&self, right_side: Vec<f64>) -> Vec<f64> {
        let mut solution = self.forward(right_side);
        for k in (0..solution.len()).rev() {
            solution[k] /= self.rows[k][k];
            let (before, from_k) = solution.split_at_mut(k);
            for (entry, &weight) in before.iter_mut().zip(&self.rows[k]) {
                *entry -= weight * from_k[0];
            }
        }
        solution
    }

    /// Returns `R⁻¹ r`.
    fn forward(&self, mut right_side: Vec<f64>) -> Vec<f64> {
        for (k, row) in self.rows.iter().enumerate() {
            let known = row[..k].iter().zip(&right_side);
            let sum = known.fold(right_side[k], |rest, (&r, &y)| rest - r * y);
            right_side[k] = sum / row[k];
        }
        right_side
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{dictionary, normal_matrix};
    use approx::abs_diff_eq;
    use proptest::prelude::*;

    proptest! {
        /// After any sequence of changes, `H_LL y = r` holds as accurately as a stable solve
        /// allows: up to `n ε` times the condition number, which is below 100 for these atoms.
        #[test]
        fn solves_after_any_changes(changes in prop::collection::vec(0usize..12, 1..40), seed in 0u64..1000) {
            let atoms = dictionary::<f64>(40, 12, 0.3, seed);
            let gram = atoms.transpose() * &atoms;
            let right_side = normal_matrix::<f64>(12, 1, seed + 1);
            let mut factor = ActiveFactor::new();
            for atom in changes {
                match factor.atoms().iter().position(|&j| j == atom) {
                    Some(place) => factor.remove(place),
                    None => prop_assert!(factor.push(gram.as_ref(), atom)),
                }
            }
            let active = factor.atoms().to_vec();
            let y = factor.solve(active.iter().map(|&j| right_side[(j, 0)]).collect());
            for &i in &active {
                let product: f64 = active.iter().zip(&y).map(|(&j, y)| gram[(i, j)] * y).sum();
                let epsilon = 12.0 * 100.0 * f64::EPSILON * right_side.norm_l2();
                prop_assert!(abs_diff_eq!(product, right_side[(i, 0)], epsilon = epsilon));
            }
        }
    }

    #[test]
    fn a_dependent_atom_is_left_out() {
        let mut atoms = dictionary::<f64>(6, 4, 0.0, 1);
        let sum = atoms.col(0) + atoms.col(1);
        atoms.col_mut(3).copy_from(&sum);
        let gram = atoms.transpose() * &atoms;
        let mut factor = ActiveFactor::new();
        let joined: Vec<bool> = (0..4).map(|j| factor.push(gram.as_ref(), j)).collect();
        assert_eq!(
            (joined, factor.atoms()),
            (vec![true, true, true, false], &[0, 1, 2][..])
        );
    }
}
