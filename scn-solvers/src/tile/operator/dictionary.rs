//! A dictionary and its packed copies.

use std::sync::OnceLock;

use faer::{Mat, MatRef};

use crate::tile::atom_groups::AtomGroups;
use crate::tile::{Panels, Real, padded};

/// A dictionary (m × n) with packed copies for the products that use it.
#[derive(Debug, Clone)]
pub(super) struct PackedDictionary<T: Real> {
    matrix: Mat<T>,
    atom_groups: AtomGroups<T>,
    panels: OnceLock<Panels<T>>,
    row_groups: OnceLock<AtomGroups<T>>,
}

impl<T: Real> PackedDictionary<T> {
    pub(super) fn new(matrix: Mat<T>) -> Self {
        Self {
            atom_groups: AtomGroups::pack(matrix.as_ref()),
            matrix,
            panels: OnceLock::new(),
            row_groups: OnceLock::new(),
        }
    }

    /// Copies the values of a dictionary of the same shape into the same memory.
    pub(super) fn update(&mut self, matrix: MatRef<'_, T>) {
        self.matrix.copy_from(matrix);
        self.atom_groups.repack(matrix);
        if let Some(panels) = self.panels.get_mut() {
            panels.repack(matrix);
        }
        if let Some(groups) = self.row_groups.get_mut() {
            groups.repack(matrix.transpose());
        }
    }

    pub(super) fn matrix(&self) -> MatRef<'_, T> {
        self.matrix.as_ref()
    }

    /// Returns `D` packed for products with signals.
    pub(super) fn atom_groups(&self) -> &AtomGroups<T> {
        &self.atom_groups
    }

    /// Returns `D` packed for products `D y` with tiles.
    pub(super) fn panels(&self) -> &Panels<T> {
        self.panels
            .get_or_init(|| Panels::pack(self.matrix.as_ref(), padded(self.matrix.ncols())))
    }

    /// Returns `D'` packed for products `D y` with columns.
    pub(super) fn row_groups(&self) -> &AtomGroups<T> {
        self.row_groups
            .get_or_init(|| AtomGroups::pack(self.matrix.transpose()))
    }
}
