//! Products and linear systems on the active sets of a tile.

use faer::{Accum, MatMut, MatRef};

use super::dense::Multiply;
use super::kernels::{
    MaskedResidual, PositiveDefinite, Product, RestrictSystem, SubtractSigned, Sweep, SweepRule,
};
use super::{MaskedSystem, Operator, Panels, Scalar};

/// `out = A Y` for one tile: `y` has one tile row per column of `A`, `out` one per padded row.
///
/// Rows that are missing from a slice too short are left out; nothing is read or written beyond it.
pub fn product<T: Scalar>(matrix: &Panels<T>, y: &[T], out: &mut [T]) {
    T::product(Product { matrix, y, out });
}

/// `D y` for one tile: `y` has one row per padded atom, `out` one per row of the dictionary, rounded up to whole panels.
pub fn dictionary_product<T: Scalar>(operator: &Operator<T>, y: &[T], out: &mut [T]) {
    product(operator.dictionary_panels(), y, out);
}

/// Restricts u, `right_side`, to the active sets of the codes. Both are tiles with one row per padded atom.
///
/// # Panics
/// If a slice is shorter than its tile.
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

/// One over-relaxed Gauss-Seidel sweep on `H_LL y = u` for every column of a tile at once, with factor ω in (0, 2).
/// `right_side` is that of [`masked_system`] for sweeps; `solution`, a tile with one row per padded
/// atom, must be zero off the active sets, and everywhere if `from_zero` says so, which saves half
/// of the sweep.
///
/// # Panics
/// If a slice is shorter than its tile.
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

/// Per column `max over L of |u - H y|`, what remains of `H_LL y = u`, to `largest`; NaN where a number is not finite.
/// `scratch` is a tile row; `mask` has 1 where the atom belongs to the column's active set L and 0
/// elsewhere; it, u (`right_side`) and `solution`, zero off L, are tiles with one row per padded atom.
///
/// # Panics
/// If a slice is shorter than its tile.
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

/// Solves the dense system `A y = u` of n unknowns. `matrix` is n × n, row-major; its upper triangle is read, and overwritten;
/// `diagonal` is that of A once more; `vector` holds u, which y replaces. False, and y of no use, if A is not positive definite
/// beyond rounding: if a pivot is at most `8 n ε` times its diagonal entry.
///
/// # Panics
/// If a slice is shorter than n by `vector.len() = n`.
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

/// `sums -= s y`, entry by entry, where s is -1 where the code is negative and 1 elsewhere. What is longer than the shortest slice
/// is left alone.
pub fn subtract_signed<T: Scalar>(codes: &[T], values: &[T], sums: &mut [T]) {
    T::subtract_signed(SubtractSigned {
        codes,
        values,
        sums,
    });
}

/// `out = factor A B`, added to what `out` holds if `accumulate` says so, on the calling thread alone.
///
/// # Panics
/// If the shapes do not fit.
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
