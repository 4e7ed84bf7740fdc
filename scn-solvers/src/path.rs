//! Regularisation paths: the code of one signal as a function of λ1.
//!
//! With weights `w_j` per atom and `λ1_j = λ⁰_j + t w_j`, the code is a piecewise linear function
//! of t. As long as the active set L and its signs s do not change,
//!
//! ```text
//! a_L(t) = p - t q,      p = H_LL⁻¹ (c_L - λ⁰_L s),    q = H_LL⁻¹ (w_L s)
//! ```
//! <!-- math: a_L(t) = p - t\, q, \qquad p = H_{LL}^{-1} \bigl( c_L - \lambda^0_L s \bigr), \qquad q = H_{LL}^{-1} (w_L s) -->
//!
//! They change at a *breakpoint*, where an active entry reaches zero, or where the correlation of
//! an inactive atom with the residual reaches its λ1. Following t down from where the code is zero,
//! breakpoint by breakpoint, is the homotopy method of Osborne, Presnell, Turlach, "A new approach
//! to variable selection in least squares problems", IMA J. Numerical Analysis 20 (2000), and LARS
//! with the lasso modification of Efron, Hastie, Johnstone, Tibshirani, "Least angle regression",
//! Annals of Statistics 32 (2004). With λ2 > 0 it is LARS-EN of Zou, Hastie, J. Royal Statistical
//! Society B 67 (2005).

use crate::PathError;
use crate::problem::Problem;
use crate::tile::ActiveFactor;

/// A point of the path where the active set changes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Breakpoint {
    /// The path parameter t: `λ1_j = λ⁰_j + t w_j`.
    pub t: f64,
    /// The code at t, length n.
    pub code: Vec<f64>,
}

/// The codes of one signal for all `λ1 = λ⁰ + t w` with t >= 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    breakpoints: Vec<Breakpoint>,
}

impl Path {
    /// Returns the breakpoints, from the largest t, where the code is zero, down to t = 0, the end
    /// of the path.
    pub fn breakpoints(&self) -> &[Breakpoint] {
        &self.breakpoints
    }

    /// Returns the code at any `t >= 0`, by linear interpolation between breakpoints. This is
    /// exact, since the path is piecewise linear.
    ///
    /// # Example
    ///
    /// ```
    /// use faer::Mat;
    /// use scn_solvers::{Auto, ElasticNet, Problem, encode_signal, path};
    ///
    /// let (dictionary, signal) = (Mat::<f64>::identity(2, 2), [3.0, -1.0]);
    /// let problem = Problem::new(dictionary.as_ref(), ElasticNet::signed(0.5, 0.0))?;
    /// let path = path(&problem, &signal, 100)?; // D'x = x
    /// assert_eq!(path.at(5.0), [0.0, 0.0]);
    /// assert_eq!(path.at(0.5), [2.5, -0.5]);
    /// assert_eq!(path.at(0.5), encode_signal(&Auto::default(), &problem, &signal)?.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn at(&self, t: f64) -> Vec<f64> {
        let after = self.breakpoints.partition_point(|point| point.t > t);
        match (
            after.checked_sub(1).map(|before| &self.breakpoints[before]),
            self.breakpoints.get(after),
        ) {
            (Some(before), Some(after)) => {
                let share = (before.t - t) / (before.t - after.t);
                let codes = before.code.iter().zip(&after.code);
                codes.map(|(from, to)| from + share * (to - from)).collect()
            }
            (None, Some(first)) => vec![0.0; first.code.len()],
            (Some(last), None) => last.code.clone(),
            (None, None) => Vec::new(),
        }
    }
}

/// Follows the path of `λ1 = t` for all atoms, from the t where the code is zero down to 0.
///
/// The problem's own λ1 is not used. `correlations` is `c = D'x`, length n.
///
/// # Errors
/// Returns [`PathError`] if correlations are not finite or have the wrong length, or if the path
/// has more than `limit` breakpoints.
///
/// # Example
///
/// ```
/// use faer::Mat;
/// use scn_solvers::{ElasticNet, Problem, path};
///
/// let dictionary = Mat::<f64>::identity(2, 2);
/// let problem = Problem::new(dictionary.as_ref(), ElasticNet::signed(0.0, 0.0))?;
/// let path = path(&problem, &[3.0, -1.0], 100)?;
/// // The first atom becomes active at 3, the second at 1.
/// let breakpoints: Vec<_> = path.breakpoints().iter().map(|point| point.t).collect();
/// assert_eq!(breakpoints, [3.0, 1.0, 0.0]);
/// assert_eq!(path.breakpoints()[1].code, [2.0, 0.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn path(problem: &Problem<f64>, correlations: &[f64], limit: usize) -> Result<Path, PathError> {
    let (ones, zeros) = (vec![1.0; problem.atoms()], vec![0.0; problem.atoms()]);
    follow(problem, correlations, &zeros, &ones, limit)
}

