//! The learning loop: encode signals, add to the sums, update the atoms.

use std::ops::ControlFlow;
use std::sync::Arc;

use faer::MatRef;

use super::atoms::AtomMemory;
use super::coded::{Coded, Totals};
use super::draws::{Purpose, permute};
use super::signals::check_signals;
use super::{
    DictionaryStart, LearnError, LearnObjective, LearnProgress, LearnReport, LearnSettings,
    LearnState, LearnStop, Schedule,
};
use crate::problem::Problem;
use crate::processes::{Alone, Processes, any};
use crate::solver::Solver;
use crate::tile::{ColumnSource, Scalar};

/// Maximum number of signals encoded at a time by alternating steps and by measurements.
const CHUNK: usize = 4096;

/// Learns a dictionary (m × n). See the [module](super) for how it does that.
///
/// It keeps the state and the signals of a step with their codes in memory, at most 4096 signals at
/// a time with [`Schedule::Alternating`], and reuses that memory from step to step.
#[derive(Debug)]
pub struct Learner<T: Scalar> {
    settings: LearnSettings<T>,
    state: LearnState<T>,
    /// The problem posed by the current dictionary.
    problem: Problem<T>,
    coded: Coded<T>,
    atoms: AtomMemory<T>,
    processes: Arc<dyn Processes>,
}

impl<T: Scalar> Learner<T> {
    /// Creates a learner with an initial dictionary of `atoms` atoms, for signals like these
    /// (m × P).
    ///
    /// # Errors
    /// Returns an error if settings are out of range, there are no atoms or no signals, a signal is
    /// not finite, the initial dictionary has the wrong shape, or the penalty is invalid.
    ///
    /// # Example
    ///
    /// ```
    /// use approx::assert_abs_diff_eq;
    /// use faer::mat;
    /// use scn_solvers::ElasticNet;
    /// use scn_solvers::learn::{DictionaryStart, LearnSettings, Learner};
    ///
    /// // The initial atom is one of the signals, scaled to norm 1.
    /// let signals = mat![[3.0, 30.0], [4.0, 40.0]];
    /// let settings = LearnSettings::new(ElasticNet::nonnegative(0.1, 0.0));
    /// let learner = Learner::new(settings, &signals, 1, &DictionaryStart::Samples)?;
    /// assert_abs_diff_eq!(learner.dictionary()[(0, 0)], 0.6, epsilon = 1e-12);
    /// assert_abs_diff_eq!(learner.dictionary()[(1, 0)], 0.8, epsilon = 1e-12);
    /// # Ok::<(), scn_solvers::learn::LearnError>(())
    /// ```
    pub fn new(
        settings: LearnSettings<T>,
        signals: &dyn ColumnSource<T>,
        atoms: usize,
        start: &DictionaryStart<T>,
    ) -> Result<Self, LearnError> {
        settings.check()?;
        if atoms == 0 {
            return Err(LearnError::NoAtoms);
        }
        check_signals(signals, signals.rows())?;
        let dictionary = start.dictionary(signals, atoms, settings.atoms, settings.seed)?;
        Self::resume(settings, LearnState::new(dictionary))
    }

    /// Resumes from a saved state.
    ///
    /// # Errors
    /// Returns an error if settings are out of range, the state is inconsistent, or the penalty is
    /// invalid.
    ///
    /// # Example
    ///
    /// ```
    /// use faer::Mat;
    /// use scn_solvers::learn::{DictionaryStart, LearnSettings, Learner};
    /// use scn_solvers::{Auto, ElasticNet};
    ///
    /// let signals = Mat::<f64>::from_fn(4, 30, |i, k| ((i * k) as f64).sin());
    /// let settings = LearnSettings::new(ElasticNet::signed(0.1, 0.0));
    /// let mut learner = Learner::new(settings.clone(), &signals, 5, &DictionaryStart::Random)?;
    /// let _ = learner.step(&Auto::default(), &signals)?;
    /// let mut resumed = Learner::resume(settings, learner.state().clone())?;
    /// for learner in [&mut learner, &mut resumed] {
    ///     let _ = learner.step(&Auto::default(), &signals)?;
    /// }
    /// assert_eq!(resumed.state(), learner.state());
    /// # Ok::<(), scn_solvers::learn::LearnError>(())
    /// ```
    pub fn resume(settings: LearnSettings<T>, state: LearnState<T>) -> Result<Self, LearnError> {
        settings.check()?;
        state.check()?;
        let problem = Problem::new(state.dictionary.as_ref(), settings.penalty.clone())?;
        let (rows, atoms) = state.dictionary.shape();
        Ok(Self {
            settings,
            state,
            problem,
            coded: Coded::new(rows, atoms),
            atoms: AtomMemory::default(),
            processes: Arc::new(Alone),
        })
    }

