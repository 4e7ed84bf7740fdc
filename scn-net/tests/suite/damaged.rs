//! Files that have changed since they were written, or could not have been written. Each is refused
//! with one line that states the fault.

use std::path::Path;
use std::time::{Duration, Instant};

use scn_net::{Checkpoint, Model, ModelFileError, ModelInput, Network};
use serde_json::{Value, json};

use crate::edited::{Edited, kept};
use crate::small;

/// Returns the error message for a changed checkpoint.
fn refused(change: impl FnOnce(&mut Edited)) -> String {
    let mut file = Edited::kept();
    change(&mut file);
    let error = Checkpoint::from_bytes(&file.bytes(), Path::new("some/file")).unwrap_err();
    let line = error.to_string();
    assert!(
        line.starts_with("some/file: ") && line.lines().count() == 1,
        "{line}"
    );
    line
}

/// Checks that each flipped bit of a file is either detected or without effect.
fn flip_bits<T>(
    bytes: &[u8],
    step: usize,
    load: impl Fn(&[u8]) -> Result<T, ModelFileError>,
    same: impl Fn(&T) -> bool,
) {
    let mut damaged = bytes.to_vec();
    let mut without_effect = 0;
    for at in (0..bytes.len()).step_by(step) {
        for bit in 0..8 {
            damaged[at] ^= 1 << bit;
            match load(&damaged) {
                Ok(read) => {
                    assert!(same(&read), "bit {bit} of byte {at} was not found");
                    without_effect += 1;
                }
                Err(error) => {
                    let line = error.to_string();
                    assert!(line.starts_with("file: "), "byte {at}: {line}");
                    assert_eq!(line.lines().count(), 1, "byte {at}: {line}");
                }
            }
            damaged[at] ^= 1 << bit;
        }
    }
    // The exceptions are the name of the checksum's entry and the blanks before the arrays.
    assert!(without_effect <= 8 * 20, "{without_effect}");
}

/// Returns a model of a network with 31 weights.
fn tiny() -> Model {
    let mut config = small::config();
    config.network.window = 1;
    config.network.layers.truncate(1);
    config.network.layers[0].atoms = 3;
    let mut input = ModelInput::new(config.dataset);
    let normalization = scn_data::Normalization::from_parts([1, 8, 8], vec![0.5; 64], 0.25);
    input.normalization = Some(normalization.unwrap());
    input.class_names = (0..10).map(|class| class.to_string()).collect();
    input.active = vec![0.25];
    Model::new(Network::new(&config.network, 5).unwrap(), input)
}

#[test]
fn a_flipped_bit_of_a_model_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    tiny().save(&path).unwrap();
    let bytes = std::fs::read(path).unwrap();
    let whole = tiny();
    let same = |read: &Model| {
        !read.unchecked()
            && read.input == whole.input
            && read.network.config() == whole.network.config()
            && read
                .network
                .params()
                .unwrap()
                .eq(whole.network.params().unwrap())
    };
    assert!(same(&Model::from_bytes(&bytes, Path::new("file")).unwrap()));
    flip_bits(
        &bytes,
        1,
        |bytes| Model::from_bytes(bytes, Path::new("file")),
        same,
    );
}

#[test]
fn a_flipped_bit_of_a_checkpoint_is_found() {
    let folder = tempfile::tempdir().unwrap();
    // The kept checkpoint has no checksum. Resume its run to get a checkpoint that has one.
    let run = scn_net::RunFolder::new(folder.path());
    std::fs::copy(kept(), run.checkpoint()).unwrap();
    let config = Checkpoint::load(&run.checkpoint()).unwrap().config;
    let device = scn_net::Device::cpu(Some(1)).unwrap();
    scn_net::train(
        &config,
        &small::digits(),
        folder.path(),
        scn_net::RunStart::Resume,
        &device,
        &mut scn_net::Silent,
    )
    .unwrap();
    let bytes = std::fs::read(run.checkpoint()).unwrap();
    let whole = Checkpoint::from_bytes(&bytes, Path::new("file")).unwrap();
    assert!(!whole.model.unchecked());
    let same = |read: &Checkpoint| {
        !read.model.unchecked()
            && read.config == whole.config
            && read.history == whole.history
            && read
                .model
                .network
                .params()
                .unwrap()
                .eq(whole.model.network.params().unwrap())
    };
    flip_bits(
        &bytes,
        7,
        |bytes| Checkpoint::from_bytes(bytes, Path::new("file")),
        same,
    );
}

