//! The exact code of one column, by changes to its active set; see [`ActiveSet`](super::ActiveSet).

use crate::problem::Problem;
use crate::tile::ActiveFactor;

/// The result of [`polish`].
#[derive(Debug)]
pub(super) struct Polished {
    pub(super) code: Vec<f64>,
    /// Number of changes to the active set.
    pub(super) changes: u32,
    /// Whether the objective is unbounded below from this code, along a direction z with `H z = 0`.
    pub(super) falls_without_end: bool,
}

/// Solves for the exact code of one column, from a start with roughly the right active set, with at
/// most `limit` changes to it.
pub(super) fn polish(
    problem: &Problem<f64>,
    correlations: Vec<f64>,
    start: Vec<f64>,
    limit: u32,
) -> Polished {
    let mut state = Column::new(problem, correlations, start);
    state.settle();
    let mut changes = 0;
    while changes < limit && state.bring_in() {
        changes += 1;
    }
    Polished {
        code: state.code,
        changes,
        falls_without_end: state.falls_without_end,
    }
}

/// The state of one column while its code is improved.
pub(crate) struct Column<'a> {
    problem: &'a Problem<f64>,
    correlations: Vec<f64>,
    code: Vec<f64>,
    /// The active set, and the factor of its block of `H`.
    factor: ActiveFactor,
    /// The sign of each active entry.
    signs: Vec<f64>,
    /// Whether an atom was found that depends on the active ones and could grow without bound.
    falls_without_end: bool,
}

impl<'a> Column<'a> {
    /// Starts from `code`, or from zero if its active atoms are linearly dependent.
    pub(crate) fn new(
        problem: &'a Problem<f64>,
        correlations: Vec<f64>,
        mut code: Vec<f64>,
    ) -> Self {
        let active: Vec<usize> = (0..code.len()).filter(|&j| code[j] != 0.0).collect();
        let mut factor = ActiveFactor::new();
        let gram = problem.gram();
        if !active.iter().all(|&j| factor.push(gram, j)) {
            code.fill(0.0);
            factor = ActiveFactor::new();
        }
        let sign = |&j: &usize| if code[j] > 0.0 { 1.0 } else { -1.0 };
        let signs = factor.atoms().iter().map(sign).collect();
        Self {
            problem,
            correlations,
            code,
            factor,
            signs,
            falls_without_end: false,
        }
    }

    pub(crate) fn code(&self) -> &[f64] {
        &self.code
    }

    /// Adds the atom that violates its condition most. Returns false if the column is optimal up to
    /// rounding.
    pub(crate) fn bring_in(&mut self) -> bool {
        let mut candidates: Vec<(f64, usize, f64)> = (0..self.code.len())
            .filter(|&j| self.code[j] == 0.0 && self.problem.inverse_diagonal()[j] > 0.0)
            .filter_map(|j| self.violation(j))
            .collect();
        candidates.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (_, atom, sign) in candidates {
            if !self.factor.push(self.problem.gram(), atom) {
                if self.exchange(atom, sign) {
                    return true;
                }
                continue;
            }
            self.signs.push(sign);
            let target = self.minimum();
            // The new entry must move in the direction of its sign. If rounding prevents that, it
            // is optimal at zero.
            if target[target.len() - 1] * sign > 0.0 {
                self.walk(target);
                return true;
            }
            self.let_go(target.len() - 1);
        }
        false
    }

