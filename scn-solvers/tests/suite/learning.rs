//! How dictionaries are learned: bit-identical results, stops, and unusual signals.

use std::ops::ControlFlow;
use std::sync::Arc;

use faer::Mat;
use scn_solvers::learn::{
    AtomNorm, AtomSet, DictionaryStart, LearnProgress, LearnSettings, LearnState, LearnStop,
    Learner, Schedule,
};
use scn_solvers::processes::{Alone, Processes, Threads};
use scn_solvers::synthetic::normal_matrix;
use scn_solvers::{Auto, ColumnSource, ElasticNet, Scalar, Settings, Sign};

pub(crate) fn solver() -> Auto {
    Auto::new(Settings::new(1e-4, 1000).unwrap())
}

pub(crate) fn settings<T: Scalar>() -> LearnSettings<T> {
    let penalty = ElasticNet::nonnegative(T::from_f64(0.3), T::from_f64(0.01));
    LearnSettings::new(penalty).schedule(Schedule::Online {
        batch_size: 50,
        forgetting: 3.0,
    })
}

pub(crate) fn go_on<T>(_: &LearnProgress<'_, T>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn threads<R: Send>(count: usize, work: impl FnOnce() -> R + Send) -> R {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(count);
    pool.build().unwrap().install(work)
}

/// Learns from batches and shapes that do not divide each other, so that tasks and blocks have all
/// sizes, and with more atoms than signals in a batch, so that atoms are replaced.
fn state_of<T: Scalar>(
    schedule: Schedule,
    epochs: u64,
    from: Option<&LearnState<T>>,
) -> LearnState<T> {
    shared_state_of(Arc::new(Alone), schedule, epochs, from)
}

/// Same as [`state_of`], for one of several processes.
fn shared_state_of<T: Scalar>(
    processes: Arc<dyn Processes>,
    schedule: Schedule,
    epochs: u64,
    from: Option<&LearnState<T>>,
) -> LearnState<T> {
    let signals = normal_matrix::<T>(20, 333, 1);
    let held_out = signals.subcols(0, 70);
    let settings = settings()
        .schedule(schedule)
        .replace_after(100)
        .tolerance(0.0)
        .measure_every(10_000);
    let settings = settings.max_epochs(epochs);
    let mut learner = match from {
        None => Learner::new(settings, &signals, 70, &DictionaryStart::Samples),
        Some(state) => Learner::resume(settings, state.clone()),
    }
    .unwrap()
    .shared_by(processes);
    let report = learner.run(&solver(), &signals, Some(&held_out), &mut go_on);
    // One measurement per epoch, so learning cannot converge before the third.
    assert!(report.unwrap().epochs >= epochs.min(3));
    learner.state().clone()
}

#[test]
fn threads_and_interruptions_do_not_change_a_bit() {
    let online = Schedule::Online {
        batch_size: 50,
        forgetting: 3.0,
    };
    for schedule in [online, Schedule::Alternating] {
        let whole = threads(1, || state_of::<f32>(schedule, 4, None));
        assert_eq!(threads(3, || state_of::<f32>(schedule, 4, None)), whole);
        let half = threads(2, || state_of::<f32>(schedule, 2, None));
        assert_ne!(half, whole);
        assert_eq!(threads(2, || state_of(schedule, 4, Some(&half))), whole);
    }
}

/// With more processes than a batch has tiles, some processes have nothing to encode.
#[test]
fn processes_do_not_change_a_bit() {
    let online = Schedule::Online {
        batch_size: 150,
        forgetting: 3.0,
    };
    for schedule in [online, Schedule::Alternating] {
        let alone = state_of::<f64>(schedule, 2, None);
        for count in [2, 3, 12] {
            std::thread::scope(|scope| {
                let one =
                    |process| scope.spawn(|| shared_state_of(Arc::new(process), schedule, 2, None));
                let all: Vec<_> = Threads::all(count).into_iter().map(one).collect();
                for found in all {
                    assert_eq!(found.join().unwrap(), alone, "{count}");
                }
            });
        }
    }
}

