//! `scn learn`: learns a dictionary from signals.

mod arguments;
mod drawing;
mod events;
mod signals;
mod state_file;
mod view;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use scn_data::format::npy::{Float, Numbers};
use scn_data::{bytes_of, check_memory};
use scn_solvers::learn::{LearnReport, LearnStop, Learner};
use scn_solvers::processes::{Processes, any, expect_same};
use scn_solvers::{Auto, ColumnSource, Scalar, Settings};
use serde::Serialize;

pub(crate) use self::arguments::Learn;
use self::arguments::Start;
use self::drawing::{narrow, row_major, window};
use self::events::Events;
use self::signals::{SignalFile, Signals, checksum};
use self::state_file::{KeptSettings, StateFile};
use self::view::{Measurement, View};
use crate::arrays::{Array, Values, axes};
use crate::column_input::ColumnInput;
use crate::ending::{self, Ending, Signal};
use crate::output::Output;
use crate::pictures;
use crate::readable::{counted, rate, thousands, time};
use crate::screen::Bar;
use crate::signals::Patience;
use crate::whole_file;

/// Maximum number of passes for a column.
const MAX_PASSES: u32 = 1000;

/// Minimum time between writes of the state file.
const EVERY: Duration = Duration::from_secs(60);

/// The output of `scn learn --json`.
#[derive(Debug, Serialize)]
struct Summary {
    dictionary: PathBuf,
    state: PathBuf,
    /// Why learning ended: "converged", "epochs", "seconds" or "stopped".
    stop: &'static str,
    rows: usize,
    atoms: usize,
    /// Number of signals learned from.
    signals: usize,
    held_out: usize,
    epochs: u64,
    steps: u64,
    /// Mean objective per signal: of the held-out signals with the final dictionary or, if none are
    /// held out, of the last epoch.
    objective: Option<f64>,
    /// Active atoms per signal, on average.
    active: f64,
    atoms_used: usize,
    replaced: u64,
    unconverged: u64,
    /// Time since this command began to learn.
    seconds: f64,
    signals_per_second: f64,
    measurements: Vec<Measurement>,
}

impl Learn {
    /// Learns the dictionary and writes it.
    ///
    /// Processes share the encoding of each batch. Only the first one writes files.
    pub(crate) fn run(&self, processes: Arc<dyn Processes>, output: &Output) -> Result<Ending> {
        whole_file::expect_another(&self.out, [self.signals.as_path()])?;
        let state_path = state_file::beside(&self.out);
        let kept = match self.resume {
            true => Some(StateFile::read(&state_path, &*processes)?),
            false => None,
        };
        let patches = match &kept {
            Some(kept) => kept.settings().patches,
            None => self.patches.settings(),
        };
        let signals = SignalFile::open(&self.signals, patches)?;
        if signals.needs_f64() {
            self.learn::<f64>(signals, kept, Values::F64, processes, output)
        } else {
            self.learn::<f32>(signals, kept, Values::F32, processes, output)
        }
    }

