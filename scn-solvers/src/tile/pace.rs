//! When to measure sweeps, and when to trust their estimates.

/// The forecast of the last measured sweep.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Outlook {
    /// The residual as estimated from the changes of the codes; not a certificate.
    pub estimate: f64,
    /// Number of sweeps until the estimate is within the tolerance, if it keeps shrinking at the
    /// same rate; infinite if it does not shrink.
    pub ahead: f64,
}

/// The progress of sweeps over a tile, which decides which of them are measured.
///
/// With few atoms, measuring how far a sweep moved costs a quarter of the sweep, so not every sweep
/// is measured while many are still ahead.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The ratio of the residual to the change `H_jj |change of a_j|`: 1, or more if a certificate
    /// found it larger. Slow sweeps are many times their last step away from the optimum.
    per_change: f64,
    /// The last estimate, or 0 if there is none.
    last: f64,
    /// Sweeps since the last estimate.
    since: u32,
    /// Number of coming sweeps that are not measured.
    unmeasured: u32,
    /// Whether every sweep is measured.
    closely: bool,
}

impl Pace {
    /// Discards the previous sweeps, after something else has moved the codes.
    ///
    /// Progress is hard to predict from then on, so every sweep is measured.
    pub fn restart_closely(&mut self) {
        *self = Self {
            per_change: self.per_change,
            closely: true,
            ..Self::default()
        };
    }

    /// Returns whether to measure the next sweep, and counts the sweep if not.
    pub fn due(&mut self) -> bool {
        if self.unmeasured == 0 {
            return true;
        }
        self.unmeasured -= 1;
        self.since += 1;
        false
    }

    /// Returns whether the last estimate is within the tolerance.
    pub fn believes(&self, tolerance: f64) -> bool {
        self.last > 0.0 && self.last <= tolerance
    }

    /// Corrects the estimate if the certified residual turned out larger.
    pub fn refute(&mut self, residual: f64) {
        if residual > self.last {
            self.per_change *= residual / self.last;
            self.last = residual;
        }
    }

    /// Records a measured sweep.
    ///
    /// `change` is the largest `H_jj |change of a_j|`, relative to the scale of its column.
    pub fn measured(&mut self, change: f64, tolerance: f64) -> Outlook {
        let estimate = self.per_change * change;
        let ahead = if estimate <= tolerance || self.last <= 0.0 {
            0.0
        } else if estimate < self.last {
            let shrinks = (estimate / self.last).ln() / f64::from(self.since + 1);
            (tolerance / estimate).ln() / shrinks
        } else {
            f64::INFINITY
        };
        *self = Self {
            last: estimate,
            since: 0,
            unmeasured: if self.closely || !ahead.is_finite() {
                0
            } else {
                (OF_THOSE_AHEAD * ahead).min(UNMEASURED) as u32
            },
            ..*self
        };
        Outlook { estimate, ahead }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            per_change: 1.0,
            last: 0.0,
            since: 0,
            unmeasured: 0,
            closely: false,
        }
    }
}

/// Fraction of the sweeps ahead that are not measured; convergence slows down rather than speeds
/// up.
const OF_THOSE_AHEAD: f64 = 0.6;
/// Maximum number of consecutive sweeps that are not measured.
const UNMEASURED: f64 = 3.0;
