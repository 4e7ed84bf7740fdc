//! The result of a solve.

use crate::times::EncodeTimes;

/// How a solve ended. The status of a batch is the worst of its columns.
///
/// # Example
///
/// ```
/// use faer::{Mat, mat};
/// use scn_solvers::{Auto, ElasticNet, Problem, Start, Status, encode};
///
/// let dictionary = Mat::<f64>::identity(2, 2);
/// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.5, 0.0))?;
/// let signals = mat![[2.0, f64::NAN], [1.0, 3.0]];
/// let mut codes = Mat::zeros(2, 2);
/// let report = encode(&Auto::default(), &problem, &signals, codes.as_mut(), Start::Zero)?;
/// // The first column has converged, but its status is not the worst.
/// assert_eq!((report.status, report.unconverged), (Status::NonFinite, vec![1]));
/// assert!(Status::NonFinite > Status::Converged);
/// assert_eq!(codes, mat![[1.5, 0.0], [0.5, 0.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Status {
    /// Every column meets the tolerance.
    Converged,
    /// The solver cannot improve further: rounding keeps the residual above the tolerance, or its
    /// fixed number of steps is used up.
    Stalled,
    /// The maximum number of passes was reached first.
    PassLimit,
    /// The objective is unbounded below along a direction z with `H z = 0`. This can only happen if
    /// correlations are given that are not `D'x` of any signal (see
    /// [`encode_correlations`](crate::encode_correlations)). The residual of such a column is
    /// infinite; its code is the last iterate.
    Unbounded,
    /// A signal contains NaN or infinity, or its correlations or the residual of its code overflow.
    /// The code of such a column is zero.
    NonFinite,
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Status::Converged => "converged",
            Status::Stalled => "stalled",
            Status::PassLimit => "pass limit",
            Status::Unbounded => "unbounded",
            Status::NonFinite => "non-finite",
        })
    }
}

/// The result of a solve. Codes are always the last iterate, converged or not, and always finite.
///
/// # Example
///
/// ```
/// use faer::{Mat, mat};
/// use scn_solvers::{CoordinateDescent, ElasticNet, Problem, Settings, Start, Status, encode};
///
/// let dictionary = mat![[1.0, 0.6], [0.0, 0.8]];
/// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.1, 0.0))?;
/// // One pass is enough for a zero signal only.
/// let (signals, mut codes) = (mat![[0.0, 2.0], [0.0, 1.0]], Mat::zeros(2, 2));
/// let solver = CoordinateDescent::new(Settings::new(1e-10, 1)?);
/// let report = encode(&solver, &problem, &signals, codes.as_mut(), Start::Zero)?;
/// assert_eq!((report.status, report.passes), (Status::PassLimit, 1));
/// assert_eq!((report.columns, report.unconverged), (2, vec![1]));
/// assert!(report.worst_column == 1 && report.residual > 1e-10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// The worst status of any column.
    pub status: Status,
    /// Number of columns solved.
    pub columns: usize,
    /// The columns that have not [converged](crate::kkt), in ascending order: their residual plus
    /// the bound on its rounding error exceeds the tolerance or is NaN.
    pub unconverged: Vec<usize>,
    /// The largest number of passes of any tile.
    pub passes: u32,
    /// Passes summed over columns; see [`mean_passes`](Self::mean_passes).
    pub column_passes: u64,
    /// The largest KKT residual of any column at the returned codes; NaN if one is not finite.
    pub residual: f64,
    /// The column with that residual (the first if there are several).
    pub worst_column: usize,
    /// The time spent in each phase.
    pub times: EncodeTimes,
}

impl Report {
    /// Returns the report of an empty batch.
    pub fn empty() -> Self {
        Self {
            status: Status::Converged,
            columns: 0,
            unconverged: Vec::new(),
            passes: 0,
            column_passes: 0,
            residual: 0.0,
            worst_column: 0,
            times: EncodeTimes::default(),
        }
    }

    /// Whether every column has converged.
    pub fn converged(&self) -> bool {
        self.status == Status::Converged
    }

    /// Returns the mean number of passes per column.
    pub fn mean_passes(&self) -> f64 {
        if self.columns == 0 {
            0.0
        } else {
            self.column_passes as f64 / self.columns as f64
        }
    }

    /// Renumbers the columns so that the first is `first` instead of 0, for a part of a batch.
    pub fn starting_at(mut self, first: usize) -> Self {
        self.unconverged
            .iter_mut()
            .for_each(|column| *column += first);
        self.worst_column += first;
        self
    }

    /// Merges the reports of two parts of a batch, in either order.
    ///
    /// # Example
    ///
    /// ```
    /// use faer::{Mat, mat};
    /// use scn_solvers::{CoordinateDescent, ElasticNet, Problem, Settings, Start, encode};
    ///
    /// let dictionary = mat![[1.0, 0.6], [0.0, 0.8]];
    /// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.1, 0.0))?;
    /// let signals = mat![[0.0, 2.0, 0.0, 2.0], [0.0, 1.0, 0.0, 1.0]];
    /// let solver = CoordinateDescent::new(Settings::new(1e-10, 1)?);
    /// let columns = |first, count| {
    ///     let (signals, mut codes) = (signals.subcols(first, count), Mat::zeros(2, count));
    ///     encode(&solver, &problem, &signals, codes.as_mut(), Start::Zero)
    /// };
    /// let merged = columns(0, 2)?.merge(columns(2, 2)?.starting_at(2));
    /// assert_eq!(merged.unconverged, [1, 3]);
    /// assert_eq!(merged, columns(0, 4)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn merge(self, other: Self) -> Self {
        let (first, second) = if self.worst_column <= other.worst_column {
            (self, other)
        } else {
            (other, self)
        };
        let second_is_worse = second.columns > 0
            && !first.residual.is_nan()
            && (first.columns == 0 || second.residual.is_nan() || second.residual > first.residual);
        let worst = if second_is_worse { &second } else { &first };
        let (residual, worst_column) = (worst.residual, worst.worst_column);
        let mut times = first.times;
        times += second.times;
        let mut unconverged = first.unconverged;
        if !second.unconverged.is_empty() {
            unconverged.extend(second.unconverged);
            unconverged.sort_unstable();
        }
        Self {
            status: first.status.max(second.status),
            columns: first.columns + second.columns,
            unconverged,
            passes: first.passes.max(second.passes),
            column_passes: first.column_passes + second.column_passes,
            residual,
            worst_column,
            times,
        }
    }
}
