//! The active entries of codes, signal by signal.

use crate::tile::Scalar;

/// Sums over codes are faster entry by entry than as matrix products if at most one code in this
/// many is active.
const SPARSE: usize = 8;

/// The active entries of the codes of some signals.
#[derive(Debug, Clone, Default)]
pub(super) struct Entries<T> {
    /// Where the entries of each signal begin, and where the last ones end.
    starts: Vec<usize>,
    atoms: Vec<u32>,
    values: Vec<T>,
}

impl<T: Scalar> Entries<T> {
    /// Collects the entries of codes (n × count, one atom after the other).
    pub(super) fn take(&mut self, codes: &[T], count: usize) {
        self.starts.clear();
        self.starts.resize(count + 1, 0);
        for row in codes.chunks_exact(count.max(1)) {
            for (start, &code) in self.starts[1..].iter_mut().zip(row) {
                *start += usize::from(code != T::ZERO);
            }
        }
        for signal in 0..count {
            self.starts[signal + 1] += self.starts[signal];
        }
        let total = self.starts[count];
        self.atoms.resize(total, 0);
        self.values.resize(total, T::ZERO);
        // Each entry advances its start, which finally is the start of the next signal.
        for (atom, row) in codes.chunks_exact(count.max(1)).enumerate() {
            for (start, &code) in self.starts.iter_mut().zip(row) {
                if code != T::ZERO {
                    self.atoms[*start] = atom as u32;
                    self.values[*start] = code;
                    *start += 1;
                }
            }
        }
        self.starts.rotate_right(1);
        self.starts[0] = 0;
    }

    /// Returns the atoms and codes of a signal, in the order of the atoms.
    pub(super) fn of(&self, signal: usize) -> (&[u32], &[T]) {
        let places = self.starts[signal]..self.starts[signal + 1];
        (&self.atoms[places.clone()], &self.values[places])
    }

    /// The atoms of the entries of all signals.
    pub(super) fn atoms(&self) -> impl Iterator<Item = usize> {
        self.atoms.iter().map(|&atom| atom as usize)
    }

    /// The number of entries.
    pub(super) fn len(&self) -> usize {
        self.atoms.len()
    }

    /// Whether the entries are few among this many codes.
    pub(super) fn are_few(&self, codes: usize) -> bool {
        self.len() * SPARSE <= codes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_signal_by_signal() {
        let codes = [
            [0.0, 1.0, 0.0, 2.0],
            [0.0, 0.0, 0.0, -3.0],
            [0.0, 4.0, 0.0, 0.0],
        ];
        let mut entries = Entries::default();
        // Earlier contents do not matter.
        for _ in 0..2 {
            entries.take(codes.as_flattened(), 4);
            assert_eq!(entries.len(), 4);
            assert!(entries.atoms().eq([0, 2, 0, 1]));
            assert_eq!(entries.of(0), (&[][..], &[][..]));
            assert_eq!(entries.of(1), (&[0, 2][..], &[1.0, 4.0][..]));
            assert_eq!(entries.of(2), (&[][..], &[][..]));
            assert_eq!(entries.of(3), (&[0, 1][..], &[2.0, -3.0][..]));
        }
        assert!(!entries.are_few(12) && entries.are_few(32));
        entries.take(&[], 0);
        assert_eq!(entries.len(), 0);
    }
}