/// One of three processes is told to stop after its second step, and all stop.
#[test]
fn a_callback_stops_all_processes() {
    let signals = normal_matrix::<f32>(10, 333, 1);
    let learn = |process: Threads| {
        let last = process.rank() == 2;
        let learner = Learner::new(settings(), &signals, 12, &DictionaryStart::Samples);
        let mut learner = learner.unwrap().shared_by(Arc::new(process));
        let report = learner.run(&solver(), &signals, None, &mut |progress| {
            if last && progress.step == 2 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        let report = report.unwrap();
        (report.stop, report.steps)
    };
    std::thread::scope(|scope| {
        let one = |process| scope.spawn(|| learn(process));
        let all: Vec<_> = Threads::all(3).into_iter().map(one).collect();
        for found in all {
            assert_eq!(found.join().unwrap(), (LearnStop::Callback, 2));
        }
    });
}

/// The callback stops the run in the middle of an epoch and between measurements.
#[test]
fn a_run_goes_on_from_where_the_callback_has_stopped_it() {
    let signals = normal_matrix::<f64>(10, 333, 1);
    let learn = |stop_at: u64| {
        let new = Learner::new(
            settings().max_epochs(3),
            &signals,
            12,
            &DictionaryStart::Samples,
        );
        let mut learner = new.unwrap();
        let mut steps = Vec::new();
        let report = learner.run(&solver(), &signals, None, &mut |progress| {
            steps.push(progress.step);
            assert_eq!(progress.state.dictionary.shape(), (10, 12));
            if progress.step == stop_at {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        (report.unwrap(), learner, steps)
    };
    let (report, stopped, steps) = learn(10);
    assert_eq!(
        (report.stop, report.steps, report.epochs),
        (LearnStop::Callback, 10, 1)
    );
    // An epoch has six batches of 50 and one of 33.
    assert_eq!(report.signals, 333 + 3 * 50);
    assert_eq!(steps, (1..=10).collect::<Vec<u64>>());
    let mut resumed = Learner::resume(settings().max_epochs(3), stopped.state().clone()).unwrap();
    let report = resumed.run(&solver(), &signals, None, &mut go_on).unwrap();
    let (expected, whole, _) = learn(0);
    assert_eq!(report, expected);
    assert_eq!(
        (report.stop, report.steps, report.epochs),
        (LearnStop::Budget, 21, 3)
    );
    assert_eq!(resumed.state(), whole.state());
}

#[test]
fn learning_stops_when_the_objective_falls_no_more() {
    let signals = normal_matrix::<f64>(6, 400, 1);
    let held_out = normal_matrix::<f64>(6, 100, 5);
    for held_out in [None, Some(&held_out as &dyn ColumnSource<f64>)] {
        let settings = settings().tolerance(1e-3).max_epochs(1000);
        let mut learner = Learner::new(settings, &signals, 9, &DictionaryStart::Random).unwrap();
        let mut measured = Vec::new();
        let report = learner.run(&solver(), &signals, held_out, &mut |progress| {
            measured.extend(progress.measured);
            ControlFlow::Continue(())
        });
        let report = report.unwrap();
        assert_eq!(report.stop, LearnStop::Converged);
        assert_eq!(report.objective, measured.last().copied());
        // The last two measurements are not below 0.999 of the lowest before them, and no two
        // consecutive earlier ones are.
        let lowest = |end: usize| {
            measured[..end]
                .iter()
                .copied()
                .fold(f64::INFINITY, f64::min)
        };
        let falls = |at: usize| measured[at] < 0.999 * lowest(at);
        let last = measured.len() - 1;
        assert!(!falls(last) && !falls(last - 1));
        assert!((1..last).all(|at| falls(at) || falls(at - 1)));
        // Learning has converged already.
        let again = learner.run(&solver(), &signals, held_out, &mut |_| unreachable!());
        assert_eq!(again.unwrap().steps, report.steps);
        if let Some(held_out) = held_out {
            let objective = learner.objective(&solver(), held_out).unwrap().objective;
            assert_eq!(report.objective, Some(objective));
        }
    }
}

#[test]
fn a_budget_of_steps_measures_held_out_signals_at_its_end() {
    let signals = normal_matrix::<f32>(6, 400, 1);
    let held_out = normal_matrix::<f32>(6, 100, 5);
    let mut learner = Learner::new(
        settings().max_steps(3),
        &signals,
        9,
        &DictionaryStart::Samples,
    )
    .unwrap();
    let report = learner
        .run(&solver(), &signals, Some(&held_out), &mut go_on)
        .unwrap();
    assert_eq!(
        (report.stop, report.steps, report.epochs),
        (LearnStop::Budget, 3, 0)
    );
    let objective = learner.objective(&solver(), &held_out).unwrap().objective;
    assert_eq!(report.objective, Some(objective));
}

/// The mean of `1/2 ||x - D a||² + λ1'a + λ2/2 ||a||²` for known codes: one atom of norm 1.
#[test]
fn the_objective_is_that_of_the_definition() {
    let signals = Mat::from_fn(2, 3, |i, k| [[2.0, 0.0], [0.1, 1.0], [-1.0, 2.0]][k][i]);
    let atom = Mat::from_fn(2, 1, |i, _| [1.0, 0.0][i]);
    let penalty = ElasticNet::nonnegative(0.5, 0.25);
    let start = DictionaryStart::Given(atom);
    let mut learner = Learner::new(LearnSettings::new(penalty), &signals, 1, &start).unwrap();
    let found = learner.objective(&solver(), &signals).unwrap();
    let code = (2.0 - 0.5) / 1.25;
    let first = 0.5 * (2.0 - code) * (2.0 - code) + 0.5 * code + 0.125 * code * code;
    let others = 0.5 * 1.01 + 0.5 * 5.0;
    approx::assert_abs_diff_eq!(found.objective, (first + others) / 3.0, epsilon = 1e-12);
    approx::assert_abs_diff_eq!(found.active, 1.0 / 3.0);
    assert_eq!(found.unconverged, 0);
}

/// With more atoms than signals, or with equal or zero signals, the dictionary is finite and fits
/// them.
#[test]
fn signals_that_are_few_alike_or_zero_are_learned() {
    let few = normal_matrix::<f32>(5, 3, 1);
    let alike = Mat::from_fn(5, 200, |i, _| [0.0, 0.0, 3.0, 4.0, 0.0][i]);
    let zero = Mat::zeros(5, 200);
    for (signals, least) in [
        (&few, 0.0),
        (&alike, 5.0 * 0.3 - 0.3 * 0.3 / 2.0),
        (&zero, 0.0),
    ] {
        for start in [DictionaryStart::Samples, DictionaryStart::Random] {
            for norm in [AtomNorm::Ball, AtomNorm::Sphere] {
                let set = AtomSet {
                    sign: Sign::Free,
                    norm,
                };
                let settings = LearnSettings::new(ElasticNet::nonnegative(0.3_f32, 0.0))
                    .atoms(set)
                    .max_epochs(100);
                let mut learner = Learner::new(settings, signals, 8, &start).unwrap();
                let report = learner.run(&solver(), signals, None, &mut go_on).unwrap();
                assert!(learner.dictionary().is_all_finite());
                let objective = learner.objective(&solver(), signals).unwrap().objective;
                if signals.ncols() == 200 {
                    // One atom in the direction of the signal s costs λ1 ||s|| - λ1²/2.
                    assert!(
                        (objective - least).abs() < 1e-4,
                        "{objective} {least} {report:?}"
                    );
                }
            }
        }
    }
    let settings = LearnSettings::new(ElasticNet::nonnegative(0.3_f32, 0.0));
    let learner = Learner::new(settings, &few, 8, &DictionaryStart::Samples).unwrap();
    // Each signal is an atom from the start.
    for signal in few.col_iter() {
        let atoms = learner.dictionary();
        let cosines = atoms
            .col_iter()
            .map(|atom| signal.transpose() * atom / signal.norm_l2());
        let nearest = cosines.fold(0.0, f32::max);
        assert!((nearest - 1.0).abs() < 1e-5, "{nearest}");
    }
}

/// Two of the atoms are far from all signals, so nonnegative codes never use them.
#[test]
fn atoms_that_die_are_replaced_by_signals() {
    let signals = Mat::from_fn(3, 120, |i, k| {
        [[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0]][k % 3][i]
    });
    let start = Mat::from_fn(3, 3, |i, j| {
        [[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [-0.6, 0.0, -0.8]][j][i]
    });
    let settings = settings::<f64>().replace_after(100).max_epochs(3);
    let start = DictionaryStart::Given(start);
    let mut learner = Learner::new(settings, &signals, 3, &start).unwrap();
    let mut before = Vec::new();
    let report = learner.run(&solver(), &signals, None, &mut |progress| {
        before.push((progress.signals, progress.replaced, progress.atoms_used));
        ControlFlow::Continue(())
    });
    let report = report.unwrap();
    // None is replaced after 50 signals, and both are after 100.
    assert_eq!(&before[..2], [(50, 0, 1), (100, 2, 1)]);
    assert!(report.replaced >= 2);
    assert!(report.atoms_used >= 2, "{report:?}");
}