/// Follows the path of `λ1_j = offset_j + t weight_j`, from the t where the code is zero down to 0.
///
/// # Errors
/// Same as [`path`]; also returns [`PathError`] if an offset is negative or a weight is not
/// positive.
///
/// # Example
///
/// ```
/// use faer::Mat;
/// use scn_solvers::{ElasticNet, Problem, path::follow};
///
/// let dictionary = Mat::<f64>::identity(2, 2);
/// let problem = Problem::new(dictionary.as_ref(), ElasticNet::nonnegative(0.0, 0.0))?;
/// // An atom is active where its correlation exceeds its lambda1: 3 > 1 + t, and 1 > 2 t.
/// let path = follow(&problem, &[3.0, 1.0], &[1.0, 0.0], &[1.0, 2.0], 100)?;
/// let breakpoints: Vec<_> = path.breakpoints().iter().map(|point| point.t).collect();
/// assert_eq!(breakpoints, [2.0, 0.5, 0.0]);
/// assert_eq!(path.at(0.0), [2.0, 1.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn follow(
    problem: &Problem<f64>,
    correlations: &[f64],
    offset: &[f64],
    weight: &[f64],
    limit: usize,
) -> Result<Path, PathError> {
    let expected = problem.atoms();
    for values in [correlations, offset, weight] {
        if values.len() != expected {
            return Err(PathError::Length {
                expected,
                found: values.len(),
            });
        }
    }
    for atom in 0..expected {
        let found = correlations[atom];
        if !found.is_finite() {
            return Err(PathError::Correlation { atom, found });
        }
        let valid = offset[atom] >= 0.0 && weight[atom] > 0.0;
        if !(valid && offset[atom].is_finite() && weight[atom].is_finite()) {
            return Err(PathError::Weight {
                atom,
                offset: offset[atom],
                weight: weight[atom],
            });
        }
    }
    Homotopy {
        problem,
        correlations,
        offset,
        weight,
        factor: ActiveFactor::new(),
        signs: Vec::new(),
        settled: None,
    }
    .run(limit)
}

/// Numbers below this, relative to what they were computed from, are considered rounding errors: a
/// few thousand ε.
const ROUNDING: f64 = 1e-12;

/// The change at a breakpoint.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// The active entry at this place reaches zero.
    Leaves(usize),
    /// This atom reaches its λ1, with this sign.
    Joins(usize, f64),
}

struct Homotopy<'a> {
    problem: &'a Problem<f64>,
    correlations: &'a [f64],
    offset: &'a [f64],
    weight: &'a [f64],
    factor: ActiveFactor,
    signs: Vec<f64>,
    /// The atom that has just left or failed to join, with its sign. It is on its bound, and mere
    /// rounding could make it join.
    settled: Option<(usize, f64)>,
}

/// The path between two breakpoints: `a_L = p - t q` and `c - H a = f + t g`.
struct Stretch {
    p: Vec<f64>,
    q: Vec<f64>,
    f: Vec<f64>,
    g: Vec<f64>,
}

