//! Dictionaries learned from signals.
//!
//! For signals `x_1 ... x_P` this looks for the dictionary over which they have the cheapest codes,
//!
//! ```text
//! min over D in C   1/P sum_k  min over a (>= 0)  1/2 ||x_k - D a||² + λ1'|a| + λ2/2 ||a||²
//! ```
//! <!-- math: \min_{D \in \mathcal C} \; \frac1P \sum_{k=1}^{P} \; \min_{a \;(\ge 0)} \tfrac12 \lVert x_k - D a \rVert^2 + \lambda_1^\top |a| + \tfrac{\lambda_2}2 \lVert a \rVert^2 -->
//!
//! where C holds the atoms in the unit ball or on the unit sphere ([`AtomNorm`]); entries may have to be nonnegative, too. The
//! problem is not convex: what is found is a stationary point, which depends on the [start](DictionaryStart).
//!
//! [`Learner`] does one of two things ([`Schedule`]):
//!
//! - **Online.** Step t takes the next η signals, in an order that is drawn anew for each epoch, codes them over the present
//!   dictionary, and adds them to what it keeps of all signals so far,
//!
//!   ```text
//!   A <- β A + 1/η sum a a',   B <- β B + 1/η sum x a',   β = (1 - 1/t)^ρ
//!   ```
//!   <!-- math: A \leftarrow \beta A + \tfrac1\eta \sum a a^\top, \qquad B \leftarrow \beta B + \tfrac1\eta \sum x a^\top, \qquad \beta = (1 - 1/t)^\rho -->
//!
//!   where ρ says how fast early signals, coded over poor dictionaries, are forgotten. Then it lowers `1/2 tr(D'D A) - tr(D'B)`
//!   by one atom after the other, each to the best that the others allow, from where it is:
//!
//!   ```text
//!   d_j <- the point of C nearest to  d_j + (b_j - D a_j) / A_jj
//!   ```
//!   <!-- math: d_j \leftarrow \Pi_{\mathcal C}\Bigl( d_j + \frac{b_j - D a_j}{A_{jj}} \Bigr) -->
//!
//!   (Mairal, Bach, Ponce, Sapiro, "Online learning for matrix factorization and sparse coding", JMLR 11, 2010, algorithms 1 and
//!   2, with past data scaled as in section 3.4.2 and minibatches as in 3.4.3.)
//! - **Alternating.** All signals are coded, then all atoms are updated, from sums over all signals. The objective never rises, but
//!   for what the tolerance of the codes leaves.
//!
//! Nonnegative atoms of norm 1 with nonnegative codes are Hoyer's nonnegative sparse coding ("Non-negative sparse coding", NNSP 2002).
//! K-SVD is not here: it changes codes together with each atom, and so needs the residuals of all signals where these schedules need
//! two sums.
//!
//! # Stated behaviour
//!
//! - An atom that no code has used for [`replace_after`](LearnSettings::replace_after) signals becomes one of the signals of the
//!   step, scaled to norm 1 (and cut off at zero where atoms are nonnegative). The codes were zero there, so this does not raise the objective. An atom
//!   that was not used since it came is not updated.
//! - More atoms than signals: the start takes every signal that is not zero once, other atoms are random.
//! - Signals that are all the same, or zero, are learned like any others: the atoms that are not needed stay unused.
//! - A signal with NaN or infinity, or whose square overflows, is an error that names it, before the first step.
//! - Codes that miss the tolerance of the solver are used as they are, and [counted](LearnReport::unconverged).
//! - Sums have an order that depends on shapes alone: the same bits for any number of threads, and from a
//!   [state](Learner::state) that was kept.
//!
//! # Example
//!
//! ```
//! use std::ops::ControlFlow;
//! use scn_solvers::learn::{DictionaryStart, LearnSettings, Learner};
//! use scn_solvers::synthetic::Workload;
//! use scn_solvers::{Auto, ElasticNet, Settings};
//!
//! // Signals made of few of 12 atoms each, and noise.
//! let work = Workload::<f32>::new((16, 12), 4000, 0.1, Some(0.2), 1);
//! let (signals, held_out) = work.signals.as_ref().split_at_col(3500);
//!
//! let settings = LearnSettings::new(ElasticNet::nonnegative(work.lambda1, 0.0)).max_epochs(20);
//! let mut learner = Learner::new(settings, &signals, 12, &DictionaryStart::Samples)?;
//! let solver = Auto::new(Settings::new(1e-3, 1000)?);
//! let before = learner.objective(&solver, &held_out)?.objective;
//! let report = learner.run(&solver, &signals, Some(&held_out), &mut |step| {
//!     println!("step {}: {:.4}", step.step, step.objective);
//!     ControlFlow::Continue(())
//! })?;
//! assert!(report.objective.is_some_and(|after| after < 0.9 * before));
//! assert_eq!(learner.dictionary().shape(), (16, 12));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod atom_set;
mod atoms;
mod coded;
mod draws;
mod entries;
mod error;
mod initial;
mod learner;
mod progress;
mod rounds;
mod settings;
mod signals;
mod state;

pub use atom_set::{AtomNorm, AtomSet};
pub use error::LearnError;
pub use initial::DictionaryStart;
pub use learner::Learner;
pub use progress::{LearnObjective, LearnProgress, LearnReport, LearnStop};
pub use settings::{LearnSettings, Schedule};
pub use signals::check_signals;
pub use state::{LearnCounts, LearnState};
