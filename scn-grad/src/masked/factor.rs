//! A Cholesky factorisation for one column.

use scn_solvers::tile::solve_positive_definite;
use scn_solvers::{Problem, Scalar};

/// The systems of a tile, with one row per padded atom.
pub(super) struct System<'a, T> {
    /// 1 on the active set of each column, 0 elsewhere.
    pub(super) mask: &'a [T],
    /// `u`
    pub(super) right_side: &'a [T],
    /// `y`
    pub(super) solution: &'a mut [T],
}

/// Memory for one factorisation.
#[derive(Debug, Clone, Default)]
pub(super) struct Factor<T> {
    active: Vec<usize>,
    /// `H_LL`, whose upper triangle becomes `R` with `H_LL = R'R`; row-major.
    matrix: Vec<T>,
    /// The original diagonal of `H_LL`.
    diagonal: Vec<T>,
    /// `u` before the solve, `y` after it.
    vector: Vec<T>,
}

impl<T: Scalar> Factor<T> {
    /// Writes the exact solution of one column. Returns false, and writes nothing, if its active
    /// atoms are linearly dependent.
    pub(super) fn solve(
        &mut self,
        problem: &Problem<T>,
        system: System<'_, T>,
        column: usize,
    ) -> bool {
        let width = T::tile();
        let Factor {
            active,
            matrix,
            diagonal,
            vector,
        } = self;
        active.clear();
        let rows = system.mask.chunks_exact(width).enumerate();
        active.extend(
            rows.filter(|(_, row)| row[column] != T::ZERO)
                .map(|(j, _)| j),
        );
        let size = active.len();
        matrix.resize(size * size, T::ZERO);
        vector.clear();
        vector.extend(
            active
                .iter()
                .map(|&j| system.right_side[j * width + column]),
        );
        diagonal.clear();
        diagonal.extend(active.iter().map(|&j| problem.diagonal()[j]));
        let gram = problem.gram();
        for (p, &i) in active.iter().enumerate() {
            // Read as a column of the symmetric matrix, which is contiguous.
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
        let solved = solve_positive_definite(matrix, diagonal, vector);
        if solved {
            for (&j, &y) in active.iter().zip(&*vector) {
                system.solution[j * width + column] = y;
            }
        }
        solved
    }
}
