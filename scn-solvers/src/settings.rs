//! When a solver stops.

use crate::SettingsError;

/// When a solver stops; checked once, here.
///
/// | name | default | range | meaning |
/// |---|---|---|---|
/// | `tolerance` | 1e-4 | > 0 | the [KKT residual](crate::kkt) below which a column has converged |
/// | `max_passes` | 1000 | >= 1 | passes over all atoms before a tile is given up |
/// | `timed` | false | | whether reports say [where the time went](crate::EncodeTimes) |
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    tolerance: f64,
    max_passes: u32,
    timed: bool,
}

impl Settings {
    /// Settings within their ranges.
    ///
    /// # Errors
    /// A value out of the range in the table above.
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

    /// The KKT residual below which a column has converged.
    pub fn tolerance(&self) -> f64 {
        self.tolerance
    }

    /// The same, with reports that say where the time went, or without.
    pub fn timed(self, timed: bool) -> Self {
        Self { timed, ..self }
    }

    /// Whether reports say where the time went.
    pub fn is_timed(&self) -> bool {
        self.timed
    }

    /// Passes over all atoms before a tile is given up.
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