    /// Adds an atom that depends on the active ones, `d_j = D_L w`, by moving along
    /// `D (e_j - w) = 0` until an active entry is zero, which is removed. Returns false if that
    /// never happens: either the objective is unbounded below or, if it has a minimum, the
    /// violation was rounding.
    fn exchange(&mut self, atom: usize, sign: f64) -> bool {
        let active = self.factor.atoms().to_vec();
        let gram = self.problem.gram();
        let weights = self
            .factor
            .solve(active.iter().map(|&i| gram[(i, atom)]).collect());
        let mut first: Option<(f64, usize)> = None;
        for (place, &i) in active.iter().enumerate() {
            let against = weights[place] * sign;
            let limit = self.code[i] / against;
            if against * self.signs[place] > 0.0
                && limit.is_finite()
                && first.is_none_or(|(step, _)| limit < step)
            {
                first = Some((limit, i));
            }
        }
        let Some((step, gone)) = first else {
            self.falls_without_end = true;
            return false;
        };
        for (place, &i) in active.iter().enumerate().rev() {
            let moved = self.code[i] - weights[place] * sign * step;
            if i != gone && moved * self.signs[place] > 0.0 {
                self.code[i] = moved;
            } else {
                self.code[i] = 0.0;
                self.let_go(place);
            }
        }
        if self.factor.push(gram, atom) {
            self.signs.push(sign);
            self.code[atom] = sign * step;
        }
        self.settle();
        true
    }

    /// Returns how much atom j violates its condition, with the atom and the sign that its code
    /// would take. The violation is divided by the norm so that large atoms are not preferred.
    /// Returns `None` if it is within the rounding of its own evaluation.
    fn violation(&self, j: usize) -> Option<(f64, usize, f64)> {
        let mut descent = self.correlations[j];
        let mut size = descent.abs() + self.problem.lambda1()[j];
        for &i in self.factor.atoms() {
            let term = self.problem.gram()[(j, i)] * self.code[i];
            descent -= term;
            size += term.abs();
        }
        let sign = if descent < 0.0 && self.problem.signed() {
            -1.0
        } else {
            1.0
        };
        let excess = sign * descent - self.problem.lambda1()[j];
        let roundings = 4.0 * (self.signs.len() + 2) as f64;
        let rounding = roundings * f64::EPSILON * size;
        (excess > rounding).then(|| {
            let norm = self.problem.diagonal()[j].sqrt();
            (excess / norm, j, sign)
        })
    }

    /// Makes the code optimal on its active set, and removes entries as needed.
    fn settle(&mut self) {
        if !self.signs.is_empty() {
            self.walk(self.minimum());
        }
    }

    /// Moves towards the minimiser on the active set until an entry would change its sign, removes
    /// that entry, and repeats with the rest.
    fn walk(&mut self, mut target: Vec<f64>) {
        loop {
            let mut step = 1.0;
            let mut blocking = None;
            for (k, (&j, &sign)) in self.factor.atoms().iter().zip(&self.signs).enumerate() {
                if target[k] * sign <= 0.0 {
                    // The distance is zero for a new entry that stayed at zero because an earlier
                    // walk was cut short.
                    let distance = self.code[j] - target[k];
                    let limit = if distance == 0.0 {
                        0.0
                    } else {
                        self.code[j] / distance
                    };
                    if blocking.is_none() || limit < step {
                        step = limit;
                        blocking = Some(k);
                    }
                }
            }
            for (k, &j) in self.factor.atoms().iter().enumerate() {
                let code = self.code[j];
                self.code[j] = if blocking.is_none() {
                    target[k]
                } else {
                    code + step * (target[k] - code)
                };
            }
            let Some(k) = blocking else { return };
            self.code[self.factor.atoms()[k]] = 0.0;
            self.let_go(k);
            if self.signs.is_empty() {
                return;
            }
            target = self.minimum();
        }
    }

    /// Removes an atom from the active set.
    fn let_go(&mut self, place: usize) {
        self.factor.remove(place);
        self.signs.remove(place);
    }

    /// Returns the minimiser on the active set with its signs: `H_LL⁻¹ (c_L - λ1_L s)`.
    fn minimum(&self) -> Vec<f64> {
        let active = self.factor.atoms().iter().zip(&self.signs);
        let right_side =
            active.map(|(&j, &sign)| self.correlations[j] - self.problem.lambda1()[j] * sign);
        self.factor.solve(right_side.collect())
    }
}
