//! A network that trains in a moment, on the first of the embedded digits.

use std::path::Path;

use scn_data::{Dataset, DatasetName};
use scn_net::{
    Device, LayerConfig, Outcome, RunConfig, RunStart, Silent, TrainError, presets, train,
};

/// Returns the configuration of a run with two sparse coding layers, one of them with stride 2. It
/// trains for three epochs on 96 digits and tests on 48.
pub(crate) fn config() -> RunConfig {
    let mut config = presets::get("digits").unwrap();
    config.train_limit = Some(96);
    config.test_limit = Some(48);
    config.training.epochs = 3;
    config.training.batch_size = 32;
    config.network.layers = vec![LayerConfig::new(8, 1), LayerConfig::new(12, 2)];
    config.network.batch_norm.estimation_batches = 2;
    config
}

pub(crate) fn digits() -> Dataset {
    scn_data::open(DatasetName::Digits, Path::new("")).unwrap()
}

/// Resumes the run in `folder` on one thread.
pub(crate) fn resume(config: &RunConfig, folder: &Path) -> Result<Outcome, TrainError> {
    let device = Device::cpu(Some(1)).unwrap();
    train(
        config,
        &digits(),
        folder,
        RunStart::Resume,
        &device,
        &mut Silent,
    )
}
