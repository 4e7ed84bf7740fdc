//! Checks of dictionaries and Gram matrices.

use faer::MatRef;

use crate::ProblemError;
use crate::tile::Scalar;

/// Checks that a dictionary is finite, and small enough for its Gram matrix to be finite.
pub(super) fn check_dictionary<T: Scalar>(
    dictionary: MatRef<'_, T>,
    lambda2: T,
) -> Result<(), ProblemError> {
    let (rows, atoms) = dictionary.shape();
    for atom in 0..atoms {
        let mut square = lambda2.to_f64();
        for row in 0..rows {
            let entry = dictionary[(row, atom)];
            if !entry.finite() {
                return Err(ProblemError::Dictionary {
                    row,
                    atom,
                    found: entry.to_f64(),
                });
            }
            square += entry.to_f64() * entry.to_f64();
        }
        // The factor 2 leaves room for rounding: the Gram matrix is summed in T.
        if !T::from_f64(2.0 * square).finite() {
            return Err(ProblemError::Gram {
                atom,
                found: square,
            });
        }
    }
    Ok(())
}

/// Checks that a Gram matrix is square, finite, symmetric and positive semidefinite, the last two
/// up to rounding.
pub(super) fn check_gram<T: Scalar>(gram: MatRef<'_, T>) -> Result<(), ProblemError> {
    let (rows, atoms) = gram.shape();
    if atoms == 0 || rows != atoms {
        return Err(ProblemError::NotSquare { rows, atoms });
    }
    let sizes = gram.col_iter().flat_map(|column| column.iter());
    let largest = sizes.fold(0.0, |largest: f64, entry| largest.max(entry.to_f64().abs()));
    let rounding = 64.0 * atoms as f64 * T::EPSILON.to_f64() * largest;
    for j in 0..atoms {
        for i in 0..atoms {
            let (found, mirrored) = (gram[(i, j)].to_f64(), gram[(j, i)].to_f64());
            if !found.is_finite() {
                return Err(ProblemError::Dictionary {
                    row: i,
                    atom: j,
                    found,
                });
            }
            if (found - mirrored).abs() > rounding {
                return Err(ProblemError::NotSymmetric {
                    row: i,
                    column: j,
                    found,
                    mirrored,
                });
            }
        }
    }
    if let Some((smallest, _)) = T::extreme_eigenvalues(gram)
        && smallest < -rounding
    {
        return Err(ProblemError::Indefinite { found: smallest });
    }
    Ok(())
}
