//! What learning dictionaries refuses.

use faer::Mat;
use scn_solvers::learn::{
    DictionaryStart, LearnError, LearnSettings, LearnState, Learner, Schedule,
};
use scn_solvers::synthetic::normal_matrix;
use scn_solvers::{ElasticNet, ProblemError};

use crate::learning::{go_on, settings, solver};

#[test]
fn signals_that_are_wrong_are_named_before_the_first_step() {
    let good = normal_matrix::<f32>(4, 100, 1);
    let mut learner = Learner::new(settings(), &good, 5, &DictionaryStart::Samples).unwrap();
    let before = learner.state().clone();
    let mut bad = good.clone();
    bad[(2, 70)] = f32::NAN;
    bad[(1, 90)] = f32::INFINITY;
    let error = learner.run(&solver(), &bad, None, &mut go_on).unwrap_err();
    assert_eq!(
        error.to_string(),
        "signals must be finite, but entry 2 of signal 70 is NaN"
    );
    let error = learner
        .run(&solver(), &good, Some(&bad), &mut go_on)
        .unwrap_err();
    assert!(matches!(
        error,
        LearnError::Signal {
            column: 70,
            row: 2,
            ..
        }
    ));
    bad[(2, 70)] = 1e19;
    bad[(1, 70)] = -1e19;
    let error = Learner::new(settings(), &bad, 5, &DictionaryStart::Samples).unwrap_err();
    assert!(
        matches!(error, LearnError::SignalSize { column: 70, .. }),
        "{error}"
    );
    let long = normal_matrix::<f32>(5, 100, 1);
    let error = learner.step(&solver(), &long).unwrap_err();
    assert_eq!(
        error,
        LearnError::SignalLength {
            expected: 4,
            found: 5
        }
    );
    let none = Mat::<f32>::zeros(4, 0);
    let error = Learner::new(settings(), &none, 5, &DictionaryStart::Samples).unwrap_err();
    assert_eq!(
        error,
        LearnError::NoSignals {
            rows: 4,
            columns: 0
        }
    );
    assert_eq!(*learner.state(), before);
}

/// The atoms are so short that codes over them leave the range of `f32`.
#[test]
fn numbers_that_overflow_are_an_error() {
    let signals = Mat::<f32>::from_fn(2, 10, |i, _| if i == 0 { 1e15 } else { 0.0 });
    let start = Mat::<f32>::from_fn(2, 1, |i, _| if i == 0 { 1e-18 } else { 0.0 });
    let settings = LearnSettings::new(ElasticNet::nonnegative(0.0, 0.0)).max_epochs(1);
    let mut learner = Learner::new(settings, &signals, 1, &DictionaryStart::Given(start)).unwrap();
    let error = learner
        .run(&solver(), &signals, None, &mut go_on)
        .unwrap_err();
    assert_eq!(error, LearnError::Overflow { step: 1 });
}

#[test]
fn settings_and_starts_out_of_range_are_named() {
    let signals = normal_matrix::<f64>(4, 100, 1);
    let refused = |settings: LearnSettings<f64>, atoms: usize, start: &DictionaryStart<f64>| {
        Learner::new(settings, &signals, atoms, start)
            .unwrap_err()
            .to_string()
    };
    let samples = DictionaryStart::Samples;
    let online = |batch_size, forgetting| Schedule::Online {
        batch_size,
        forgetting,
    };
    for (settings, expected) in [
        (
            settings().schedule(online(0, 1.0)),
            "the batch size must be at least 1, but is 0",
        ),
        (
            settings().schedule(online(5, -1.0)),
            "forgetting must be finite and at least 0, but is -1",
        ),
        (
            settings().tolerance(f64::NAN),
            "the tolerance must be finite and at least 0, but is NaN",
        ),
        (
            settings().atom_passes(0),
            "the number of passes over the atoms must be at least 1, but is 0",
        ),
    ] {
        assert_eq!(refused(settings, 3, &samples), expected);
    }
    assert!(refused(settings().replace_after(0), 3, &samples).contains("atoms are replaced"));
    assert!(refused(settings().measure_every(0), 3, &samples).contains("between measurements"));
    assert_eq!(
        refused(settings(), 0, &samples),
        "learning needs at least one atom"
    );
    assert_eq!(
        refused(settings(), 3, &DictionaryStart::Given(Mat::zeros(4, 2))),
        "the initial dictionary must be (4, 3) (rows, atoms), but is (4, 2)"
    );
    let bad = Mat::from_fn(
        4,
        3,
        |i, j| if (i, j) == (1, 2) { f64::INFINITY } else { 1.0 },
    );
    let error = Learner::new(settings(), &signals, 3, &DictionaryStart::Given(bad)).unwrap_err();
    assert_eq!(
        error,
        LearnError::Problem(ProblemError::Dictionary {
            row: 1,
            atom: 2,
            found: f64::INFINITY
        })
    );
    let negative = LearnSettings::new(ElasticNet::nonnegative(-0.1, 0.0));
    assert!(refused(negative, 3, &samples).starts_with("lambda1 must be"));
}

#[test]
fn states_that_are_not_whole_are_refused() {
    let signals = normal_matrix::<f64>(4, 100, 1);
    let mut learner = Learner::new(
        settings().max_steps(1),
        &signals,
        5,
        &DictionaryStart::Samples,
    )
    .unwrap();
    let _ = learner.run(&solver(), &signals, None, &mut go_on).unwrap();
    let whole = learner.state().clone();
    let refused = |damage: &dyn Fn(&mut LearnState<f64>)| {
        let mut state = whole.clone();
        damage(&mut state);
        Learner::resume(settings(), state).unwrap_err()
    };
    for damage in [
        &(|state: &mut LearnState<f64>| state.codes = Mat::zeros(5, 4))
            as &dyn Fn(&mut LearnState<f64>),
        &|state: &mut LearnState<f64>| state.last_used.truncate(4),
        &|state: &mut LearnState<f64>| state.signals[(0, 0)] = f64::NAN,
        &|state: &mut LearnState<f64>| state.counts.steps = 1000,
        &|state: &mut LearnState<f64>| state.last_used[0] = 51,
        &|state: &mut LearnState<f64>| state.counts.lowest = f64::NAN,
    ] {
        assert!(matches!(refused(damage), LearnError::State(_)));
    }
    assert!(matches!(
        refused(&|state: &mut LearnState<f64>| state.dictionary[(0, 0)] = f64::NAN),
        LearnError::Problem(_)
    ));
    // The state has a position beyond the number of signals.
    let mut resumed = Learner::resume(settings(), whole).unwrap();
    let few = normal_matrix::<f64>(4, 20, 1);
    let error = resumed.run(&solver(), &few, None, &mut go_on).unwrap_err();
    assert!(matches!(error, LearnError::State(_)));
}