/// `checksum.rs` describes what is hashed in which order. An independent program computes the sum
/// here.
#[test]
fn the_checksum_is_that_of_the_description() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    tiny().save(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let entries = metadata.metadata().clone().unwrap();
    let mut parts = Vec::new();
    let part = |parts: &mut Vec<u8>, bytes: &[u8]| {
        parts.extend((bytes.len() as u64).to_le_bytes());
        parts.extend(bytes);
    };
    part(&mut parts, entries["scn"].as_bytes());
    for (name, (shape, values)) in &Edited::read(&path).tensors {
        part(&mut parts, name.as_bytes());
        parts.extend((shape.len() as u64).to_le_bytes());
        parts.extend(shape.iter().flat_map(|&side| (side as u64).to_le_bytes()));
        let data: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        part(&mut parts, &data);
    }
    let hashed = folder.path().join("hashed");
    std::fs::write(&hashed, parts).unwrap();
    let sum = std::process::Command::new("sha256sum")
        .arg(&hashed)
        .output();
    let Ok(sum) = sum else {
        eprintln!("skipped: sha256sum is not installed");
        return;
    };
    let sum = String::from_utf8(sum.stdout).unwrap();
    let sum = sum.split_whitespace().next().unwrap();
    assert_eq!(entries["scn.sha256"], format!("sha256:{sum}"));
}

/// A file without a checksum is read and marked as such. Saving it again adds a checksum.
#[test]
fn files_of_early_versions_are_read_unchecked() {
    let kept = Checkpoint::load(&kept()).unwrap();
    assert!(kept.model.unchecked());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    kept.model.save(&path).unwrap();
    assert!(!Model::load(&path).unwrap().unchecked());
}

#[test]
fn numbers_out_of_range_are_refused_by_tensor() {
    for (tensor, at, value, says) in [
        (
            "layer0.dictionary",
            9,
            f32::NAN,
            "expected finite numbers in tensor layer0.dictionary, found NaN at [1, 1]",
        ),
        (
            "classifier.weight",
            13,
            f32::INFINITY,
            "expected finite numbers in tensor classifier.weight, found inf at [1, 1]",
        ),
        (
            "norm1.mean",
            2,
            f32::NEG_INFINITY,
            "expected finite numbers in tensor norm1.mean, found -inf at [2]",
        ),
        (
            "norm2.scale",
            3,
            f32::NAN,
            "expected finite numbers in tensor norm2.scale, found NaN at [3]",
        ),
        (
            "norm0.variance",
            0,
            -1.0,
            "expected finite non-negative numbers in tensor norm0.variance, found -1 at [0]",
        ),
        (
            "layer1.lambda1",
            0,
            -0.5,
            "expected finite non-negative numbers in tensor layer1.lambda1, found -0.5 at [0]",
        ),
        (
            "layer0.lambda2",
            0,
            f32::NAN,
            "expected finite non-negative numbers in tensor layer0.lambda2, found NaN at [0]",
        ),
        (
            "input.mean",
            65 - 56,
            f32::NAN,
            "expected finite numbers in tensor input.mean, found NaN at [0, 1, 1]",
        ),
        (
            "momentum.classifier.bias",
            7,
            f32::NAN,
            "expected finite numbers in tensor momentum.classifier.bias, found NaN at [7]",
        ),
    ] {
        let line = refused(|file| file.values(tensor)[at] = value);
        assert!(line.ends_with(says), "{line}");
    }
}

/// Numbers out of range are not written, and the existing file stays.
#[test]
fn numbers_out_of_range_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    tiny().save(&path).unwrap();
    let kept = std::fs::read(&path).unwrap();
    let mut broken = tiny();
    broken
        .network
        .visit_params_mut(&mut |name, param| {
            if name == "norm1.variance" {
                param.value[1] = f32::NAN;
            }
        })
        .unwrap();
    let line = broken.save(&path).unwrap_err().to_string();
    assert!(line.contains("norm1.variance, found NaN at [1]"), "{line}");
    assert_eq!(std::fs::read(&path).unwrap(), kept);
}