    /// Shares the encoding of each batch with other processes. All of them must have the same
    /// signals and make the same calls in the same order. The result does not depend on the number
    /// of processes.
    ///
    /// # Example
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use faer::Mat;
    /// # use scn_solvers::learn::{DictionaryStart, LearnError, LearnSettings, Learner};
    /// # use scn_solvers::processes::{Alone, Processes, Threads};
    /// # use scn_solvers::{Auto, ElasticNet};
    /// let signals = Mat::<f64>::from_fn(4, 90, |i, k| ((i * k) as f64).sin());
    /// let settings = LearnSettings::new(ElasticNet::signed(0.1, 0.0));
    /// let step = |processes: Arc<dyn Processes>| -> Result<_, LearnError> {
    ///     let learner = Learner::new(settings.clone(), &signals, 5, &DictionaryStart::Random)?;
    ///     let mut learner = learner.shared_by(processes);
    ///     let _ = learner.step(&Auto::default(), &signals)?;
    ///     Ok(learner.state().clone())
    /// };
    /// let alone = step(Arc::new(Alone))?;
    /// std::thread::scope(|scope| {
    ///     for process in Threads::all(2) {
    ///         scope.spawn(|| assert_eq!(step(Arc::new(process)).as_ref(), Ok(&alone)));
    ///     }
    /// });
    /// # Ok::<(), LearnError>(())
    /// ```
    #[must_use]
    pub fn shared_by(self, processes: Arc<dyn Processes>) -> Self {
        Self { processes, ..self }
    }