    fn learn<T: Scalar + Float>(
        &self,
        file: SignalFile,
        kept: Option<StateFile>,
        values: fn(Vec<T>) -> Values,
        processes: Arc<dyn Processes>,
        output: &Output,
    ) -> Result<Ending> {
        let first = processes.rank() == 0;
        let state_path = state_file::beside(&self.out);
        let [rows, columns] = file.shape;
        let state = match &kept {
            Some(kept) => Some(kept.state::<T>(&state_path)?),
            None => None,
        };
        let kept = kept.map(StateFile::into_settings);
        let held_out = match &kept {
            Some(kept) => {
                kept.expect_columns(&state_path, &self.signals, columns)?;
                kept.held_out
            }
            None => self.held_out(columns)?,
        };
        let patches = match &kept {
            Some(kept) => kept.patches,
            None => self.patches.settings(),
        };
        let window = match &self.atoms_picture {
            Some(path) => Some((path, window(rows, patches, &self.signals)?)),
            None => None,
        };
        let signals = file.read::<T>(held_out)?;
        let checksum = signals.checksum();
        let before = kept.clone();
        let settings = match kept {
            Some(kept) => self.replaced(kept),
            None => self.kept_settings(checksum, columns, held_out)?,
        };
        settings.expect_signals(&state_path, &self.signals, checksum)?;
        // Report a path that cannot be written before computing anything.
        if let Some(folder) = self.out.parent()
            && first
        {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot write {}", self.out.display()))?;
        }

        let limits = settings.learning::<T>();
        let mut learner = match state {
            Some(mut state) => {
                let tolerances = |its: &KeptSettings| [its.tolerance, its.code_tolerance];
                if before.as_ref().map(tolerances) != Some(tolerances(&settings)) {
                    // No progress at the old tolerances may be progress at the new ones.
                    state.counts.stale = 0;
                }
                Learner::resume(limits, state).with_context(|| state_path.display().to_string())?
            }
            None => {
                let (start, atoms) = self.start::<T>(rows)?;
                check_memory("learning", bytes_of::<T>(&[atoms, 3 * atoms + 2 * rows]))?;
                Learner::new(limits, &signals.learned(), atoms, &start)
                    .map_err(|error| signals.in_file(error, &self.signals))?
            }
        };
        learner = learner.shared_by(Arc::clone(&processes));
        expect_same_start(&learner, &settings, &*processes)?;
        let atoms = learner.dictionary().ncols();
        let before = learner.state().counts.signals;
        let (report, measurements, seconds) = self.go(
            &mut learner,
            &signals,
            &settings,
            &state_path,
            &*processes,
            output,
        )?;

        let bar = Bar::wait("writing");
        if first {
            state_file::write(&state_path, &settings, learner.state())?;
        }
        let asked = any(&*processes, ending::asked_to_stop().is_some())?;
        let stopped = report.stop == LearnStop::Callback && asked;
        let dictionary = row_major(learner.dictionary());
        if !stopped && first {
            if let Some((path, window)) = window {
                let entries = narrow(learner.dictionary());
                pictures::draw_atoms(&entries, atoms, window, path)?;
            }
            let shape = vec![rows, atoms];
            let values = values(dictionary);
            Array { shape, values }.write(&self.out)?;
        }
        drop(bar);
        let summary = Summary {
            dictionary: self.out.clone(),
            state: state_path,
            stop: match report.stop {
                LearnStop::Converged => "converged",
                _ if stopped => "stopped",
                LearnStop::Callback => "seconds",
                _ => "epochs",
            },
            rows,
            atoms,
            signals: signals.learned().columns(),
            held_out,
            epochs: report.epochs,
            steps: report.steps,
            objective: report.objective,
            active: report.active,
            atoms_used: report.atoms_used,
            replaced: report.replaced,
            unconverged: report.unconverged,
            seconds,
            signals_per_second: (report.signals - before) as f64 / seconds.max(1e-9),
            measurements,
        };
        output.result(&summary, || self.describe(&summary))?;
        Ok(if stopped {
            Ending::Stopped
        } else {
            Ending::Done
        })
    }

    /// Runs the learner and shows its progress.
    fn go<T: Scalar + Float>(
        &self,
        learner: &mut Learner<T>,
        signals: &Signals<T>,
        settings: &KeptSettings,
        state_path: &Path,
        processes: &dyn Processes,
        output: &Output,
    ) -> Result<(LearnReport, Vec<Measurement>, f64)> {
        let solver = Settings::new(settings.code_tolerance, MAX_PASSES);
        let solver = Auto::new(solver.context("--code-tolerance")?);
        let counts = learner.state().counts;
        let first = processes.rank() == 0;
        let mut events = match &self.tensorboard {
            Some(folder) if first => {
                let window = window(
                    learner.dictionary().nrows(),
                    settings.patches,
                    &self.signals,
                );
                let done = [counts.steps, counts.signals];
                Some(Events::create(folder, settings, window.ok(), done)?)
            }
            _ => None,
        };
        let (learned, held_out) = (signals.learned(), signals.held_out());
        let held_out = held_out.as_ref();
        let held_out = held_out.map(|held_out| held_out as &dyn ColumnSource<T>);
        let begun = Instant::now();
        let mut view = View::new(*output, learned.columns(), held_out.is_some());
        let (mut saved, mut failed) = (begun, None);
        let patience = Patience::new();
        let report = learner.run(&solver, &learned, held_out, &mut |progress| {
            view.show(progress);
            if let Some(Err(error)) = events.as_mut().map(|events| events.show(progress)) {
                failed = Some(error);
                return ControlFlow::Break(());
            }
            if first && saved.elapsed() > EVERY {
                saved = Instant::now();
                if let Err(error) = state_file::write(state_path, settings, progress.state) {
                    failed = Some(error);
                    return ControlFlow::Break(());
                }
            }
            let late = |seconds| begun.elapsed().as_secs_f64() >= seconds;
            if self.seconds.is_some_and(late) {
                return ControlFlow::Break(());
            }
            ending::break_if_stopped()
        });
        let report = report.map_err(|error| signals.in_file(error, &self.signals))?;
        drop(patience);
        if let Some(error) = failed {
            return Err(error);
        }
        Ok((report, view.measurements(), begun.elapsed().as_secs_f64()))
    }

