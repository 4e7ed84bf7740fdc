//! Starting points of solves.

/// The starting point of a solve.
///
/// # Example
///
/// ```
/// use faer::{Mat, mat};
/// use scn_solvers::{Auto, ElasticNet, Problem, Settings, Start, encode};
///
/// let dictionary = mat![[1.0, 0.6], [0.0, 0.8]];
/// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.1, 0.0))?;
/// let (signal, mut code) = (mat![[2.0], [1.0]], Mat::zeros(2, 1));
/// let solver = Auto::new(Settings::new(1e-10, 1000)?);
/// let report = encode(&solver, &problem, &signal, code.as_mut(), Start::Zero)?;
/// assert!(report.passes > 1);
/// // From the solution, one pass finds that nothing is left to do.
/// let report = encode(&solver, &problem, &signal, code.as_mut(), Start::Codes)?;
/// assert_eq!(report.passes, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Start {
    /// Start at zero; the contents of the codes are ignored.
    #[default]
    Zero,
    /// Start at the given codes. Entries that are not finite count as zero, and so do negative
    /// entries where codes must be nonnegative.
    Codes,
}
