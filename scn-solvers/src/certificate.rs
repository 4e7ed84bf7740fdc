//! Certificates: how far given codes are from optimal, checked in f64.

use faer::{ColRef, MatRef};
use rayon::prelude::*;

use crate::EncodeError;
use crate::kkt;
use crate::problem::Problem;
use crate::shapes::check_signals;
use crate::tile::columns::load;
use crate::tile::{ColumnSource, Scalar};

/// The certificate of a batch of codes: how far they are from optimal.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Certificate {
    /// The largest [KKT residual](crate::kkt) of any column.
    pub residual: f64,
    /// The largest relative duality gap of any column.
    pub duality_gap: f64,
    /// Number of columns.
    pub columns: usize,
    /// Fraction of the entries of all codes that are not zero.
    pub active: f64,
}

/// The certificate of one code: how far it is from optimal.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ColumnCertificate {
    /// The [KKT residual](crate::kkt).
    pub residual: f64,
    /// The relative duality gap: [`duality_gap`] divided by `||x||²/2`, the objective of the zero
    /// code. For a zero signal it is 0 for the zero code and infinite for any other code. It is
    /// infinite or NaN if squares leave the range of `f64`.
    pub duality_gap: f64,
    /// Number of entries that are not zero.
    pub active: usize,
    /// The [margin of strict complementarity](kkt::margin).
    pub margin: f64,
}

/// Certifies codes (n × P) for their signals (m × P), in f64 and in plain loops, independently of
/// the solvers.
///
/// # Errors
/// Returns [`EncodeError`] if a shape does not fit the problem.
///
/// # Example
///
/// ```
/// use faer::mat;
/// use scn_solvers::{ElasticNet, Problem, certify};
///
/// let problem = Problem::new(mat![[1.0]].as_ref(), ElasticNet::nonnegative(0.5, 0.0))?;
/// let signal = mat![[2.0]];
/// // The objective is 0.875 at the optimal code 1.5, and 2 at the zero code.
/// let certificate = certify(&problem, &signal, mat![[1.5]].as_ref())?;
/// assert_eq!((certificate.residual, certificate.duality_gap), (0.0, 0.0));
/// let certificate = certify(&problem, &signal, mat![[0.0]].as_ref())?;
/// assert_eq!((certificate.residual, certificate.duality_gap), (0.75, (2.0 - 0.875) / 2.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn certify<T: Scalar>(
    problem: &Problem<T>,
    signals: &dyn ColumnSource<T>,
    codes: MatRef<'_, T>,
) -> Result<Certificate, EncodeError> {
    let mut certificate = Certificate {
        residual: 0.0,
        duality_gap: 0.0,
        columns: codes.ncols(),
        active: 0.0,
    };
    let mut active = 0;
    for column in certify_columns(problem, signals, codes)? {
        certificate.residual = largest(certificate.residual, column.residual);
        certificate.duality_gap = largest(certificate.duality_gap, column.duality_gap);
        active += column.active;
    }
    certificate.active = active as f64 / (codes.nrows() * codes.ncols()).max(1) as f64;
    Ok(certificate)
}

/// Same as [`certify`], but returns one certificate per column.
///
/// They show which columns did not converge and how certain the active set of each is.
///
/// # Errors
/// Returns [`EncodeError`] if a shape does not fit the problem.
///
/// # Example
///
/// ```
/// use faer::{Mat, mat};
/// use scn_solvers::{CoordinateDescent, ElasticNet, Problem, Settings, Start};
/// use scn_solvers::{certify_columns, encode};
///
/// let dictionary = mat![[1.0, 0.6], [0.0, 0.8]];
/// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.5, 0.0))?;
/// let (signals, mut codes) = (mat![[0.0, 2.0, -1.0], [0.0, 1.0, -1.0]], Mat::zeros(2, 3));
/// // A single pass is too few for the second signal.
/// let (tolerance, passes) = (1e-6, 1);
/// let solver = CoordinateDescent::new(Settings::new(tolerance, passes)?);
/// let report = encode(&solver, &problem, &signals, codes.as_mut(), Start::Zero)?;
/// let certificates = certify_columns(&problem, &signals, codes.as_ref())?;
/// let missed = (0..3).filter(|&column| certificates[column].residual > tolerance);
/// assert_eq!(missed.collect::<Vec<_>>(), [1]);
/// assert_eq!(report.unconverged, [1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn certify_columns<T: Scalar>(
    problem: &Problem<T>,
    signals: &dyn ColumnSource<T>,
    codes: MatRef<'_, T>,
) -> Result<Vec<ColumnCertificate>, EncodeError> {
    check_signals(problem, signals, codes.shape())?;
    // The Gram matrix is computed in f64, too.
    let exact = problem.exact();
    let column = |column: usize| {
        let mut signal = vec![T::ZERO; problem.rows()];
        let mut code = vec![T::ZERO; problem.atoms()];
        signals.pack(column..column + 1, &mut signal, 1);
        load(codes.subcols(column, 1), &mut code, 1);
        let widen = |values: &[T]| values.iter().map(|value| value.to_f64()).collect();
        let (signal, code): (Vec<f64>, Vec<f64>) = (widen(&signal), widen(&code));
        let correlations = correlations(exact, &signal);
        let half_square = 0.5 * signal.iter().map(|x| x * x).sum::<f64>();
        ColumnCertificate {
            residual: kkt::residual(exact, &correlations, &code),
            duality_gap: kkt::relative(
                duality_gap(exact, half_square, &correlations, &code),
                half_square,
            ),
            active: code.iter().filter(|&&a| a != 0.0).count(),
            margin: kkt::margin(exact, &correlations, &code),
        }
    };
    Ok((0..codes.ncols()).into_par_iter().map(column).collect())
}

