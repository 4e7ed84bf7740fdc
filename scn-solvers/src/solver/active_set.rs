//! An exact active-set method, the oracle of the others.

use super::factor::ActiveFactor;
use super::{Solver, Tile};
use crate::{Problem, Scalar, Settings};

/// Changes of the active set that a column may make in one pass, so that its factor is not built anew for each.
const CHANGES_PER_PASS: u32 = 16;

/// An exact primal active-set method, after Lawson and Hanson, "Solving least squares problems" (1974), chapter 23, in Gram
/// form and with the sign of each active entry, so that it serves nonnegative and signed codes.
///
/// Given the active set L with signs s, the code solves `H_LL a_L = c_L - λ1_L s`. A change brings in the atom
/// that violates its optimality condition most, and then lets go of the entries that would change their sign. The
/// objective falls with each change, so no active set is met twice and the method ends after finitely many, exact to
/// rounding. A change costs `O(n |L|)` per column; a pass makes up to 16 of them. This is the reference for small problems, not the method for large ones.
///
/// An atom that depends linearly on the active ones (λ2 = 0: duplicate atoms, more atoms than rows) cannot join them. It
/// takes the place of one: the fit stays what it is while the penalty falls, until an active entry is zero.
#[derive(Debug, Clone, Copy)]
pub struct ActiveSet {
    settings: Settings,
}

impl ActiveSet {
    /// With the given tolerance and limit of passes.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }
}

impl<T: Scalar> Solver<T> for ActiveSet {
    fn name(&self) -> &'static str {
        "active-set"
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn begin(&self, tile: &mut Tile<'_, T>) {
        for column in 0..tile.columns {
            let mut state = Column::read(tile, column);
            state.settle();
            state.write(tile, column);
        }
    }

    fn pass(&self, tile: &mut Tile<'_, T>) -> f64 {
        let mut finished = true;
        for column in 0..tile.columns {
            let mut state = Column::read(tile, column);
            let changed = (0..CHANGES_PER_PASS)
                .take_while(|_| state.bring_in())
                .count();
            if changed > 0 {
                finished = false;
                state.write(tile, column);
            }
        }
        if finished { 0.0 } else { f64::INFINITY }
    }
}

/// The exact code of one column, from a start with roughly its support: in `f64`, by at most `changes` changes of the
/// active set.
pub(super) fn polish(
    problem: &Problem<f64>,
    correlations: Vec<f64>,
    start: Vec<f64>,
    changes: u32,
) -> Vec<f64> {
    let mut state = Column::new(problem, correlations, start);
    state.settle();
    for _ in 0..changes {
        if !state.bring_in() {
            break;
        }
    }
    state.code
}

/// One column on its way to the optimum.
pub(crate) struct Column<'a, T: Scalar> {
    problem: &'a Problem<T>,
    correlations: Vec<T>,
    code: Vec<T>,
    /// The active set, and the factor of its part of `H`.
    factor: ActiveFactor<T>,
    /// The sign of each active code.
    signs: Vec<T>,
}

impl<'a, T: Scalar> Column<'a, T> {
    fn read(tile: &Tile<'a, T>, column: usize) -> Self {
        let take = |values: &[T]| {
            (0..tile.problem.atoms())
                .map(|j| values[j * T::tile() + column])
                .collect::<Vec<_>>()
        };
        let correlations = take(&tile.workspace.correlations);
        Self::new(tile.problem, correlations, take(&tile.workspace.codes))
    }

    /// At a start whose active atoms depend on each other, begins at zero instead.
    pub(crate) fn new(problem: &'a Problem<T>, correlations: Vec<T>, mut code: Vec<T>) -> Self {
        let active: Vec<usize> = (0..code.len()).filter(|&j| code[j] != T::ZERO).collect();
        let mut factor = ActiveFactor::new();
        let gram = problem.gram();
        if !active.iter().all(|&j| factor.push(gram, j)) {
            code.fill(T::ZERO);
            factor = ActiveFactor::new();
        }
        let sign = |&j: &usize| if code[j] > T::ZERO { T::ONE } else { -T::ONE };
        let signs = factor.atoms().iter().map(sign).collect();
        Self {
            problem,
            correlations,
            code,
            factor,
            signs,
        }
    }

    pub(crate) fn code(&self) -> &[T] {
        &self.code
    }

    pub(crate) fn correlations(&self) -> &[T] {
        &self.correlations
    }

    fn write(&self, tile: &mut Tile<'_, T>, column: usize) {
        for (j, &code) in self.code.iter().enumerate() {
            tile.workspace.codes[j * T::tile() + column] = code;
        }
    }

