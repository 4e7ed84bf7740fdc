//! Approximate comparison of gradients, reports and margins.
//!
//! Floating-point numbers may differ by the tolerance; counts, columns and shapes must be equal.
//! Equal infinities compare equal, and NaN differs from everything. Times are ignored, since they
//! differ from run to run.

use approx::{AbsDiffEq, RelativeEq};
use scn_solvers::Scalar;

use crate::gradients::Gradients;
use crate::margins::Margins;
use crate::masked::MaskedReport;

/// Implements both traits for a type whose numbers are `$number`s. `$alike` compares two values,
/// given a function that compares two numbers.
macro_rules! compare {
    ($type:ident $(<$parameter:ident>)?, $number:ty, $alike:expr) => {
        impl $(<$parameter: Scalar + AbsDiffEq<Epsilon: Clone>>)? AbsDiffEq
            for $type $(<$parameter>)?
        {
            type Epsilon = <$number as AbsDiffEq>::Epsilon;

            fn default_epsilon() -> Self::Epsilon {
                <$number as AbsDiffEq>::default_epsilon()
            }

            fn abs_diff_eq(&self, other: &Self, epsilon: Self::Epsilon) -> bool {
                $alike(self, other, |a: &$number, b: &$number| {
                    a == b || a.abs_diff_eq(b, epsilon.clone())
                })
            }
        }

        impl $(<$parameter: Scalar + RelativeEq<Epsilon: Clone>>)? RelativeEq
            for $type $(<$parameter>)?
        {
            fn default_max_relative() -> Self::Epsilon {
                <$number as RelativeEq>::default_max_relative()
            }

            fn relative_eq(
                &self,
                other: &Self,
                epsilon: Self::Epsilon,
                max_relative: Self::Epsilon,
            ) -> bool {
                $alike(self, other, |a: &$number, b: &$number| {
                    a.relative_eq(b, epsilon.clone(), max_relative.clone())
                })
            }
        }
    };
}

compare!(Gradients<T>, T, gradients_alike);
compare!(MaskedReport, f64, reports_alike);
compare!(Margins, f64, margins_alike);

fn gradients_alike<T: Scalar>(
    a: &Gradients<T>,
    b: &Gradients<T>,
    near: impl Fn(&T, &T) -> bool,
) -> bool {
    let columns = || a.dictionary.col_iter().zip(b.dictionary.col_iter());
    a.dictionary.shape() == b.dictionary.shape()
        && a.lambda1.len() == b.lambda1.len()
        && near(&a.lambda2, &b.lambda2)
        && a.lambda1.iter().zip(&b.lambda1).all(|(a, b)| near(a, b))
        && columns().all(|(a, b)| a.iter().zip(b.iter()).all(|(a, b)| near(a, b)))
}

fn reports_alike(a: &MaskedReport, b: &MaskedReport, near: impl Fn(&f64, &f64) -> bool) -> bool {
    let counted = |report: &MaskedReport| {
        (
            report.columns,
            report.unconverged,
            report.factorised,
            report.passes,
            report.column_passes,
            report.worst_column,
        )
    };
    counted(a) == counted(b) && near(&a.residual, &b.residual)
}

fn margins_alike(a: &Margins, b: &Margins, near: impl Fn(&f64, &f64) -> bool) -> bool {
    (a.column, a.undecided) == (b.column, b.undecided) && near(&a.smallest, &b.smallest)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use approx::{assert_abs_diff_eq, assert_abs_diff_ne, assert_relative_eq, assert_relative_ne};
    use faer::Mat;

    use super::*;

    /// 4 and 4 + 1/8 = 33/8 differ by 1/33 of the larger.
    #[test]
    fn gradients_differ_by_each_of_their_numbers_and_shapes() {
        let gradients = |rows: usize, atoms: usize| Gradients::<f32> {
            dictionary: Mat::full(rows, atoms, 4.0),
            lambda1: vec![4.0; atoms],
            lambda2: 4.0,
        };
        let whole = gradients(3, 2);
        let mut moved = [whole.clone(), whole.clone(), whole.clone()];
        moved[0].dictionary[(2, 1)] = 4.125;
        moved[1].lambda1[1] = 4.125;
        moved[2].lambda2 = 4.125;
        for moved in &moved {
            assert_abs_diff_eq!(whole, *moved, epsilon = 0.125);
            assert_abs_diff_ne!(whole, *moved, epsilon = 0.124);
            assert_relative_eq!(whole, *moved, epsilon = 0.0, max_relative = 0.031);
            assert_relative_ne!(whole, *moved, epsilon = 0.0, max_relative = 0.030);
        }
        for other in [gradients(2, 3), gradients(2, 2), gradients(3, 3)] {
            assert_abs_diff_ne!(whole, other, epsilon = 10.0);
        }
    }

    #[test]
    fn reports_differ_by_residuals_and_counts_but_not_by_times() {
        let report = MaskedReport {
            columns: 3,
            residual: 1.0,
            ..MaskedReport::empty()
        };
        let mut slower = MaskedReport {
            residual: 1.5,
            ..report
        };
        slower.times.solve = Duration::from_secs(1);
        assert_abs_diff_eq!(report, slower, epsilon = 0.5);
        assert_abs_diff_ne!(report, slower, epsilon = 0.25);
        let other = [
            MaskedReport {
                columns: 4,
                ..report
            },
            MaskedReport {
                unconverged: 1,
                ..report
            },
            MaskedReport {
                factorised: 1,
                ..report
            },
            MaskedReport {
                passes: 1,
                ..report
            },
            MaskedReport {
                column_passes: 1,
                ..report
            },
            MaskedReport {
                worst_column: 1,
                ..report
            },
            MaskedReport {
                residual: f64::NAN,
                ..report
            },
        ];
        for other in other {
            assert_abs_diff_ne!(report, other, epsilon = 10.0);
        }
    }

    /// The margin of an empty batch is infinite, and two infinite margins are equal.
    #[test]
    fn margins_differ_by_the_smallest_and_by_counts() {
        let margins = |smallest: f64, column: usize, undecided: usize| Margins {
            smallest,
            column,
            undecided,
        };
        assert_abs_diff_eq!(margins(1.0, 2, 3), margins(1.5, 2, 3), epsilon = 0.5);
        assert_abs_diff_ne!(margins(1.0, 2, 3), margins(1.5, 2, 3), epsilon = 0.25);
        assert_abs_diff_ne!(margins(1.0, 2, 3), margins(1.0, 1, 3), epsilon = 10.0);
        assert_abs_diff_ne!(margins(1.0, 2, 3), margins(1.0, 2, 2), epsilon = 10.0);
        let none = margins(f64::INFINITY, 0, 0);
        assert_abs_diff_eq!(none, none, epsilon = 0.0);
        assert_abs_diff_ne!(none, margins(1.0, 0, 0), epsilon = 10.0);
    }
}
