//! Dictionaries learned from signals.
//!
//! For signals `x_1 ... x_P`, learning looks for the dictionary over which their codes cost least,
//!
//! ```text
//! min over D in C   1/P sum_k  min over a (>= 0)  1/2 ||x_k - D a||² + λ1'|a| + λ2/2 ||a||²
//! ```
//! <!-- math: \min_{D \in \mathcal C} \; \frac1P \sum_{k=1}^{P} \; \min_{a \;(\ge 0)} \tfrac12 \lVert x_k - D a \rVert^2 + \lambda_1^\top |a| + \tfrac{\lambda_2}2 \lVert a \rVert^2 -->
//!
//! where C is the set of allowed atoms: the unit ball or the unit sphere ([`AtomNorm`]), optionally
//! with nonnegative entries only. The problem is not convex. Learning finds a stationary point,
//! which depends on the [start](DictionaryStart).
//!
//! [`Learner`] follows one of two schedules ([`Schedule`]):
//!
//! - **Online.** Step t takes the next η signals, in a random order that changes with each epoch,
//!   encodes them over the current dictionary, and adds them to the running sums over all signals,
//!
//!   ```text
//!   A <- β A + 1/η sum a a',   B <- β B + 1/η sum x a',   β = (1 - 1/t)^ρ
//!   ```
//!   <!-- math: A \leftarrow \beta A + \tfrac1\eta \sum a a^\top, \qquad B \leftarrow \beta B + \tfrac1\eta \sum x a^\top, \qquad \beta = (1 - 1/t)^\rho -->
//!
//!   where ρ controls how fast early signals, encoded over poor dictionaries, are forgotten. The
//!   step then minimises `1/2 tr(D'D A) - tr(D'B)` over one atom after the other, with the other
//!   atoms fixed:
//!
//!   ```text
//!   d_j <- the point of C nearest to  d_j + (b_j - D a_j) / A_jj
//!   ```
//!   <!-- math: d_j \leftarrow \Pi_{\mathcal C}\Bigl( d_j + \frac{b_j - D a_j}{A_{jj}} \Bigr) -->
//!
//!   (Mairal, Bach, Ponce, Sapiro, "Online learning for matrix factorization and sparse coding",
//!   JMLR 11, 2010, algorithms 1 and 2, with past data scaled as in section 3.4.2 and minibatches
//!   as in 3.4.3.)
//! - **Alternating.** All signals are encoded, then all atoms are updated from sums over all
//!   signals. The objective never rises, up to the tolerance of the codes.
//!
//! Nonnegative atoms of norm 1 with nonnegative codes are Hoyer's nonnegative sparse coding
//! ("Non-negative sparse coding", NNSP 2002). K-SVD is not provided: it changes codes together with
//! each atom, so it needs the residuals of all signals, whereas these schedules need two sums.
//!
//! # Stated behaviour
//!
//! - An atom that has been inactive for [`replace_after`](LearnSettings::replace_after) signals is
//!   replaced by one of the signals of the step, scaled to norm 1 (with negative entries set to
//!   zero if atoms are nonnegative). Its codes were zero, so this does not raise the objective. An
//!   atom that has not been active since it was added is not updated.
//! - If there are more atoms than signals, the start takes every nonzero signal once, and the other
//!   atoms are random.
//! - Signals that are all equal, or zero, are learned like any others. Superfluous atoms stay
//!   inactive.
//! - A signal with NaN or infinity, or whose square overflows, is rejected before the first step by
//!   an error that names it.
//! - Codes that miss the tolerance of the solver are used as they are, and
//!   [counted](LearnReport::unconverged).
//! - The order of sums depends only on shapes, so results are bit-identical for any number of
//!   threads, and after resuming from a [state](Learner::state).
//!
//! # Example
//!
//! ```
//! use std::ops::ControlFlow;
//! use scn_solvers::learn::{DictionaryStart, LearnSettings, Learner};
//! use scn_solvers::synthetic::Workload;
//! use scn_solvers::{Auto, ElasticNet, Settings};
//!
//! // Signals made of a few of 12 atoms each, plus noise.
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