    /// Brings in the atom whose condition is violated most. False if the column is optimal to rounding.
    pub(crate) fn bring_in(&mut self) -> bool {
        let mut candidates: Vec<(T, usize, T)> = (0..self.code.len())
            .filter(|&j| self.code[j] == T::ZERO && self.problem.inverse_diagonal()[j] > T::ZERO)
            .filter_map(|j| self.violation(j))
            .collect();
        candidates.sort_by(|a, b| b.0.to_f64().total_cmp(&a.0.to_f64()));
        for (_, atom, sign) in candidates {
            if !self.factor.push(self.problem.gram(), atom) {
                if self.exchange(atom, sign) {
                    return true;
                }
                continue;
            }
            self.signs.push(sign);
            let target = self.minimum();
            // The new entry must move into its own sign; where rounding says otherwise it is optimal at zero.
            if target[target.len() - 1] * sign > T::ZERO {
                self.walk(target);
                return true;
            }
            self.let_go(target.len() - 1);
        }
        false
    }

    /// Brings in an atom that depends on the active ones, `d_j = D_L w`, by moving along `D (e_j - w) = 0` until an
    /// active entry is zero, which is let go of. False if none would ever be: the objective has a minimum, so the
    /// violation that called for this was rounding.
    fn exchange(&mut self, atom: usize, sign: T) -> bool {
        let active = self.factor.atoms().to_vec();
        let gram = self.problem.gram();
        let weights = self
            .factor
            .solve(active.iter().map(|&i| gram[(i, atom)]).collect());
        let mut first: Option<(T, usize)> = None;
        for (place, &i) in active.iter().enumerate() {
            let against = weights[place] * sign;
            let limit = self.code[i] / against;
            if against * self.signs[place] > T::ZERO
                && limit.finite()
                && first.is_none_or(|(step, _)| limit < step)
            {
                first = Some((limit, i));
            }
        }
        let Some((step, gone)) = first else {
            return false;
        };
        for (place, &i) in active.iter().enumerate().rev() {
            let moved = self.code[i] - weights[place] * sign * step;
            if i != gone && moved * self.signs[place] > T::ZERO {
                self.code[i] = moved;
            } else {
                self.code[i] = T::ZERO;
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

    /// How much atom j violates its condition, scaled by its norm so that large atoms are not preferred, and the sign
    /// it would take. None if the violation is within the rounding of its own evaluation.
    fn violation(&self, j: usize) -> Option<(T, usize, T)> {
        let mut pull = self.correlations[j];
        let mut size = pull.magnitude() + self.problem.lambda1()[j];
        for &i in self.factor.atoms() {
            let term = self.problem.gram()[(j, i)] * self.code[i];
            pull -= term;
            size += term.magnitude();
        }
        let sign = if pull < T::ZERO && self.problem.signed() {
            -T::ONE
        } else {
            T::ONE
        };
        let excess = sign * pull - self.problem.lambda1()[j];
        let roundings = 4.0 * (self.signs.len() + 2) as f64;
        let rounding = T::from_f64(roundings) * T::EPSILON * size;
        (excess > rounding).then(|| {
            let norm = self.problem.diagonal()[j].to_f64().sqrt();
            (T::from_f64(excess.to_f64() / norm), j, sign)
        })
    }

    /// Makes the code optimal on its active set, letting go of entries as needed.
    fn settle(&mut self) {
        if !self.signs.is_empty() {
            self.walk(self.minimum());
        }
    }

    /// Goes towards the minimiser on the active set, as far as no entry changes its sign; lets go of the entry that
    /// would, and goes on with the rest.
    fn walk(&mut self, mut target: Vec<T>) {
        loop {
            let mut step = T::ONE;
            let mut blocking = None;
            for (k, (&j, &sign)) in self.factor.atoms().iter().zip(&self.signs).enumerate() {
                if target[k] * sign <= T::ZERO {
                    // Zero for an entry that is there already: a new one that an early end of the walk left at zero.
                    let way = self.code[j] - target[k];
                    let limit = if way == T::ZERO {
                        T::ZERO
                    } else {
                        self.code[j] / way
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
            self.code[self.factor.atoms()[k]] = T::ZERO;
            self.let_go(k);
            if self.signs.is_empty() {
                return;
            }
            target = self.minimum();
        }
    }

    /// Takes an atom out of the active set.
    fn let_go(&mut self, place: usize) {
        self.factor.remove(place);
        self.signs.remove(place);
    }

    /// The minimiser on the active set with its signs: `H_LL⁻¹ (c_L - λ1_L s)`.
    fn minimum(&self) -> Vec<T> {
        let active = self.factor.atoms().iter().zip(&self.signs);
        let right_side =
            active.map(|(&j, &sign)| self.correlations[j] - self.problem.lambda1()[j] * sign);
        self.factor.solve(right_side.collect())
    }
}
