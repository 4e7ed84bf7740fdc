//! Approximate comparison of penalties, certificates, reports and paths.
//!
//! Floating-point numbers may differ by the tolerance; counts, columns, statuses, signs and lengths
//! must be equal. Equal infinities compare equal, and NaN differs from everything. Times are
//! ignored, since they differ from run to run.

use approx::{AbsDiffEq, RelativeEq};

use crate::certificate::{Certificate, ColumnCertificate};
use crate::omp::OmpReport;
use crate::path::{Breakpoint, Path};
use crate::penalty::{ElasticNet, Lambda1};
use crate::report::Report;

/// Implements both traits for a type whose numbers are `$number`s. `$alike` compares two values,
/// given a function that compares two numbers.
macro_rules! compare {
    ($type:ident $(<$parameter:ident>)?, $number:ty, $alike:expr) => {
        impl $(<$parameter: AbsDiffEq<Epsilon: Clone>>)? AbsDiffEq for $type $(<$parameter>)? {
            type Epsilon = <$number as AbsDiffEq>::Epsilon;

            fn default_epsilon() -> Self::Epsilon {
                <$number>::default_epsilon()
            }

            fn abs_diff_eq(&self, other: &Self, epsilon: Self::Epsilon) -> bool {
                $alike(self, other, |a: &$number, b: &$number| {
                    a == b || a.abs_diff_eq(b, epsilon.clone())
                })
            }
        }

        impl $(<$parameter: RelativeEq<Epsilon: Clone>>)? RelativeEq for $type $(<$parameter>)? {
            fn default_max_relative() -> Self::Epsilon {
                <$number>::default_max_relative()
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

compare!(Lambda1<T>, T, lambda1_alike);
compare!(ElasticNet<T>, T, penalties_alike);
compare!(Certificate, f64, certificates_alike);
compare!(ColumnCertificate, f64, column_certificates_alike);
compare!(Report, f64, reports_alike);
compare!(OmpReport, f64, pursuits_alike);
compare!(Breakpoint, f64, breakpoints_alike);
compare!(Path, f64, paths_alike);

/// A single λ1 for all atoms differs from one λ1 per atom, even if all numbers are equal.
fn lambda1_alike<T>(a: &Lambda1<T>, b: &Lambda1<T>, near: impl Fn(&T, &T) -> bool) -> bool {
    match (a, b) {
        (Lambda1::Scalar(a), Lambda1::Scalar(b)) => near(a, b),
        (Lambda1::PerAtom(a), Lambda1::PerAtom(b)) => all_alike(a, b, near),
        _ => false,
    }
}

fn penalties_alike<T>(a: &ElasticNet<T>, b: &ElasticNet<T>, near: impl Fn(&T, &T) -> bool) -> bool {
    a.sign == b.sign && near(&a.lambda2, &b.lambda2) && lambda1_alike(&a.lambda1, &b.lambda1, near)
}

fn certificates_alike(a: &Certificate, b: &Certificate, near: impl Fn(&f64, &f64) -> bool) -> bool {
    a.columns == b.columns
        && near(&a.residual, &b.residual)
        && near(&a.duality_gap, &b.duality_gap)
        && near(&a.active, &b.active)
}

fn column_certificates_alike(
    a: &ColumnCertificate,
    b: &ColumnCertificate,
    near: impl Fn(&f64, &f64) -> bool,
) -> bool {
    a.active == b.active
        && near(&a.residual, &b.residual)
        && near(&a.duality_gap, &b.duality_gap)
        && near(&a.margin, &b.margin)
}

fn reports_alike(a: &Report, b: &Report, near: impl Fn(&f64, &f64) -> bool) -> bool {
    let counted = |report: &Report| {
        (
            report.status,
            report.columns,
            report.passes,
            report.column_passes,
            report.worst_column,
        )
    };
    counted(a) == counted(b) && a.unconverged == b.unconverged && near(&a.residual, &b.residual)
}

fn pursuits_alike(a: &OmpReport, b: &OmpReport, near: impl Fn(&f64, &f64) -> bool) -> bool {
    (a.columns, a.atoms) == (b.columns, b.atoms) && near(&a.residual, &b.residual)
}

fn breakpoints_alike(a: &Breakpoint, b: &Breakpoint, near: impl Fn(&f64, &f64) -> bool) -> bool {
    near(&a.t, &b.t) && all_alike(&a.code, &b.code, near)
}

fn paths_alike(a: &Path, b: &Path, near: impl Fn(&f64, &f64) -> bool) -> bool {
    all_alike(a.breakpoints(), b.breakpoints(), |a, b| {
        breakpoints_alike(a, b, &near)
    })
}

fn all_alike<N>(a: &[N], b: &[N], near: impl Fn(&N, &N) -> bool) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| near(a, b))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use approx::{assert_abs_diff_eq, assert_abs_diff_ne, assert_relative_eq, assert_relative_ne};
    use faer::Mat;

    use super::*;
    use crate::{Problem, Sign, Status, path};

    /// 4 and 4 + 1/8 = 33/8 differ by 1/33 of the larger.
    #[test]
    fn penalties_differ_by_their_numbers_kind_and_sign() {
        let penalty = ElasticNet::<f32>::nonnegative(4.0, 4.0);
        for moved in [
            ElasticNet::nonnegative(4.125, 4.0),
            ElasticNet::nonnegative(4.0, 4.125),
        ] {
            assert_abs_diff_eq!(penalty, moved, epsilon = 0.125);
            assert_abs_diff_ne!(penalty, moved, epsilon = 0.124);
            assert_relative_eq!(penalty, moved, epsilon = 0.0, max_relative = 0.031);
            assert_relative_ne!(penalty, moved, epsilon = 0.0, max_relative = 0.030);
        }
        assert_abs_diff_ne!(penalty, ElasticNet::signed(4.0, 4.0), epsilon = 1.0);

        let per_atom = |values: &[f32]| Lambda1::PerAtom(values.to_vec());
        assert_abs_diff_eq!(per_atom(&[1.0, 2.0]), per_atom(&[1.0, 2.5]), epsilon = 0.5);
        assert_abs_diff_ne!(per_atom(&[1.0, 2.0]), per_atom(&[1.0, 2.5]), epsilon = 0.4);
        assert_abs_diff_ne!(per_atom(&[1.0, 1.0]), per_atom(&[1.0]), epsilon = 1.0);
        assert_abs_diff_ne!(per_atom(&[1.0]), Lambda1::Scalar(1.0), epsilon = 1.0);
    }

    #[test]
    fn certificates_differ_by_each_of_their_numbers() {
        let certificate = Certificate {
            residual: 4.0,
            duality_gap: f64::INFINITY,
            columns: 3,
            active: 0.5,
        };
        assert_abs_diff_eq!(certificate, certificate, epsilon = 0.0);
        let off = [
            Certificate {
                residual: 4.5,
                ..certificate
            },
            Certificate {
                active: 1.0,
                ..certificate
            },
        ];
        for off in off {
            assert_abs_diff_eq!(certificate, off, epsilon = 0.5);
            assert_abs_diff_ne!(certificate, off, epsilon = 0.25);
        }
        let other = [
            Certificate {
                columns: 4,
                ..certificate
            },
            Certificate {
                duality_gap: 1.0,
                ..certificate
            },
            Certificate {
                residual: f64::NAN,
                ..certificate
            },
        ];
        for other in other {
            assert_abs_diff_ne!(certificate, other, epsilon = 10.0);
            assert_relative_ne!(certificate, other, epsilon = 10.0, max_relative = 1.0);
        }

        let column = ColumnCertificate {
            residual: 4.0,
            duality_gap: 2.0,
            active: 3,
            margin: 1.0,
        };
        let off = [
            ColumnCertificate {
                residual: 4.5,
                ..column
            },
            ColumnCertificate {
                duality_gap: 2.5,
                ..column
            },
            ColumnCertificate {
                margin: 1.5,
                ..column
            },
        ];
        for off in off {
            assert_abs_diff_eq!(column, off, epsilon = 0.5);
            assert_abs_diff_ne!(column, off, epsilon = 0.25);
        }
        let other = ColumnCertificate {
            active: 2,
            ..column
        };
        assert_abs_diff_ne!(column, other, epsilon = 10.0);
    }

    #[test]
    fn reports_differ_by_residuals_and_counts_but_not_by_times() {
        let report = Report {
            status: Status::Stalled,
            columns: 2,
            unconverged: vec![1],
            residual: 1.0,
            ..Report::empty()
        };
        let mut slower = Report {
            residual: 1.5,
            ..report.clone()
        };
        slower.times.solve = Duration::from_secs(1);
        assert_abs_diff_eq!(report, slower, epsilon = 0.5);
        assert_abs_diff_ne!(report, slower, epsilon = 0.25);
        let other = [
            Report {
                status: Status::PassLimit,
                ..report.clone()
            },
            Report {
                columns: 3,
                ..report.clone()
            },
            Report {
                unconverged: vec![0],
                ..report.clone()
            },
            Report {
                passes: 1,
                ..report.clone()
            },
            Report {
                column_passes: 1,
                ..report.clone()
            },
            Report {
                worst_column: 1,
                ..report.clone()
            },
        ];
        for other in other {
            assert_abs_diff_ne!(report, other, epsilon = 10.0);
        }

        let pursuit = OmpReport {
            columns: 2,
            atoms: 5,
            residual: 1.0,
        };
        let off = OmpReport {
            residual: 1.5,
            ..pursuit
        };
        assert_abs_diff_eq!(pursuit, off, epsilon = 0.5);
        assert_abs_diff_ne!(pursuit, off, epsilon = 0.25);
        assert_abs_diff_ne!(
            pursuit,
            OmpReport {
                atoms: 4,
                ..pursuit
            },
            epsilon = 10.0
        );
        assert_abs_diff_ne!(
            pursuit,
            OmpReport {
                columns: 1,
                ..pursuit
            },
            epsilon = 10.0
        );
    }

    /// For orthonormal atoms the breakpoints are the correlations, and the code at t is the part of
    /// each correlation above t.
    #[test]
    fn paths_differ_by_breakpoints_and_codes() {
        let run = |atoms: usize, correlations: &[f64]| {
            let penalty = ElasticNet {
                sign: Sign::Free,
                ..ElasticNet::nonnegative(0.0, 0.0)
            };
            let problem = Problem::new(Mat::identity(atoms, atoms).as_ref(), penalty);
            path(&problem.expect("a valid problem"), correlations, 10).expect("a path")
        };
        let two = run(2, &[3.0, 2.0]);
        assert_abs_diff_eq!(two, run(2, &[3.25, 2.0]), epsilon = 0.25);
        assert_abs_diff_ne!(two, run(2, &[3.25, 2.0]), epsilon = 0.125);
        assert_abs_diff_ne!(two, run(3, &[3.0, 2.0, 1.0]), epsilon = 10.0);
        let off = Breakpoint {
            t: 3.0,
            code: vec![0.0, 0.5],
        };
        assert_abs_diff_eq!(two.breakpoints()[0], off, epsilon = 0.5);
        assert_abs_diff_ne!(two.breakpoints()[0], off, epsilon = 0.25);
    }
}
