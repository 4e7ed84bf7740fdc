//! The settings of a solver.

use crate::SettingsError;

/// The settings of a solver: when it stops, and whether it measures times.
///
/// [`new`](Self::new) checks the values, so solvers do not have to.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `tolerance` | 1e-4 | > 0 | the [KKT residual](crate::kkt) below which a column has converged |
/// | `max_passes` | 1000 | >= 1 | maximum number of passes over all atoms of a tile |
/// | `timed` | false | | whether reports contain the [time spent in each phase](crate::EncodeTimes) |
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    tolerance: f64,
    max_passes: u32,
    timed: bool,
}

impl Settings {
    /// Creates settings, checking that they are within their ranges.
    ///
    /// # Errors
    /// Returns [`SettingsError`] if a value is out of the range in the table above.
    ///
    /// # Example
    ///
    /// ```
    /// use scn_solvers::{Settings, SettingsError};
    ///
    /// let settings = Settings::new(1e-6, 200)?;
    /// assert_eq!((settings.tolerance(), settings.max_passes()), (1e-6, 200));
    /// assert_eq!(Settings::new(1e-4, 1000)?, Settings::default());
    /// assert_eq!(Settings::new(0.0, 200), Err(SettingsError::Tolerance { found: 0.0 }));
    /// # Ok::<(), SettingsError>(())
    /// ```
    pub fn new(tolerance: f64, max_passes: u32) -> Result<Self, SettingsError> {
        if !(tolerance.is_finite() && tolerance > 0.0) {
            return Err(SettingsError::Tolerance { found: tolerance });
        }
        if max_passes == 0 {
            return Err(SettingsError::MaxPasses);
        }
        Ok(Self {
            tolerance,
            max_passes,
            timed: false,
        })
    }

    /// Returns the KKT residual below which a column has converged.
    pub fn tolerance(&self) -> f64 {
        self.tolerance
    }

    /// Returns the same settings with times in reports turned on or off.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use faer::Mat;
    /// use scn_solvers::{Auto, ElasticNet, Problem, Settings, Start, encode};
    ///
    /// let dictionary = Mat::<f32>::from_fn(20, 30, |i, j| ((i * j) as f32).sin());
    /// let signals = Mat::<f32>::from_fn(20, 100, |i, k| ((i + k) as f32).cos());
    /// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.5, 1e-3))?;
    /// let mut codes = Mat::zeros(30, 100);
    /// for timed in [false, true] {
    ///     let solver = Auto::new(Settings::default().timed(timed));
    ///     let report = encode(&solver, &problem, &signals, codes.as_mut(), Start::Zero)?;
    ///     assert_eq!(report.times.total() > Duration::ZERO, timed);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn timed(self, timed: bool) -> Self {
        Self { timed, ..self }
    }

    /// Whether reports contain times.
    pub fn is_timed(&self) -> bool {
        self.timed
    }

    /// Returns the maximum number of passes over all atoms of a tile.
    pub fn max_passes(&self) -> u32 {
        self.max_passes
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tolerance: 1e-4,
            max_passes: 1000,
            timed: false,
        }
    }
}
