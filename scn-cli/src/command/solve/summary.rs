//! The summary printed at the end of `scn solve`.

use std::path::Path;

use serde::Serialize;

/// The output of `scn solve --json`.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    pub(super) solver: &'static str,
    pub(super) status: String,
    pub(super) tolerance: f64,
    /// The largest number of passes of any tile.
    pub(super) passes: u32,
    pub(super) mean_passes: f64,
    pub(super) kkt: f64,
    /// None without signals.
    pub(super) duality_gap: Option<f64>,
    pub(super) columns: usize,
    pub(super) unconverged: usize,
    pub(super) unconverged_columns: Vec<usize>,
    pub(super) active: f64,
    pub(super) seconds: f64,
    pub(super) columns_per_second: f64,
    /// Additional time for measuring residual, gap and active codes.
    pub(super) report_seconds: f64,
    /// None if each atom has its own λ1.
    pub(super) lambda1: Option<f64>,
    /// The certificate requested by `--certify`.
    pub(super) certificate: Option<Certificate>,
}

/// The certificate of all codes, measured in f64.
#[derive(Debug, Serialize)]
pub(super) struct Certificate {
    pub(super) kkt: f64,
    pub(super) duality_gap: Option<f64>,
    pub(super) margin: f64,
}

impl Summary {
    /// Formats the summary for a terminal. `fraction` is the value of `--lambda1-fraction`.
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
                "lambda1        {lambda1:.4e} ({fraction} of the smallest that makes all codes zero)\n"
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
