//! Models and checkpoints are read back as written. Files that are damaged or of a different kind
//! are refused by name.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use safetensors::SafeTensors;
use scn_net::{
    Checkpoint, Device, Model, ModelFileError, ModelInput, Network, RunFolder, RunStart, Silent,
    train,
};

use crate::small;

fn model() -> Model {
    let config = small::config();
    let network = Network::new(&config.network, 5).unwrap();
    let mut input = ModelInput::new(config.dataset);
    let normalization = scn_data::Normalization::from_parts([1, 8, 8], vec![0.5; 64], 0.25);
    input.normalization = Some(normalization.unwrap());
    input.class_names = (0..10).map(|class| class.to_string()).collect();
    input.active = vec![0.25, 0.5];
    Model::new(network, input)
}

/// Returns the same model with contrast normalisation and whitening.
fn whitened() -> Model {
    let mut plain = model();
    let matrix = (0..64 * 64).map(|at| (at as f32 * 0.37).sin()).collect();
    let normalization = plain.input.normalization.take().unwrap();
    let normalization = normalization
        .with_contrast(10.0 / 3.0)
        .and_then(|contrast| contrast.with_whitening(matrix));
    plain.input.normalization = Some(normalization.unwrap());
    plain
}

fn saved(folder: &Path) -> PathBuf {
    let path = folder.join("model.safetensors");
    model().save(&path).unwrap();
    path
}

#[test]
fn a_model_reads_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = saved(folder.path());
    let read = Model::load(&path).unwrap();
    assert_eq!(read.input, model().input);
    assert_eq!(read.network.config(), model().network.config());
    assert!(
        read.network
            .params()
            .unwrap()
            .eq(model().network.params().unwrap())
    );
    let again = folder.path().join("again");
    read.save(&again).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), std::fs::read(again).unwrap());
}

#[test]
fn contrast_and_whitening_read_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    whitened().save(&path).unwrap();
    assert_eq!(Model::load(&path).unwrap().input, whitened().input);

    let bytes = std::fs::read(&path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.tensor("input.whitening").unwrap().shape(), [64, 64]);
    let header = |bytes: &[u8]| -> serde_json::Value {
        let (_, metadata) = SafeTensors::read_metadata(bytes).unwrap();
        serde_json::from_str(&metadata.metadata().as_ref().unwrap()["scn"]).unwrap()
    };
    assert_eq!(header(&bytes)["pixel_contrast"], 10.0 / 3.0);
    // Without them, the file has no trace of these settings.
    let plain = header(&std::fs::read(saved(folder.path())).unwrap());
    assert!(plain.get("pixel_contrast").is_none());
}

/// Other programs rely on these names and shapes.
#[test]
fn the_file_has_the_documented_tensors() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(saved(folder.path())).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut tensors: Vec<(String, Vec<usize>)> = file
        .tensors()
        .into_iter()
        .map(|(name, view)| (name, view.shape().to_vec()))
        .collect();
    tensors.sort();
    let expected: [(&str, &[usize]); 15] = [
        ("classifier.bias", &[10]),
        ("classifier.weight", &[10, 12]),
        ("input.mean", &[1, 8, 8]),
        ("layer0.dictionary", &[9, 8]),
        ("layer0.lambda1", &[1]),
        ("layer0.lambda2", &[1]),
        ("layer1.dictionary", &[72, 12]),
        ("layer1.lambda1", &[1]),
        ("layer1.lambda2", &[1]),
        ("norm0.mean", &[1]),
        ("norm0.variance", &[1]),
        ("norm1.mean", &[8]),
        ("norm1.variance", &[8]),
        ("norm2.mean", &[12]),
        ("norm2.variance", &[12]),
    ];
    assert_eq!(
        tensors,
        expected.map(|(name, shape)| (name.to_string(), shape.to_vec()))
    );
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let header: serde_json::Value =
        serde_json::from_str(&metadata.metadata().as_ref().unwrap()["scn"]).unwrap();
    assert_eq!(header["layers"][1]["stride"], 2);
}

#[test]
fn a_checkpoint_holds_model_and_run() {
    let folder = tempfile::tempdir().unwrap();
    let device = Device::cpu(Some(2)).unwrap();
    train(
        &small::config(),
        &small::digits(),
        folder.path(),
        RunStart::Fresh,
        &device,
        &mut Silent,
    )
    .unwrap();
    let files = RunFolder::new(folder.path());
    let checkpoint = Checkpoint::load(&files.checkpoint()).unwrap();
    assert_eq!(
        (
            checkpoint.epochs_done,
            checkpoint.batches_done,
            checkpoint.history.len()
        ),
        (3, 0, 3)
    );
    assert_eq!(checkpoint.config, small::config());
    // A checkpoint can be read as a model, but a model cannot be read as a checkpoint.
    let model = Model::load(&files.checkpoint()).unwrap();
    assert!(
        model
            .network
            .params()
            .unwrap()
            .map(|p| p.1.value.clone())
            .eq(Model::load(&files.model())
                .unwrap()
                .network
                .params()
                .unwrap()
                .map(|p| p.1.value.clone()))
    );
    let message = Checkpoint::load(&files.model()).unwrap_err().to_string();
    assert!(
        message.ends_with("expected a checkpoint, found a model without a run"),
        "{message}"
    );
    // No partially written files are left behind.
    let mut names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "checkpoint.safetensors",
            "config.toml",
            "metrics.jsonl",
            "model.safetensors"
        ]
    );
}

#[test]
fn files_of_another_kind_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let missing = Model::load(&path).unwrap_err();
    assert!(
        matches!(missing, ModelFileError::Io { .. })
            && missing.to_string().contains("model.safetensors")
    );
    std::fs::write(&path, "not tensors").unwrap();
    assert!(matches!(
        Model::load(&path),
        Err(ModelFileError::Format { .. })
    ));
    let foreign = safetensors::serialize(
        Vec::<(String, safetensors::tensor::TensorView<'_>)>::new(),
        None,
    )
    .unwrap();
    std::fs::write(&path, foreign).unwrap();
    let message = Model::load(&path).unwrap_err().to_string();
    assert!(
        message.contains("expected a metadata entry scn"),
        "{message}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A file with flipped bits is read or refused without a panic. A truncated file is always
    /// refused.
    #[test]
    fn damage_never_panics(cut in 0.0f64..1.0, place in 0.0f64..1.0, flip in 1u8..=255) {
        let folder = tempfile::tempdir().unwrap();
        let path = saved(folder.path());
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..(cut * bytes.len() as f64) as usize]).unwrap();
        prop_assert!(Model::load(&path).is_err());
        let mut damaged = bytes.clone();
        // Only damage to the header can mislead the reader; the bytes after it are plain numbers.
        let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        damaged[(place * header as f64) as usize] ^= flip;
        std::fs::write(&path, damaged).unwrap();
        let _ = Model::load(&path);
    }
}