    /// The dictionary, m × n.
    pub fn dictionary(&self) -> MatRef<'_, T> {
        self.state.dictionary.as_ref()
    }

    /// The state, which is all that is needed to resume, besides the settings.
    pub fn state(&self) -> &LearnState<T> {
        &self.state
    }

    /// The settings of this learner.
    pub fn settings(&self) -> &LearnSettings<T> {
        &self.settings
    }

    /// Takes one step on signals from a stream, all of them in one batch. This is for programs that
    /// run their own loop and have no matrix of all signals. Returns the objective of these signals
    /// over the dictionary before its update.
    ///
    /// # Errors
    /// Returns an error if signals have the wrong length or are not finite, or if numbers overflow.
    /// After an overflow the learner must not be used any further.
    ///
    /// # Example
    ///
    /// ```
    /// use approx::assert_abs_diff_eq;
    /// use faer::mat;
    /// use scn_solvers::learn::{DictionaryStart, LearnSettings, Learner};
    /// use scn_solvers::{Auto, ElasticNet};
    ///
    /// // The code over the atom (1, 0) is 3. The best atom of norm 1 is parallel to the signal.
    /// let signal = mat![[3.0], [4.0]];
    /// let start = DictionaryStart::Given(mat![[1.0], [0.0]]);
    /// let settings = LearnSettings::new(ElasticNet::nonnegative(0.0, 0.0));
    /// let mut learner = Learner::new(settings, &signal, 1, &start)?;
    /// let before = learner.step(&Auto::default(), &signal)?;
    /// assert_abs_diff_eq!(before.objective, 0.5 * 4.0 * 4.0, epsilon = 1e-12);
    /// assert_abs_diff_eq!(learner.dictionary()[(0, 0)], 0.6, epsilon = 1e-12);
    /// assert_abs_diff_eq!(learner.dictionary()[(1, 0)], 0.8, epsilon = 1e-12);
    /// # Ok::<(), scn_solvers::learn::LearnError>(())
    /// ```
    pub fn step(
        &mut self,
        solver: &dyn Solver<T>,
        signals: &dyn ColumnSource<T>,
    ) -> Result<LearnObjective, LearnError> {
        check_signals(signals, self.problem.rows())?;
        let columns: Vec<usize> = (0..signals.columns()).collect();
        let totals = self.advance(solver, signals, &columns, u64::MAX)?;
        self.state.counts.count(totals, None);
        Ok(totals.mean())
    }

    /// Returns the objective of signals over the current dictionary.
    ///
    /// # Errors
    /// Returns an error if signals have the wrong length or are not finite, or if codes overflow.
    ///
    /// # Example
    ///
    /// ```
    /// use faer::mat;
    /// use scn_solvers::learn::{DictionaryStart, LearnSettings, Learner};
    /// use scn_solvers::{Auto, ElasticNet};
    ///
    /// // The codes of the two signals are 2 and 0. Their objectives are
    /// // 1/2 (3 - 2)² + 2 = 2.5 and 1/2 (1/2)² = 0.125.
    /// let start = DictionaryStart::Given(mat![[1.0]]);
    /// let settings = LearnSettings::new(ElasticNet::nonnegative(1.0, 0.0));
    /// let signals = mat![[3.0, 0.5]];
    /// let mut learner = Learner::new(settings, &signals, 1, &start)?;
    /// let found = learner.objective(&Auto::default(), &signals)?;
    /// assert_eq!((found.objective, found.active), ((2.5 + 0.125) / 2.0, 0.5));
    /// # Ok::<(), scn_solvers::learn::LearnError>(())
    /// ```
    pub fn objective(
        &mut self,
        solver: &dyn Solver<T>,
        signals: &dyn ColumnSource<T>,
    ) -> Result<LearnObjective, LearnError> {
        check_signals(signals, self.problem.rows())?;
        self.measure(solver, signals)
    }

    /// Learns from signals (m × P) until learning has converged, the limit of epochs or steps is
    /// reached, or `after_step` breaks. It is called after every step; if several processes share
    /// the learning, they all stop as soon as one of them breaks.
    ///
    /// Convergence is measured on the `held_out` signals, if there are any, and otherwise on the
    /// training signals; see [`LearnSettings::tolerance`].
    ///
    /// A learner that resumes from a [state](Self::state) needs the same signals in the same order.
    ///
    /// # Errors
    /// Returns an error before the first step if there are no signals, or if some have the wrong
    /// length or are not finite, and later if numbers overflow. After an overflow the learner must
    /// not be used any further.
    pub fn run(
        &mut self,
        solver: &dyn Solver<T>,
        signals: &dyn ColumnSource<T>,
        held_out: Option<&dyn ColumnSource<T>>,
        after_step: &mut dyn FnMut(&LearnProgress<'_, T>) -> ControlFlow<()>,
    ) -> Result<LearnReport, LearnError> {
        check_signals(signals, self.problem.rows())?;
        if let Some(held_out) = held_out {
            check_signals(held_out, self.problem.rows())?;
        }
        let total = signals.columns();
        if self.state.counts.position >= total as u64 {
            return Err(LearnError::State(
                "its position in the epoch is beyond the last signal",
            ));
        }
        let (mut order, mut order_of) = (Vec::new(), None);
        // The objective of held-out signals over the current dictionary.
        let mut objective = None;
        let stop = loop {
            let counts = self.state.counts;
            if counts.has_converged() {
                break LearnStop::Converged;
            }
            if self.budget_is_spent() {
                break LearnStop::Budget;
            }
            if order_of != Some(counts.epochs) {
                permute(
                    &mut order,
                    total,
                    self.settings.seed,
                    counts.epochs,
                    Purpose::Order,
                );
                order_of = Some(counts.epochs);
            }
            let left = &order[counts.position as usize..];
            let count = match self.settings.schedule {
                Schedule::Online { batch_size, .. } => batch_size.min(left.len()),
                Schedule::Alternating => left.len(),
            };
            let totals = self.advance(solver, signals, &left[..count], total as u64)?;
            let still_left = (left.len() - count) as u64;
            self.state.counts.count(totals, Some(still_left));

            objective = None;
            let mut measured = None;
            let has_held_out = held_out.is_some();
            if self
                .state
                .counts
                .round_is_over(&self.settings, has_held_out)
            {
                let value = match held_out {
                    Some(held_out) => self.measure(solver, held_out)?.objective,
                    None => self.state.counts.running(),
                };
                objective = has_held_out.then_some(value);
                measured = Some(value);
                self.state.counts.take(value, self.settings.tolerance);
            }
            let progress = self.progress(totals.mean(), measured);
            let broken = after_step(&progress).is_break();
            if any(&*self.processes, broken)? {
                break LearnStop::Callback;
            }
        };
        if let (None, Some(held_out), true) = (objective, held_out, stop != LearnStop::Callback) {
            objective = Some(self.measure(solver, held_out)?.objective);
        }
        Ok(self.report(stop, objective))
    }

    fn budget_is_spent(&self) -> bool {
        let LearnSettings {
            max_epochs,
            max_steps,
            ..
        } = self.settings;
        let counts = &self.state.counts;
        max_epochs.is_some_and(|epochs| counts.epochs >= epochs)
            || max_steps.is_some_and(|steps| counts.steps >= steps)
    }

    /// Encodes these signals and updates the atoms. `epoch` is the number of signals of an epoch.
    fn advance(
        &mut self,
        solver: &dyn Solver<T>,
        signals: &dyn ColumnSource<T>,
        columns: &[usize],
        epoch: u64,
    ) -> Result<Totals, LearnError> {
        let step = self.state.counts.steps + 1;
        let mut keep = match self.settings.schedule {
            Schedule::Online { forgetting, .. } => (1.0 - 1.0 / step as f64).powf(forgetting),
            Schedule::Alternating => 0.0,
        };
        let now = self.state.counts.signals + columns.len() as u64;
        let chunk = match self.settings.schedule {
            Schedule::Online { .. } => columns.len(),
            Schedule::Alternating => CHUNK,
        };
        let factor = T::from_f64(1.0 / columns.len() as f64);
        let mut totals = Totals::default();
        for columns in columns.chunks(chunk) {
            self.coded.load(signals, columns);
            totals.add(self.encode(solver, step)?);
            let LearnState { codes, signals, .. } = &mut self.state;
            self.coded.add_to(codes, signals, T::from_f64(keep), factor);
            keep = 1.0;
            for atom in self.coded.uses() {
                self.state.last_used[atom] = now;
            }
        }
        let atoms = self.problem.atoms();
        if !(0..atoms).all(|j| self.state.codes[(j, j)].finite()) {
            return Err(LearnError::Overflow { step });
        }
        self.update_atoms(now, epoch);
        let penalty = self.settings.penalty.clone();
        self.problem
            .update(self.state.dictionary.as_ref(), penalty)?;
        Ok(totals)
    }

    /// Encodes the loaded signals.
    fn encode(&mut self, solver: &dyn Solver<T>, step: u64) -> Result<Totals, LearnError> {
        let processes = &*self.processes;
        self.coded.encode(solver, &self.problem, step, processes)
    }

    fn update_atoms(&mut self, now: u64, epoch: u64) {
        let LearnState {
            dictionary,
            codes,
            signals,
            last_used,
            counts,
        } = &mut self.state;
        for _ in 0..self.settings.atom_passes {
            self.atoms.update(
                dictionary,
                codes.as_ref(),
                signals.as_ref(),
                self.settings.atoms,
            );
        }
        let patience = self.settings.replace_after.min(epoch);
        // Candidates come in the order of the batch, which is random.
        let mut candidates = self.coded.signals();
        for (j, last) in last_used.iter_mut().enumerate() {
            if now - *last < patience {
                continue;
            }
            let atom = dictionary.col_as_slice_mut(j);
            let before = atom.to_vec();
            let found = candidates.any(|signal| {
                atom.copy_from_slice(signal);
                self.settings.atoms.take_direction(atom)
            });
            if !found {
                atom.copy_from_slice(&before);
                break;
            }
            codes.col_mut(j).fill(T::ZERO);
            codes.row_mut(j).fill(T::ZERO);
            signals.col_mut(j).fill(T::ZERO);
            *last = now;
            counts.replaced += 1;
        }
    }

    /// Measures the objective of signals that are known to be finite.
    fn measure(
        &mut self,
        solver: &dyn Solver<T>,
        signals: &dyn ColumnSource<T>,
    ) -> Result<LearnObjective, LearnError> {
        let mut totals = Totals::default();
        let columns = signals.columns();
        for first in (0..columns).step_by(CHUNK) {
            let chunk: Vec<usize> = (first..columns.min(first + CHUNK)).collect();
            self.coded.load(signals, &chunk);
            let step = self.state.counts.steps;
            totals.add(self.encode(solver, step)?);
        }
        Ok(totals.mean())
    }

    fn progress(&self, batch: LearnObjective, measured: Option<f64>) -> LearnProgress<'_, T> {
        let counts = &self.state.counts;
        LearnProgress {
            step: counts.steps,
            epoch: counts.epochs,
            signals: counts.signals,
            objective: batch.objective,
            active: batch.active,
            atoms_used: self.state.atoms_used(),
            replaced: counts.replaced,
            unconverged: counts.unconverged,
            measured,
            state: &self.state,
        }
    }

    fn report(&self, stop: LearnStop, objective: Option<f64>) -> LearnReport {
        let counts = &self.state.counts;
        let measured = Some(counts.measured).filter(|measured| measured.is_finite());
        LearnReport {
            stop,
            steps: counts.steps,
            epochs: counts.epochs,
            signals: counts.signals,
            objective: objective.or(measured),
            active: counts.active,
            atoms_used: self.state.atoms_used(),
            replaced: counts.replaced,
            unconverged: counts.unconverged,
        }
    }
}
