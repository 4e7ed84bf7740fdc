//! An exact active-set method, the oracle of the others.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::cholesky::llt::solve::solve_in_place;
use faer::{Mat, Par};

use super::{Solver, Tile};
use crate::{Problem, Scalar, Settings};

/// An exact primal active-set method, after Lawson and Hanson, "Solving least squares problems" (1974), chapter 23, in Gram
/// form and with the sign of each active entry, so that it serves nonnegative and signed codes.
///
/// Given the active set L with signs s, the code solves `H_LL a_L = c_L - λ1_L s`. A pass brings in, for every
/// column that is not optimal, the atom that violates its optimality condition most, and then lets go of the entries
/// that would change their sign. The objective falls with each pass, so no active set is met twice and the method ends
/// after finitely many, exact to rounding; the number of passes is that of the changes of the active set, and
/// each costs `O(|L|³)` per column. This is the reference for small problems, not the method for large ones.
///
/// An atom that depends linearly on the active ones (λ2 = 0: duplicate atoms, more atoms than rows) cannot join them. It
/// takes the place of one: the fit stays what it is while the penalty falls, until an active entry is zero.
#[derive(Debug, Clone, Copy)]
pub struct ActiveSet {
    settings: Settings,
}

impl ActiveSet {
    /// With the given tolerance and limit of passes. Each pass changes one atom per column, so the limit should be a few
    /// times the number of atoms.
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
            if state.bring_in() {
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
struct Column<'a, T: Scalar> {
    problem: &'a Problem<T>,
    correlations: Vec<T>,
    code: Vec<T>,
    /// Atoms with a nonzero code, and the sign of each.
    active: Vec<(usize, T)>,
}

impl<'a, T: Scalar> Column<'a, T> {
    fn read(tile: &Tile<'a, T>, column: usize) -> Self {
        let take = |values: &[T]| {
            (0..tile.problem.atoms())
                .map(|j| values[j * T::tile() + column])
                .collect::<Vec<_>>()
        };
        let code = take(&tile.workspace.codes);
        Self::new(tile.problem, take(&tile.workspace.correlations), code)
    }

    fn new(problem: &'a Problem<T>, correlations: Vec<T>, code: Vec<T>) -> Self {
        let active = code
            .iter()
            .enumerate()
            .filter(|&(_, &a)| a != T::ZERO)
            .map(|(j, &a)| (j, if a > T::ZERO { T::ONE } else { -T::ONE }))
            .collect();
        Self {
            problem,
            correlations,
            code,
            active,
        }
    }

    fn write(&self, tile: &mut Tile<'_, T>, column: usize) {
        for (j, &code) in self.code.iter().enumerate() {
            tile.workspace.codes[j * T::tile() + column] = code;
        }
    }

    /// Brings in the atom whose condition is violated most. False if the column is optimal to rounding.
    fn bring_in(&mut self) -> bool {
        let mut candidates: Vec<(T, usize, T)> = (0..self.code.len())
            .filter(|&j| self.code[j] == T::ZERO && self.problem.inverse_diagonal()[j] > T::ZERO)
            .filter_map(|j| self.violation(j))
            .collect();
        candidates.sort_by(|a, b| b.0.to_f64().total_cmp(&a.0.to_f64()));
        for (_, atom, sign) in candidates {
            self.active.push((atom, sign));
            match self.solve() {
                // The new entry must move into its own sign; where rounding says otherwise it is optimal at zero.
                Some(target) if target[target.len() - 1] * sign > T::ZERO => {
                    self.walk(target);
                    return true;
                }
                Some(_) => {
                    self.active.pop();
                }
                None => {
                    self.active.pop();
                    if self.exchange(atom, sign) {
                        return true;
                    }
                }
            }
        }
        false
    }

    /// Brings in an atom that depends on the active ones, `d_j = D_L w`, by moving along `D (e_j - w) = 0` until an
    /// active entry is zero, which is let go of. False if none would ever be: the objective has a minimum, so the
    /// violation that called for this was rounding.
    fn exchange(&mut self, atom: usize, sign: T) -> bool {
        let Some(factor) = self.factor() else {
            return false;
        };
        let weights = self.solve_with(&factor, |(i, _)| self.problem.gram()[(i, atom)]);
        let mut first: Option<(T, usize)> = None;
        for (&(i, own), &weight) in self.active.iter().zip(&weights) {
            let limit = self.code[i] / (weight * sign);
            if weight * sign * own > T::ZERO
                && limit.finite()
                && first.is_none_or(|(step, _)| limit < step)
            {
                first = Some((limit, i));
            }
        }
        let Some((step, gone)) = first else {
            return false;
        };
        for (&(i, own), &weight) in self.active.iter().zip(&weights) {
            let moved = self.code[i] - weight * sign * step;
            let kept = i != gone && moved * own > T::ZERO;
            self.code[i] = if kept { moved } else { T::ZERO };
        }
        let code = &self.code;
        self.active.retain(|&(i, _)| code[i] != T::ZERO);
        self.code[atom] = sign * step;
        self.active.push((atom, sign));
        if let Some(target) = self.solve() {
            self.walk(target);
        }
        true
    }

