//! What is said of codes in the end.

use std::path::Path;

use serde::Serialize;

/// What `--json` prints.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    pub(super) solver: &'static str,
    pub(super) status: String,
    pub(super) tolerance: f64,
    /// The most that any tile of columns took.
    pub(super) passes: u32,
    pub(super) mean_passes: f64,
    pub(super) kkt: f64,
    /// None where there are no signals.
    pub(super) duality_gap: Option<f64>,
    pub(super) columns: usize,
    pub(super) unconverged: usize,
    pub(super) unconverged_columns: Vec<usize>,
    pub(super) active: f64,
    pub(super) seconds: f64,
    pub(super) columns_per_second: f64,
    /// What measuring residual, gap and share of active codes took beyond that.
    pub(super) report_seconds: f64,
    /// None where each atom has its own.
    pub(super) lambda1: Option<f64>,
    /// With `--certify`.
    pub(super) certificate: Option<Certificate>,
}

/// Measured in f64.
#[derive(Debug, Serialize)]
pub(super) struct Certificate {
    pub(super) kkt: f64,
    pub(super) duality_gap: Option<f64>,
    pub(super) margin: f64,
}

impl Summary {
    /// For a person; `fraction` is that of the smallest λ1 that gives no codes, where it was asked for.
    pub(super) fn describe(&self, fraction: Option<f64>, out: &Path) -> String {
        let gap = |gap: Option<f64>| match gap {
            Some(gap) => format!("{gap:.1e} (largest, relative to ||x||²/2)"),
            None => "unknown without signals".to_string(),
        };
        let mut text = format!(
            "{} with {}: {} columns in {:.3} s, {:.0} columns/s\n\
             passes         {:.1} on average, {} at most\n\
             KKT residual   {:.1e} (largest)\n\
             duality gap    {}\n\
             active         {:.1} % of the codes\n",
            self.status,
            self.solver,
            self.columns,
            self.seconds,
            self.columns_per_second,
            self.mean_passes,
            self.passes,
            self.kkt,
            gap(self.duality_gap),
            100.0 * self.active,
        );
        if let (Some(fraction), Some(lambda1)) = (fraction, self.lambda1) {
            text += &format!(
                "lambda1        {lambda1:.4e} ({fraction} of the smallest that gives no codes)\n"
            );
        }
        if let Some(certificate) = &self.certificate {
            text += &format!(
                "checked in f64\n\
                 - KKT residual {:.1e} (largest)\n\
                 - duality gap  {}\n\
                 - margin       {:.1e} (smallest, of strict complementarity)\n",
                certificate.kkt,
                gap(certificate.duality_gap),
                certificate.margin
            );
        }
        text + &format!("codes          {}", out.display())
    }
}
