//! Products and linear systems on the active sets of a tile.

use faer::{Accum, MatMut, MatRef};

use super::dense::Multiply;
use super::kernels::{
    MaskedResidual, PositiveDefinite, Product, RestrictSystem, SubtractSigned, Sweep, SweepRule,
};
use super::{MaskedSystem, Operator, Panels, Scalar};

/// Computes `out = A Y` for one tile.
///
/// `y` has one tile row per column of `A`, `out` one per padded row.
///
/// If a slice is too short, the missing rows are skipped; nothing is read or written past its end.
pub fn product<T: Scalar>(matrix: &Panels<T>, y: &[T], out: &mut [T]) {
    T::product(Product { matrix, y, out });
}

/// Computes `D y` for one tile.
///
/// `y` has one row per padded atom, `out` one per row of the dictionary, rounded up to whole
/// panels.
pub fn dictionary_product<T: Scalar>(operator: &Operator<T>, y: &[T], out: &mut [T]) {
    product(operator.dictionary_panels(), y, out);
}

/// Restricts the right side u to the active sets of the codes.
///
/// `codes` and `right_side` (u) are tiles with one row per padded atom.
///
/// # Panics
/// Panics if a slice is shorter than its tile.
pub fn masked_system<T: Scalar>(
    operator: &Operator<T>,
    codes: &[T],
    right_side: &[T],
    system: MaskedSystem<'_, T>,
) {
    T::restrict_system(RestrictSystem {
        steps: operator.steps(),
        codes,
        right_side,
        system,
    });
}

/// Performs one over-relaxed Gauss-Seidel sweep on `H_LL y = u` for all columns of a tile at once.
///
/// The factor `relaxation` is in (0, 2). `right_side` is [`MaskedSystem::swept`], as written by
/// [`masked_system`]. `solution` is a tile with one row per padded atom and must be zero outside
/// the active sets. If it is zero everywhere, `from_zero` saves half of the sweep.
///
/// # Panics
/// Panics if a slice is shorter than its tile.
pub fn masked_sweep<T: Scalar>(
    operator: &Operator<T>,
    relaxation: f64,
    right_side: &[T],
    solution: &mut [T],
    from_zero: bool,
) {
    let lengthening = T::from_f64(relaxation / operator.relaxation());
    T::sweep(Sweep {
        matrix: operator.sweep_panels(),
        diagonal: operator.diagonal(),
        rule: SweepRule::Restrict(lengthening),
        right_side,
        codes: solution,
        from_zero,
        live: None,
        measure: false,
        change: &mut [],
    });
}

/// Writes the residual `max over L of |u - H y|` of each column to `largest`, or NaN if a number is
/// not finite.
///
/// `mask` is 1 where the atom belongs to the column's active set L, and 0 elsewhere. `mask`,
/// `right_side` (u) and `solution` (zero outside L) are tiles with one row per padded atom;
/// `scratch` is a tile row.
///
/// # Panics
/// Panics if a slice is shorter than its tile.
pub fn masked_residual<T: Scalar>(
    operator: &Operator<T>,
    mask: &[T],
    right_side: &[T],
    solution: &[T],
    largest: &mut [T],
    scratch: &mut [T],
) {
    T::masked_residual(MaskedResidual {
        gram: operator.gram_panels(),
        mask,
        right_side,
        solution,
        largest,
        not_finite: scratch,
    });
    for (largest, &not_finite) in largest.iter_mut().zip(&*scratch) {
        *largest += not_finite;
    }
}

/// Solves the dense system `A y = u` of n unknowns.
///
/// `matrix` is A (n × n, row-major); only its upper triangle is read, and it is overwritten.
/// `diagonal` is a copy of the diagonal of A. `vector` holds u and receives y.
///
/// Returns false, and leaves `vector` unusable, if A is not numerically positive definite: a pivot
/// is at most `8 n ε` times its diagonal entry.
///
/// # Panics
/// Panics if `matrix` or `diagonal` is too short for n = `vector.len()`.
///
/// # Example
///
/// ```
/// use approx::assert_abs_diff_eq;
/// use scn_solvers::tile::solve_positive_definite;
///
/// let mut vector = [4.0_f64, 5.0];
/// assert!(solve_positive_definite(&mut [2.0, 1.0, 1.0, 2.0], &[2.0, 2.0], &mut vector));
/// assert_abs_diff_eq!(vector[..], [1.0, 2.0][..], epsilon = 1e-12);
/// // The eigenvalues of this matrix are 3 and -1.
/// assert!(!solve_positive_definite(&mut [1.0, 2.0, 2.0, 1.0], &[1.0, 1.0], &mut vector));
/// ```
pub fn solve_positive_definite<T: Scalar>(
    matrix: &mut [T],
    diagonal: &[T],
    vector: &mut [T],
) -> bool {
    T::positive_definite(PositiveDefinite {
        matrix,
        diagonal,
        vector,
    })
}

/// Computes `sums -= s y` entry by entry, where s is -1 if the code is negative and 1 otherwise.
///
/// Entries past the end of the shortest slice are left unchanged.
pub fn subtract_signed<T: Scalar>(codes: &[T], values: &[T], sums: &mut [T]) {
    T::subtract_signed(SubtractSigned {
        codes,
        values,
        sums,
    });
}

/// Computes `out = factor A B`, or `out += factor A B` with [`Accum::Add`], on the calling thread
/// only.
///
/// # Panics
/// Panics if the shapes do not match.
///
/// # Example
///
/// ```
/// use faer::{Accum, mat};
/// use scn_solvers::tile::multiply;
///
/// let (row, column) = (mat![[1.0, 2.0]], mat![[3.0], [4.0]]);
/// let mut out = mat![[100.0]];
/// multiply(out.as_mut(), Accum::Add, row.as_ref(), column.as_ref(), -1.0);
/// assert_eq!(out, mat![[100.0 - 11.0]]);
/// ```
pub fn multiply<T: Scalar>(
    out: MatMut<'_, T>,
    accumulate: Accum,
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    factor: T,
) {
    T::multiply(Multiply {
        a,
        b,
        factor,
        accumulate,
        out,
    });
}
