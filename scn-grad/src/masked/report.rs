//! What came of the linear solves.

use std::time::Duration;

/// What came of the linear solves of a derivative.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct MaskedReport {
    /// Number of columns.
    pub columns: usize,
    /// Columns that miss the tolerance, among them those whose active atoms depend linearly on each other.
    pub unconverged: usize,
    /// Columns solved by a factorisation.
    pub factorised: usize,
    /// Most passes over a tile; a product with `H` is a pass.
    pub passes: u32,
    /// Passes summed over columns.
    pub column_passes: u64,
    /// Largest relative residual of any column; NaN if one is not finite.
    pub residual: f64,
    /// The first column with that residual.
    pub worst_column: usize,
    /// Where the time of the whole adjoint went, summed over threads; zero unless [asked for](crate::Tasks::timed).
    pub times: AdjointTimes,
}

/// Time spent in the adjoint, summed over threads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AdjointTimes {
    /// Bringing codes, dLoss/da and signals into tiles.
    pub gather: Duration,
    /// The linear systems, certificates included.
    pub solve: Duration,
    /// `X Y'` and `A Y'`, of which dLoss/dD and the others are made.
    pub sums: Duration,
    /// `dLoss/dx = D y`
    pub product: Duration,
    /// Adding that to where it goes, where this is not done in passing.
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
    /// The report on no columns.
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

    /// Whether every column met the tolerance.
    pub fn converged(&self) -> bool {
        self.unconverged == 0
    }

    /// Passes per column, on average.
    pub fn mean_passes(&self) -> f64 {
        if self.columns == 0 {
            0.0
        } else {
            self.column_passes as f64 / self.columns as f64
        }
    }

    /// The report on these columns and on later ones.
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

    /// The report on the columns of a tile with these residuals, all of them solved.
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