#[test]
fn checkpoints_that_contradict_themselves_are_refused() {
    let run = |file: &mut Edited| file.header["run"].take();
    let set = |file: &mut Edited, keys: &[&str], value: Value| {
        let place = keys
            .iter()
            .fold(&mut file.header["run"], |place, &key| &mut place[key]);
        *place = value;
    };
    for (says, line) in [
        (
            "expected a tensor momentum.layer1.dictionary of shape [864], found none",
            refused(|file| drop(file.tensors.remove("momentum.layer1.dictionary"))),
        ),
        (
            "expected the network of the model in the configuration of the run, found a different one",
            refused(|file| set(file, &["config", "network", "lambda2"], json!(0.5))),
        ),
        (
            "network.window must be odd, at most 255, but is 4",
            refused(|file| set(file, &["config", "network", "window"], json!(4))),
        ),
        (
            "expected a history of 7 completed epochs, found one of 1",
            refused(|file| set(file, &["epochs_done"], json!(7))),
        ),
        (
            "expected a history of 1 completed epochs, found one of 0",
            refused(|file| set(file, &["history"], json!([]))),
        ),
        (
            "expected sums over 0 batches of an epoch, found sums over 32 images",
            refused(|file| set(file, &["batches_done"], json!(0))),
        ),
        (
            "expected a checkpoint, found a model without a run",
            refused(|file| drop(run(file))),
        ),
        (
            "expected 10 class names, found 3",
            refused(|file| file.header["class_names"] = json!(["a", "b", "c"])),
        ),
        (
            "expected active fractions from 0 to 1, found 1.5",
            refused(|file| file.header["active"][1] = json!(1.5)),
        ),
    ] {
        assert!(line.ends_with(says), "{line}");
    }
    let line = refused(|file| {
        let epoch = file.header["run"]["history"][0].clone();
        set(file, &["history"], json!([epoch, epoch]));
        set(file, &["epochs_done"], json!(2));
    });
    assert!(
        line.ends_with("expected epoch 2 in the history, found epoch 1"),
        "{line}"
    );
}

/// A header may describe anything, but nothing is computed or allocated for arrays that the file
/// does not hold. Each of these headers used to take seconds to minutes, or more memory than a
/// machine has.
#[test]
fn headers_are_not_believed() {
    let start = Instant::now();
    let layer = json!({"atoms": 8, "stride": 1});
    for (key, value, says) in [
        (
            "layers",
            json!([{"atoms": 4096, "stride": 1}, {"atoms": 12}]),
            "expected a tensor layer0.dictionary of shape [9, 4096], found shape [9, 8]",
        ),
        (
            "layers",
            json!([{"atoms": 65536, "stride": 1}, {"atoms": 12}]),
            "network.layers.atoms must be so small that D'D of all layers has at most 1962964992 entries, but is so large that it has 4294967440",
        ),
        (
            "window",
            json!(255),
            "expected a tensor layer0.dictionary of shape [65025, 8], found shape [9, 8]",
        ),
        (
            "layers",
            json!(vec![layer.clone(); 1000]),
            "expected a tensor layer1.dictionary of shape [72, 8], found shape [72, 12]",
        ),
        (
            "layers",
            json!(vec![layer; 100_000]),
            "network.layers must be from 1 to 1024 layers, but is 100000",
        ),
        (
            "classes",
            json!(60_000),
            "expected a tensor classifier.weight of shape [60000, 12], found shape [10, 12]",
        ),
        (
            "input",
            json!([65536, 65536, 65536]),
            "expected a tensor layer0.dictionary of shape [589824, 8], found shape [9, 8]",
        ),
    ] {
        let line = refused(|file| file.header[key] = value);
        assert!(line.contains(says), "{line}");
    }
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
}

/// The list of names and shapes that is made without a network matches the arrays of the network.
#[test]
fn all_arrays_of_a_network_are_expected_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    for (placement, affine, per_atom) in [
        ("before", true, false),
        ("after", false, true),
        ("before", false, true),
        ("after", true, false),
    ] {
        let mut config = small::config();
        config
            .set("network.batch_norm.placement", placement)
            .unwrap();
        config
            .set("network.batch_norm.affine", &affine.to_string())
            .unwrap();
        config
            .set("network.lambda1.per_atom", &per_atom.to_string())
            .unwrap();
        let mut input = tiny().input;
        input.active.clear();
        let model = Model::new(Network::new(&config.network, 1).unwrap(), input);
        model.save(&path).unwrap();
        let read = Model::load(&path).unwrap();
        assert!(
            read.network
                .params()
                .unwrap()
                .eq(model.network.params().unwrap())
        );
        let names: Vec<String> = model
            .network
            .params()
            .unwrap()
            .map(|(name, _)| name)
            .collect();
        for name in names {
            let mut file = Edited::read(&path);
            file.tensors.remove(&name);
            let line = Model::from_bytes(&file.bytes(), Path::new("file"))
                .unwrap_err()
                .to_string();
            assert!(
                line.contains(&format!("expected a tensor {name} of")),
                "{line}"
            );
        }
    }
}
