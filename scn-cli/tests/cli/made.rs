//! Folders of untrained runs, with settings and records only.

use std::path::Path;

use scn_net::{EpochRecord, LayerRecord, RunConfig, presets};

/// Returns an epoch with these training and test errors. The run assigns its number.
pub(crate) fn epoch(train_error: f64, test_error: f64) -> EpochRecord {
    let mut record = EpochRecord::default();
    record.learning_rate = 0.1;
    (record.train_loss, record.test_loss) = (3.0 * train_error, 3.0 * test_error);
    (record.train_error, record.test_error) = (train_error, test_error);
    record.images_per_second = 1000.0;
    record.seconds = 60.0;
    record
}

/// Writes a run of a preset.
pub(crate) fn run(folder: &Path, preset: &str, epochs: &[EpochRecord]) -> RunConfig {
    let config = presets::get(preset).unwrap();
    run_of(folder, &config, epochs);
    config
}

/// Writes a run with these settings. Without epochs it has no records, like a run that has just
/// started.
pub(crate) fn run_of(folder: &Path, config: &RunConfig, epochs: &[EpochRecord]) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("config.toml"), config.to_toml().unwrap()).unwrap();
    let mut layer = LayerRecord::default();
    layer.active = 0.25;
    layer.lambda1 = 0.5;
    layer.passes = 3.0;
    layer.residual = 1e-4;
    layer.condition = Some(10.0);
    let mut lines = String::new();
    for (index, record) in epochs.iter().enumerate() {
        let mut record = record.clone();
        record.epoch = index as u64 + 1;
        record.layers = vec![layer; config.network.layers.len()];
        lines += &(serde_json::to_string(&record).unwrap() + "\n");
    }
    if !epochs.is_empty() {
        std::fs::write(folder.join("metrics.jsonl"), lines).unwrap();
    }
}
