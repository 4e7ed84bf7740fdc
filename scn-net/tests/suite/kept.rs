//! Every later version resumes a checkpoint that an early version wrote.

use std::path::Path;

use approx::abs_diff_eq;
use scn_net::{Checkpoint, Device, Outcome, RunFolder, RunStart, Silent, train};

use crate::small;

/// `checkpoint.safetensors` was written by the version of 2026-11-28, after an epoch and one batch
/// of three. Its network is that of `small` with groups of 8 images, a draw for each group, and
/// learned scales and shifts. That version reached these training losses in the following epochs.
#[test]
fn a_kept_checkpoint_goes_on() {
    /// The width of registers and the order of sums differ between CPUs.
    const ROUNDING: f64 = 1e-3;
    let folder = tempfile::tempdir().unwrap();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kept/checkpoint.safetensors");
    let run = RunFolder::new(folder.path());
    std::fs::copy(kept, run.checkpoint()).unwrap();
    let config = Checkpoint::load(&run.checkpoint()).unwrap().config;
    assert_eq!(config.training.epochs, 3);
    let device = Device::cpu(None).unwrap();
    let outcome = train(
        &config,
        &small::digits(),
        folder.path(),
        RunStart::Resume,
        &device,
        &mut Silent,
    );
    let Outcome::Finished { history } = outcome.unwrap() else {
        panic!("the run was interrupted");
    };
    let losses: Vec<f64> = history.iter().map(|epoch| epoch.train_loss).collect();
    let expected = [2.2839451685761474, 2.236959416541094, 2.226703382663412];
    assert_eq!(losses.len(), expected.len());
    for (found, expected) in losses.iter().zip(expected) {
        assert!(
            abs_diff_eq!(*found, expected, epsilon = ROUNDING * expected),
            "{losses:?}"
        );
    }
}
