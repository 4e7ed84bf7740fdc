//! The result of linear solves.

use std::time::Duration;

/// The result of the linear solves of a derivative.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct MaskedReport {
    /// Number of columns.
    pub columns: usize,
    /// Number of columns that miss the tolerance, including those whose active atoms are linearly
    /// dependent.
    pub unconverged: usize,
    /// Number of columns solved by a factorisation.
    pub factorised: usize,
    /// The largest number of passes over a tile; a product with `H` is a pass.
    pub passes: u32,
    /// Passes summed over columns.
    pub column_passes: u64,
    /// The largest relative residual of any column; NaN if one is not finite.
    pub residual: f64,
    /// The first column with that residual.
    pub worst_column: usize,
    /// Time spent in each phase of the whole adjoint, summed over threads; zero unless
    /// [requested](crate::Tasks::timed).
    pub times: AdjointTimes,
}

/// Time spent in each phase of the adjoint, summed over threads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AdjointTimes {
    /// Copying codes, dLoss/da and signals into tiles.
    pub gather: Duration,
    /// Solving the linear systems and measuring their residuals.
    pub solve: Duration,
    /// Summing `X Y'` and `A Y'`, from which dLoss/dD and the other gradients follow.
    pub sums: Duration,
    /// Computing `dLoss/dx = D y`.
    pub product: Duration,
    /// Adding `dLoss/dx` to its destination, unless that is done while computing it.
    pub scatter: Duration,
}

impl std::ops::AddAssign for AdjointTimes {
    fn add_assign(&mut self, other: Self) {
        self.gather += other.gather;
        self.solve += other.solve;
        self.sums += other.sums;
        self.product += other.product;
        self.scatter += other.scatter;
    }
}

impl MaskedReport {
    /// Returns the report of an empty batch.
    pub fn empty() -> Self {
        Self {
            columns: 0,
            unconverged: 0,
            factorised: 0,
            passes: 0,
            column_passes: 0,
            residual: 0.0,
            worst_column: 0,
            times: AdjointTimes::default(),
        }
    }

    /// Whether every column has converged.
    pub fn converged(&self) -> bool {
        self.unconverged == 0
    }

    /// Returns the mean number of passes per column.
    pub fn mean_passes(&self) -> f64 {
        if self.columns == 0 {
            0.0
        } else {
            self.column_passes as f64 / self.columns as f64
        }
    }

    /// Merges the report of these columns with that of later columns.
    pub fn merge(self, later: Self) -> Self {
        let later_is_worse = later.columns > 0
            && !self.residual.is_nan()
            && (self.columns == 0 || later.residual.is_nan() || later.residual > self.residual);
        let worst = if later_is_worse { later } else { self };
        let mut times = self.times;
        times += later.times;
        Self {
            columns: self.columns + later.columns,
            unconverged: self.unconverged + later.unconverged,
            factorised: self.factorised + later.factorised,
            passes: self.passes.max(later.passes),
            column_passes: self.column_passes + later.column_passes,
            residual: worst.residual,
            worst_column: worst.worst_column,
            times,
        }
    }

    /// Creates the report of a tile with these residuals, with every column counted as converged.
    pub(super) fn of_tile(
        first_column: usize,
        passes: u32,
        residuals: impl Iterator<Item = f64>,
    ) -> Self {
        let mut report = Self {
            passes,
            worst_column: first_column,
            ..Self::empty()
        };
        for residual in residuals {
            let first = report.columns == 0;
            if first || (!report.residual.is_nan() && !(residual <= report.residual)) {
                report.residual = residual;
                report.worst_column = first_column + report.columns;
            }
            report.columns += 1;
        }
        report.column_passes = u64::from(passes) * report.columns as u64;
        report
    }
}
