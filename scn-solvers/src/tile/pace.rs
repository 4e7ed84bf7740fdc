//! When to measure sweeps, and when to believe that they have arrived.

/// What the last measured sweep says.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Outlook {
    /// The residual by what the sweep moved: no certificate.
    pub estimate: f64,
    /// Sweeps that will bring it down to the tolerance if they go on to shrink it as those before did: infinite if they did
    /// not.
    pub ahead: f64,
}

/// Sweeps over a tile so far, for what is planned next. To measure how far a sweep moved costs a quarter of it where atoms are few, so
/// not every sweep is measured while many are still ahead.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The residual that a change `H_jj |change of a_j|` stands for: 1, or more where a certificate has said so. Slow sweeps are
    /// short of the optimum by many times their last step.
    per_change: f64,
    /// The last estimate; 0 if there is none.
    last: f64,
    /// Sweeps since then.
    since: u32,
    /// So many sweeps will not be measured.
    unmeasured: u32,
    /// Whether every sweep is to be measured.
    closely: bool,
}

impl Pace {
    /// Forgets the sweeps before: something else has moved the codes. How they go on says little then, so every sweep is
    /// measured.
    pub fn restart_closely(&mut self) {
        *self = Self {
            per_change: self.per_change,
            closely: true,
            ..Self::default()
        };
    }

    /// Whether the next sweep is to be measured. Counts it if not.
    pub fn due(&mut self) -> bool {
        if self.unmeasured == 0 {
            return true;
        }
        self.unmeasured -= 1;
        self.since += 1;
        false
    }

    /// Whether the last estimate promised this tolerance.
    pub fn believes(&self, tolerance: f64) -> bool {
        self.last > 0.0 && self.last <= tolerance
    }

    /// Takes in the certificate of a promise that was not kept.
    pub fn refute(&mut self, residual: f64) {
        if residual > self.last {
            self.per_change *= residual / self.last;
            self.last = residual;
        }
    }

    /// Takes in one more sweep, of which the largest change `H_jj |change of a_j|`, relative to the scale of its column, was
    /// measured.
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

/// Sweeps that are not measured: this share of those ahead, which get slower rather than faster, and no more than so many.
const OF_THOSE_AHEAD: f64 = 0.6;
const UNMEASURED: f64 = 3.0;