impl Homotopy<'_> {
    fn run(mut self, limit: usize) -> Result<Path, PathError> {
        let mut breakpoints = Vec::new();
        let mut t = f64::INFINITY;
        loop {
            if breakpoints.len() == limit {
                return Err(PathError::TooLong { limit });
            }
            let stretch = self.stretch();
            let (next, event) = match self.next_event(&stretch, t) {
                Some((next, event)) if next > 0.0 => (next, Some(event)),
                _ => (0.0, None),
            };
            let mut code = self.code(&stretch, next);
            t = next;
            let Some(event) = event else {
                breakpoints.push(Breakpoint { t, code });
                return Ok(Path { breakpoints });
            };
            self.settled = None;
            match event {
                Event::Leaves(place) => {
                    let atom = self.factor.atoms()[place];
                    code[atom] = 0.0;
                    self.settled = Some((atom, self.signs[place]));
                    self.let_go(place);
                }
                Event::Joins(atom, sign) => {
                    if self.factor.push(self.problem.gram(), atom) {
                        self.signs.push(sign);
                    } else {
                        self.exchange(atom, sign, &mut code);
                    }
                }
            }
            breakpoints.push(Breakpoint { t, code });
        }
    }

    fn stretch(&self) -> Stretch {
        let active = || self.factor.atoms().iter().zip(&self.signs);
        let start = active().map(|(&j, sign)| self.correlations[j] - self.offset[j] * sign);
        let p = self.factor.solve(start.collect());
        let q = self
            .factor
            .solve(active().map(|(&j, sign)| self.weight[j] * sign).collect());
        let gram = self.problem.gram();
        let fitted = |j: usize, codes: &[f64]| -> f64 {
            let active = self.factor.atoms().iter().zip(codes);
            active.map(|(&i, code)| gram[(j, i)] * code).sum()
        };
        let n = self.problem.atoms();
        let f = (0..n)
            .map(|j| self.correlations[j] - fitted(j, &p))
            .collect();
        let g = (0..n).map(|j| fitted(j, &q)).collect();
        Stretch { p, q, f, g }
    }

    /// Returns the first event below t.
    fn next_event(&self, stretch: &Stretch, t: f64) -> Option<(f64, Event)> {
        let mut first: Option<(f64, Event)> = None;
        let mut consider = |at: f64, event: Event| {
            // An event that rounding puts slightly above t happens at t.
            if at.is_finite()
                && at <= t * (1.0 + ROUNDING)
                && first.is_none_or(|(best, _)| at > best)
            {
                first = Some((at.min(t), event));
            }
        };
        for (place, sign) in self.signs.iter().enumerate() {
            // sign (p - t q) falls to zero as t falls.
            if sign * stretch.q[place] < 0.0 {
                consider(stretch.p[place] / stretch.q[place], Event::Leaves(place));
            }
        }
        for j in (0..self.problem.atoms()).filter(|j| !self.factor.atoms().contains(j)) {
            if self.problem.inverse_diagonal()[j] == 0.0 {
                continue;
            }
            let signs: &[f64] = if self.problem.signed() {
                &[1.0, -1.0]
            } else {
                &[1.0]
            };
            for &sign in signs {
                // sign (f + t g) - offset - t weight rises to zero as t falls.
                let slope = sign * stretch.g[j] - self.weight[j];
                let settled = self.settled == Some((j, sign));
                // An atom that depends on the active ones, such as a duplicate, stays on its bound
                // and never crosses it: its slope is pure rounding.
                let rounding = ROUNDING * (stretch.g[j].abs() + self.weight[j]);
                if slope < -rounding && !settled {
                    consider(
                        (self.offset[j] - sign * stretch.f[j]) / slope,
                        Event::Joins(j, sign),
                    );
                }
            }
        }
        first
    }

    fn code(&self, stretch: &Stretch, t: f64) -> Vec<f64> {
        let mut code = vec![0.0; self.problem.atoms()];
        for (place, &j) in self.factor.atoms().iter().enumerate() {
            // A value with the wrong sign is past zero only by rounding.
            let value = stretch.p[place] - t * stretch.q[place];
            code[j] = if value * self.signs[place] > 0.0 {
                value
            } else {
                0.0
            };
        }
        code
    }

    /// Replaces an active atom with `atom`, which depends on the active ones: `d_j = D_L w`. The
    /// atom that leaves is the first that a move along `D (e_j - w) = 0` takes to zero. The
    /// objective is constant along this move.
    fn exchange(&mut self, atom: usize, sign: f64, code: &mut [f64]) {
        let active = self.factor.atoms().to_vec();
        let column = active.iter().map(|&i| self.problem.gram()[(i, atom)]);
        let weights = self.factor.solve(column.collect());
        let limits = (0..active.len())
            .filter(|&place| weights[place] * sign * self.signs[place] > 0.0)
            .map(|place| (code[active[place]] / (weights[place] * sign), place));
        let Some((step, gone)) = limits.min_by(|a, b| a.0.total_cmp(&b.0)) else {
            self.settled = Some((atom, sign));
            return;
        };
        for (place, &i) in active.iter().enumerate() {
            code[i] -= weights[place] * sign * step;
        }
        code[active[gone]] = 0.0;
        self.settled = Some((active[gone], self.signs[gone]));
        self.let_go(gone);
        if self.factor.push(self.problem.gram(), atom) {
            self.signs.push(sign);
            code[atom] = sign * step;
        }
    }

    fn let_go(&mut self, place: usize) {
        self.factor.remove(place);
        self.signs.remove(place);
    }
}
