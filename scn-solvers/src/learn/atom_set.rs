//! The set of allowed atoms.

use faer::ColRef;

use crate::penalty::Sign;
use crate::tile::{Scalar, narrower_than_f64};

/// The constraint on the norm of atoms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AtomNorm {
    /// `||d|| <= 1`
    Ball,
    /// `||d|| = 1`
    Sphere,
}

/// The set C of allowed atoms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AtomSet {
    /// The sign of the entries of an atom.
    pub sign: Sign,
    /// The norm of an atom.
    pub norm: AtomNorm,
}

impl AtomSet {
    /// Replaces a vector by the nearest allowed atom, up to rounding.
    ///
    /// If atoms are nonnegative and of norm 1, and all entries are negative, the nearest atom has a
    /// single nonzero entry, where the vector is largest. Returns false and leaves the vector zero
    /// if atoms have norm 1 and the vector is zero, or if atoms are also nonnegative and its
    /// largest entry is zero.
    pub(super) fn take_nearest<T: Scalar>(self, vector: &mut [T]) -> bool {
        let largest = largest(vector);
        let clip = self.sign == Sign::NonNegative;
        if clip {
            for entry in vector.iter_mut().filter(|entry| **entry < T::ZERO) {
                *entry = T::ZERO;
            }
        }
        let norm = norm(vector);
        if norm > 0.0 {
            if self.norm == AtomNorm::Sphere || norm > 1.0 {
                scale(vector, norm);
            }
            return true;
        }
        match (self.norm, largest) {
            (AtomNorm::Ball, _) => true,
            (AtomNorm::Sphere, Some((place, value))) if clip && value < T::ZERO => {
                vector[place] = T::ONE;
                true
            }
            (AtomNorm::Sphere, _) => false,
        }
    }

    /// Scales a vector to norm 1, after setting negative entries to zero if atoms are nonnegative.
    /// Returns false if nothing is left of it.
    pub(super) fn take_direction<T: Scalar>(self, vector: &mut [T]) -> bool {
        if self.sign == Sign::NonNegative {
            for entry in vector.iter_mut().filter(|entry| **entry < T::ZERO) {
                *entry = T::ZERO;
            }
        }
        let norm = norm(vector);
        if norm > 0.0 {
            scale(vector, norm);
        }
        norm > 0.0
    }
}

/// Computes the norm in `f64`, where squares of `f32` numbers neither overflow nor vanish.
fn norm<T: Scalar>(vector: &[T]) -> f64 {
    if !narrower_than_f64::<T>() {
        return ColRef::from_slice(vector).norm_l2().to_f64();
    }
    // Independent sums, so that no addition waits for the previous one.
    let mut sums = [0.0; 8];
    let (chunks, rest) = vector.as_chunks();
    for chunk in chunks {
        for (sum, entry) in sums.iter_mut().zip(chunk as &[T; 8]) {
            *sum += entry.to_f64() * entry.to_f64();
        }
    }
    let rest = rest.iter().map(|entry| entry.to_f64() * entry.to_f64());
    sums.into_iter().chain(rest).sum::<f64>().sqrt()
}

fn scale<T: Scalar>(vector: &mut [T], norm: f64) {
    for entry in vector {
        *entry = T::from_f64(entry.to_f64() / norm);
    }
}

fn largest<T: Scalar>(vector: &[T]) -> Option<(usize, T)> {
    let mut largest: Option<(usize, T)> = None;
    for (place, &value) in vector.iter().enumerate() {
        if largest.is_none_or(|(_, most)| value > most) {
            largest = Some((place, value));
        }
    }
    largest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearest(sign: Sign, norm: AtomNorm, vector: [f64; 2]) -> Option<[f64; 2]> {
        let mut atom = vector;
        AtomSet { sign, norm }
            .take_nearest(&mut atom)
            .then_some(atom)
    }

    #[test]
    fn the_nearest_atom_of_each_set() {
        use AtomNorm::{Ball, Sphere};
        use Sign::{Free, NonNegative};
        assert_eq!(nearest(Free, Ball, [0.3, -0.4]), Some([0.3, -0.4]));
        assert_eq!(nearest(Free, Ball, [3.0, -4.0]), Some([0.6, -0.8]));
        assert_eq!(nearest(Free, Sphere, [0.3, -0.4]), Some([0.6, -0.8]));
        assert_eq!(nearest(NonNegative, Ball, [3.0, -4.0]), Some([1.0, 0.0]));
        assert_eq!(nearest(NonNegative, Ball, [0.3, -4.0]), Some([0.3, 0.0]));
        assert_eq!(nearest(NonNegative, Ball, [-3.0, -4.0]), Some([0.0, 0.0]));
        assert_eq!(nearest(NonNegative, Sphere, [0.3, -4.0]), Some([1.0, 0.0]));
        assert_eq!(nearest(NonNegative, Sphere, [-4.0, -3.0]), Some([0.0, 1.0]));
        assert_eq!(nearest(Free, Sphere, [0.0, 0.0]), None);
        assert_eq!(nearest(NonNegative, Sphere, [0.0, -1.0]), None);
    }

    /// The squares of these entries leave the range of `f32`, in both directions.
    #[test]
    fn sizes_at_the_ends_of_the_range_keep_their_direction() {
        let set = AtomSet {
            sign: Sign::Free,
            norm: AtomNorm::Sphere,
        };
        for size in [1e-30_f32, 1e30] {
            let mut atom = [3.0 * size, 4.0 * size];
            assert!(set.take_nearest(&mut atom));
            approx::assert_abs_diff_eq!(atom[0], 0.6, epsilon = f32::EPSILON);
            approx::assert_abs_diff_eq!(atom[1], 0.8, epsilon = f32::EPSILON);
        }
    }
}