    fn describe(&self, summary: &Summary) -> String {
        if summary.stop == "stopped" {
            let by = match ending::asked_to_stop() {
                Some(Signal::Term) => "TERM",
                _ => "Ctrl-C",
            };
            return format!(
                "stopped by {by} after {}; state {}\nresume with: scn learn --signals {} --out {} --resume",
                counted(summary.steps, "step"),
                summary.state.display(),
                self.signals.display(),
                self.out.display()
            );
        }
        let of = if summary.held_out > 0 {
            format!("per signal, on {} held out", thousands(summary.held_out))
        } else {
            "per signal, over the last epoch".to_string()
        };
        let objective = summary.objective.map_or_else(
            || "unknown until the first epoch is complete".to_string(),
            |objective| format!("{objective:.5} {of}"),
        );
        let why = match summary.stop {
            "converged" => "converged",
            "seconds" => "time limit reached",
            _ => "epoch limit reached",
        };
        format!(
            "{why}: {}, {} in {}, {} signals/s\n\
             objective      {objective}\n\
             active         {:.1} atoms per signal\n\
             atoms          {} of {} used; {} replaced\n\
             dictionary     {}",
            counted(summary.epochs, "epoch"),
            counted(summary.steps, "step"),
            time(summary.seconds),
            rate(summary.signals_per_second),
            summary.active,
            summary.atoms_used,
            summary.atoms,
            summary.replaced,
            self.out.display()
        )
    }

    /// Returns the initial dictionary and its number of atoms.
    fn start<T: Scalar + Float>(
        &self,
        rows: usize,
    ) -> Result<(scn_solvers::learn::DictionaryStart<T>, usize)> {
        use scn_solvers::learn::DictionaryStart;
        let named = match &self.start {
            Start::Samples => DictionaryStart::Samples,
            Start::Random => DictionaryStart::Random,
            Start::File(path) => {
                let numbers = Numbers::open(path)?;
                let shape = axes(path, &numbers, ["m", "n"])?;
                if shape[0] != rows {
                    bail!(
                        "{}: expected atoms of {rows} entries, like the signals, found {}",
                        path.display(),
                        shape[0]
                    );
                }
                if self.atoms.is_some_and(|atoms| atoms != shape[1]) {
                    bail!(
                        "--atoms {}: expected {}, like {}",
                        self.atoms.unwrap_or_default(),
                        shape[1],
                        path.display()
                    );
                }
                let atoms = ColumnInput::File(numbers.into_columns(false)?);
                return Ok((DictionaryStart::Given(atoms.read_all()?), shape[1]));
            }
        };
        match self.atoms {
            Some(atoms) => Ok((named, atoms)),
            None => bail!("expected --atoms, or --start with a dictionary"),
        }
    }
}

/// Checks that all processes start with the same settings, signals and atoms.
fn expect_same_start<T: Scalar>(
    learner: &Learner<T>,
    settings: &KeptSettings,
    processes: &dyn Processes,
) -> Result<()> {
    let atoms = checksum(learner.dictionary().col_iter().map(|atom| atom.iter()));
    let found = format!("{} {atoms}", serde_json::to_string(settings)?);
    let what = "settings, signals or atoms to start from";
    Ok(expect_same(processes, what, found.as_bytes())?)
}
