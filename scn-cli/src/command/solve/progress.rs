//! The results of the columns solved so far and, in the end, of all processes.

use std::time::Duration;

use anyhow::Result;
use scn_solvers::processes::{Processes, from_each};
use scn_solvers::{ColumnMeasure, Report, Settings, Status};
use serde::{Deserialize, Serialize};

use super::summary::{Certificate, Summary};
use crate::problem_arrays::{CodesCheck, MatrixKind, largest};

/// Columns whose λ1 is below what the tolerance resolves: residuals are relative to `max |c|`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Unseen {
    /// The largest λ1 of any atom.
    pub(super) lambda1: f64,
    /// The λ1 that would be resolved in all columns.
    pub(super) least: f64,
    pub(super) columns: usize,
}

/// The results of the columns solved so far.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Progress {
    #[serde(with = "sent_report")]
    report: Report,
    duality_gap: Option<f64>,
    active: usize,
    pub(super) seconds: f64,
    report_seconds: f64,
    certificate: Option<CodesCheck>,
    pub(super) unseen: Unseen,
}

impl Progress {
    /// Creates the results of no columns. With `certify`, codes will be checked in f64 as well.
    pub(super) fn none(kind: MatrixKind, certify: bool, lambda1: f64) -> Self {
        Self {
            report: Report::empty(),
            duality_gap: (kind == MatrixKind::Dictionary).then_some(0.0),
            active: 0,
            seconds: 0.0,
            report_seconds: 0.0,
            certificate: certify.then(|| CodesCheck::none(kind)),
            unseen: Unseen {
                lambda1,
                least: 0.0,
                columns: 0,
            },
        }
    }

    /// Adds the results of more columns, and the time they took.
    ///
    /// The KKT residual is that of the report, which is measured in f64 where the type of the
    /// numbers is not precise enough.
    pub(super) fn take(
        &mut self,
        report: Report,
        measures: &[ColumnMeasure],
        time: Duration,
        tolerance: f64,
    ) {
        let share = report.times.measure.as_secs_f64() / report.times.total().as_secs_f64();
        let measuring = time.as_secs_f64() * share;
        self.report_seconds += measuring;
        self.seconds += time.as_secs_f64() - measuring;
        self.add_report(report);
        for measure in measures {
            self.active += measure.active;
            let gaps = self.duality_gap.zip(measure.duality_gap);
            self.duality_gap = gaps.map(|(most, gap)| largest(most, gap));
            let least = tolerance * measure.scale;
            if self.unseen.lambda1 > 0.0 && self.unseen.lambda1 < least {
                self.unseen.columns += 1;
                self.unseen.least = self.unseen.least.max(least);
            }
        }
    }

    /// Adds the check in f64 of more columns, if it was requested.
    pub(super) fn check(&mut self, found: impl FnOnce() -> Result<CodesCheck>) -> Result<()> {
        if let Some(certificate) = self.certificate {
            self.certificate = Some(certificate.merge(found()?));
        }
        Ok(())
    }

    fn add_report(&mut self, report: Report) {
        let before = std::mem::replace(&mut self.report, Report::empty());
        self.report = before.merge(report);
    }

    /// Adds the results of another process, which ran at the same time.
    fn add(&mut self, other: Self) {
        self.add_report(other.report);
        let gaps = self.duality_gap.zip(other.duality_gap);
        self.duality_gap = gaps.map(|(most, gap)| largest(most, gap));
        self.active += other.active;
        self.seconds = self.seconds.max(other.seconds);
        self.report_seconds = self.report_seconds.max(other.report_seconds);
        let both = self.certificate.zip(other.certificate);
        self.certificate = both.map(|(one, other)| one.merge(other));
        self.unseen.columns += other.unseen.columns;
        self.unseen.least = self.unseen.least.max(other.unseen.least);
    }

    /// Returns the results of all processes, in the order of their columns.
    pub(super) fn of_all(self, processes: &dyn Processes) -> Result<Self> {
        if processes.count() == 1 {
            return Ok(self);
        }
        let mut total: Option<Self> = None;
        for sent in from_each(processes, &postcard::to_stdvec(&self)?)? {
            let found = postcard::from_bytes(&sent)?;
            match &mut total {
                Some(total) => total.add(found),
                None => total = Some(found),
            }
        }
        Ok(total.unwrap_or(self))
    }

    pub(super) fn summary(
        self,
        solver: &'static str,
        settings: &Settings,
        shape: [usize; 2],
    ) -> Summary {
        let Self {
            report, seconds, ..
        } = self;
        let [atoms, columns] = shape;
        Summary {
            solver,
            status: report.status.to_string(),
            tolerance: settings.tolerance(),
            passes: report.passes,
            mean_passes: report.mean_passes(),
            kkt: report.residual,
            duality_gap: self.duality_gap,
            columns,
            unconverged: report.unconverged.len(),
            unconverged_columns: report.unconverged,
            active: self.active as f64 / (atoms * columns).max(1) as f64,
            seconds,
            columns_per_second: columns as f64 / seconds,
            report_seconds: self.report_seconds,
            lambda1: None,
            certificate: self.certificate.map(|check| Certificate {
                kkt: check.kkt,
                duality_gap: check.duality_gap,
                margin: check.margin,
            }),
        }
    }
}

/// A [`Report`] without its times, in the form in which processes send it.
#[derive(Serialize, Deserialize)]
struct SentReport {
    /// Index of the status in [`STATUSES`].
    status: usize,
    columns: usize,
    unconverged: Vec<usize>,
    passes: u32,
    column_passes: u64,
    residual: f64,
    worst_column: usize,
}

/// All statuses, from the best to the worst.
const STATUSES: [Status; 5] = [
    Status::Converged,
    Status::Stalled,
    Status::PassLimit,
    Status::Unbounded,
    Status::NonFinite,
];

impl From<Report> for SentReport {
    fn from(report: Report) -> Self {
        Self {
            status: STATUSES.partition_point(|&status| status < report.status),
            columns: report.columns,
            unconverged: report.unconverged,
            passes: report.passes,
            column_passes: report.column_passes,
            residual: report.residual,
            worst_column: report.worst_column,
        }
    }
}

impl From<SentReport> for Report {
    fn from(sent: SentReport) -> Self {
        let mut report = Self::empty();
        report.status = STATUSES[sent.status.min(STATUSES.len() - 1)];
        report.columns = sent.columns;
        report.unconverged = sent.unconverged;
        report.passes = sent.passes;
        report.column_passes = sent.column_passes;
        report.residual = sent.residual;
        report.worst_column = sent.worst_column;
        report
    }
}

/// Serialises a [`Report`] as a [`SentReport`].
mod sent_report {
    use serde::{Deserializer, Serializer};

    use super::*;

    pub(super) fn serialize<S: Serializer>(report: &Report, to: S) -> Result<S::Ok, S::Error> {
        SentReport::from(report.clone()).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Report, D::Error> {
        SentReport::deserialize(from).map(Report::from)
    }
}
