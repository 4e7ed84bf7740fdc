//! Observers stop a run before its first step, and evaluations.

use std::ops::ControlFlow;

use scn_data::FitProgress;
use scn_net::{
    Beginning, Device, Evaluation, NetError, Network, Observer, Outcome, RunStart, Silent,
    evaluate_average_mirrored_watched, evaluate_each, train,
};

use crate::inference::loader;
use crate::small;

/// Stops as soon as the fit begins.
#[derive(Default)]
struct StopInFit {
    fitting: bool,
}

impl Observer for StopInFit {
    fn fitting(&mut self, _: &FitProgress) {
        self.fitting = true;
    }
    fn begin(&mut self, _: &Beginning<'_>) {
        panic!("a stopped run has begun");
    }
    fn stop(&self) -> bool {
        self.fitting
    }
}

#[test]
fn a_run_that_is_stopped_in_its_fit_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let device = Device::cpu(Some(1)).unwrap();
    let run = |observer: &mut dyn Observer| {
        let (config, digits) = (small::config(), small::digits());
        train(&config, &digits, &out, RunStart::Fresh, &device, observer).unwrap()
    };
    assert_eq!(run(&mut StopInFit::default()), Outcome::NotBegun);
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 0);
    // A new run can start in the same folder.
    assert!(matches!(run(&mut Silent), Outcome::Finished { .. }));
}

/// The batches have 20, 20 and 8 images. The second one stops the evaluation.
#[test]
fn an_evaluation_ends_after_the_batch_that_stops_it() {
    let network = Network::new(&small::config().network, 0).unwrap();
    let device = Device::cpu(Some(1)).unwrap();
    let loader = loader(None);
    let stopped_at = |count: usize, images: usize, seen: &mut Vec<usize>| {
        seen.push(images);
        if seen.len() == count {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let is_stopped = |found: Result<Evaluation, NetError>| matches!(found, Err(NetError::Stopped));

    let mut seen = Vec::new();
    let found = evaluate_each(&network, &loader, &device, &mut |_, labels| {
        stopped_at(2, labels.len(), &mut seen)
    });
    assert!(is_stopped(found));
    assert_eq!(seen, [20, 20]);

    // Mirror images come after all images.
    for (count, expected) in [(2, &[20, 20][..]), (4, &[20, 20, 8, 20])] {
        let mut seen = Vec::new();
        let found = evaluate_average_mirrored_watched(&network, &loader, &device, &mut |images| {
            stopped_at(count, images, &mut seen)
        });
        assert!(is_stopped(found));
        assert_eq!(seen, expected);
    }
}
