//! A dictionary packed for products with signals that are stored one after the other.

use faer::MatRef;

use super::Real;

/// Widths of a group of atoms in bytes, in order of preference: the first that leaves no register
/// empty is used.
///
/// With two or three of the widest registers, a number of a signal is broadcast once and used two
/// or three times.
const GROUP_BYTES: [usize; 3] = [128, 192, 64];

/// A dictionary split into groups of atoms, each stored row by row.
///
/// Entry (i, a) of a group is at `i * width + a`. Missing atoms of the last group are zero.
#[derive(Debug, Clone)]
pub struct AtomGroups<T> {
    data: Vec<T>,
    pub(crate) rows: usize,
    pub(crate) atoms: usize,
    /// Atoms per group.
    pub(crate) width: usize,
}

/// The largest number of atoms per group.
pub(crate) const LARGEST_WIDTH: usize = 192 / size_of::<f32>();

/// Returns the number of atoms per group for a dictionary of `atoms` atoms.
pub(crate) fn group_width<T: Real>(atoms: usize) -> usize {
    let widths = GROUP_BYTES.map(|bytes| bytes / size_of::<T>());
    let narrow = widths[widths.len() - 1];
    let atoms = atoms.next_multiple_of(narrow);
    let fits = |width: &usize| atoms.is_multiple_of(*width);
    widths.into_iter().find(fits).unwrap_or(narrow)
}

impl<T: Real> AtomGroups<T> {
    /// Packs a dictionary with one atom per column.
    pub(crate) fn pack(dictionary: MatRef<'_, T>) -> Self {
        let (rows, atoms) = dictionary.shape();
        let width = group_width::<T>(atoms);
        let mut groups = Self {
            data: vec![T::ZERO; rows * atoms.next_multiple_of(width)],
            rows,
            atoms,
            width,
        };
        groups.repack(dictionary);
        groups
    }

    /// Packs a different dictionary of the same shape into the same memory.
    pub(crate) fn repack(&mut self, dictionary: MatRef<'_, T>) {
        let width = self.width;
        for (j, atom) in dictionary.col_iter().enumerate() {
            let first = j / width * self.rows * width + j % width;
            for (i, &value) in atom.iter().enumerate() {
                self.data[first + i * width] = value;
            }
        }
    }

    /// Returns the number of atoms, rounded up to whole groups.
    pub(crate) fn padded_atoms(&self) -> usize {
        self.atoms.next_multiple_of(self.width)
    }

    pub(crate) fn groups(&self) -> impl Iterator<Item = &[T]> {
        self.data.chunks_exact((self.rows * self.width).max(1))
    }
}