/// Returns `c = D'x` of one signal, summed in f64.
pub fn correlations<T: Scalar>(problem: &Problem<T>, signal: &[T]) -> Vec<T> {
    let atoms = problem.dictionary().col_iter();
    let correlation = |atom: ColRef<'_, T>| {
        let terms = atom.iter().zip(signal);
        T::from_f64(terms.map(|(&d, &x)| d.to_f64() * x.to_f64()).sum())
    };
    atoms.map(correlation).collect()
}

/// Returns the larger number, or NaN if either is NaN.
fn largest(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}

/// Returns an upper bound on `F(a) - F(a*)`, from weak duality.
///
/// `half_square` is `||x||²/2` and `correlations` is `c = D'x`. Two dual points are tried and the
/// better bound is returned. With `v = c - D'D a`, they are
///
/// - for λ2 > 0, the residual `x - D a` itself, by Fenchel's inequality for the penalty of each
///   entry: `sum_j λ1 |a_j| + λ2/2 a_j² + max(|v_j| - λ1, 0)² / (2 λ2) - a_j v_j` (without the
///   absolute values if a >= 0);
/// - the residual of the equivalent lasso with rows `sqrt(λ2) I` below the dictionary, scaled by
///   the best factor in [0, s], where s is the largest factor for which the dual point is feasible
///   (El Ghaoui, Viallon, Rabbani, "Safe feature elimination", 2010; Gramfort et al., "Mind the
///   duality gap", 2015).
///
/// In exact arithmetic both bounds are zero at the optimum. Rounding may leave a tiny negative
/// number, which is returned as 0. The bound is infinite if an entry of the code is negative but
/// codes must be nonnegative, and NaN if a number is not finite.
///
/// # Example
///
/// ```
/// use faer::mat;
/// use scn_solvers::certificate::{correlations, duality_gap};
/// use scn_solvers::{ElasticNet, Problem};
///
/// let problem = Problem::new(mat![[1.0]].as_ref(), ElasticNet::nonnegative(0.5, 0.0))?;
/// let signal = [2.0];
/// let correlations = correlations(&problem, &signal);
/// // The objective is 0.875 at the optimal code 1.5, and 2 at the zero code.
/// assert_eq!(duality_gap(&problem, 2.0, &correlations, &[1.5]), 0.0);
/// assert_eq!(duality_gap(&problem, 2.0, &correlations, &[0.0]), 2.0 - 0.875);
/// assert_eq!(duality_gap(&problem, 2.0, &correlations, &[-1.0]), f64::INFINITY);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn duality_gap<T: Scalar>(
    problem: &Problem<T>,
    half_square: f64,
    correlations: &[T],
    code: &[T],
) -> f64 {
    let lambda2 = problem.penalty().lambda2.to_f64();
    let signed = problem.signed();
    let mut fenchel = 0.0;
    let mut absolute = 0.0; // λ1'|a|
    let mut correlation = 0.0; // c'a = x'Da
    let mut quadratic = 0.0; // a'Ha
    let mut feasible = f64::INFINITY;
    for (j, (&c, &a)) in correlations.iter().zip(code).enumerate() {
        let (c, a) = (c.to_f64(), a.to_f64());
        if !signed && a < 0.0 {
            return f64::INFINITY;
        }
        let product = kkt::gram_product(problem, j, code);
        let lambda1 = problem.lambda1()[j].to_f64();
        let descent = c - product; // of the augmented lasso
        let v = descent + lambda2 * a;
        let beyond = |v: f64| (if signed { v.abs() } else { v }) - lambda1;
        fenchel += lambda1 * a.abs() + 0.5 * lambda2 * a * a - a * v;
        if beyond(v) > 0.0 {
            fenchel += beyond(v) * beyond(v) / (2.0 * lambda2);
        }
        let size = if signed { descent.abs() } else { descent };
        if size > 0.0 {
            feasible = feasible.min(lambda1 / size);
        }
        absolute += lambda1 * a.abs();
        correlation += c * a;
        quadratic += a * product;
    }
    let primal = half_square - correlation + 0.5 * quadratic + absolute;
    let signal_residual = 2.0 * half_square - correlation; // x'(x - Da)
    let residual_square = (2.0 * half_square - 2.0 * correlation + quadratic).max(0.0);
    let best = if residual_square > 0.0 {
        signal_residual / residual_square
    } else {
        1.0
    };
    let scale = best.clamp(0.0, feasible.max(0.0));
    let scaled = primal - (scale * signal_residual - 0.5 * scale * scale * residual_square);
    let gap = if lambda2 > 0.0 {
        fenchel.min(scaled)
    } else {
        scaled
    };
    if scaled.is_nan() {
        scaled
    } else {
        gap.max(0.0)
    }
}