    /// How much atom j violates its condition, scaled by its norm so that large atoms are not preferred, and the sign
    /// it would take. None if the violation is within the rounding of its own evaluation.
    fn violation(&self, j: usize) -> Option<(T, usize, T)> {
        let mut pull = self.correlations[j];
        let mut size = pull.magnitude() + self.problem.lambda1()[j];
        for &(i, _) in &self.active {
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
        let rounding = T::from_f64(4.0 * (self.active.len() + 2) as f64) * T::EPSILON * size;
        (excess > rounding).then(|| {
            let norm = self.problem.diagonal()[j].to_f64().sqrt();
            (T::from_f64(excess.to_f64() / norm), j, sign)
        })
    }

    /// Makes the code optimal on its active set, letting go of entries as needed.
    fn settle(&mut self) {
        if !self.active.is_empty() {
            match self.solve() {
                Some(target) => self.walk(target),
                None => {
                    // A start whose active atoms depend on each other: begin at zero instead.
                    self.active.clear();
                    self.code.fill(T::ZERO);
                }
            }
        }
    }

    /// Goes towards the minimiser on the active set, as far as no entry changes its sign; lets go of the entry that
    /// would, and goes on with the rest.
    fn walk(&mut self, mut target: Vec<T>) {
        loop {
            let mut step = T::ONE;
            let mut blocking = None;
            for (k, &(j, sign)) in self.active.iter().enumerate() {
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
            for (k, &(j, _)) in self.active.iter().enumerate() {
                let code = self.code[j];
                self.code[j] = if blocking.is_none() {
                    target[k]
                } else {
                    code + step * (target[k] - code)
                };
            }
            let Some(k) = blocking else { return };
            let (j, _) = self.active.remove(k);
            self.code[j] = T::ZERO;
            if self.active.is_empty() {
                return;
            }
            match self.solve() {
                Some(next) => target = next,
                None => return,
            }
        }
    }

    /// `H_LL⁻¹ (c_L - λ1_L s)`. None if the active atoms depend linearly on each other.
    fn solve(&self) -> Option<Vec<T>> {
        let factor = self.factor()?;
        Some(self.solve_with(&factor, |(j, sign)| {
            self.correlations[j] - self.problem.lambda1()[j] * sign
        }))
    }

    /// The Cholesky factor of `H_LL`, in the lower triangle. None if the active atoms depend linearly on each other.
    ///
    /// On the calling thread alone, so that the bits do not depend on the number of threads.
    fn factor(&self) -> Option<Mat<T>> {
        let size = self.active.len();
        let mut factor = Mat::from_fn(size, size, |p, q| {
            self.problem.gram()[(self.active[p].0, self.active[q].0)]
        });
        let scratch = cholesky_in_place_scratch::<T>(size, Par::Seq, Default::default());
        cholesky_in_place(
            factor.as_mut(),
            Default::default(),
            Par::Seq,
            MemStack::new(&mut MemBuffer::new(scratch)),
            Default::default(),
        )
        .ok()?;
        let independent = self.active.iter().enumerate().all(|(k, &(j, _))| {
            let pivot = factor[(k, k)] * factor[(k, k)];
            pivot > T::from_f64(8.0 * size as f64) * T::EPSILON * self.problem.diagonal()[j]
        });
        independent.then_some(factor)
    }

    /// `H_LL⁻¹ r`, with r given per active entry.
    fn solve_with(&self, factor: &Mat<T>, right_side: impl Fn((usize, T)) -> T) -> Vec<T> {
        let size = self.active.len();
        let mut solution = Mat::from_fn(size, 1, |p, _| right_side(self.active[p]));
        let scratch = MemStack::new(&mut []);
        solve_in_place(factor.as_ref(), solution.as_mut(), Par::Seq, scratch);
        (0..size).map(|p| solution[(p, 0)]).collect()
    }
}
