//! Tools for gradient descent: each is checked against its formula, and all together in a run that
//! is interrupted.

use std::path::Path;
use std::sync::Arc;

use approx::{assert_abs_diff_eq, assert_relative_eq};
use scn_data::{Augmentation, Batch, Draw, Loader, Normalization};
use scn_net::{
    Checkpoint, ConfigError, Device, EpochRecord, Model, NetError, Network, Observer, Outcome,
    RunConfig, RunFolder, RunStart, Sgd, StepProgress, Tensor, evaluate, train,
};
use serde_json::{Value, json};

use crate::edited::Edited;
use crate::small;

/// Returns a configuration with tolerances so tight that gradients are linear in the targets to
/// 1e-4.
fn config() -> RunConfig {
    let mut config = small::config();
    config.network.solver.tolerance = 1e-6;
    config.network.solver.adjoint_tolerance = 1e-6;
    config
}

/// Enables all tools at once. Gradients exceed the norm for clipping.
pub(crate) fn with_tools(mut config: RunConfig) -> RunConfig {
    config.training.clip_norm = Some(0.5);
    config.training.label_smoothing = 0.1;
    config.training.mixup = Some(0.4);
    config.training.average_decay = Some(0.9);
    config
}

/// Returns a loader with batches of 40, 40 and 16 digits.
pub(crate) fn loader(config: &RunConfig, contrast: Option<f64>) -> Loader {
    let digits = Arc::new(small::digits().train.first(96));
    let mut normalization = config.input.normalization();
    normalization.contrast = contrast;
    let normalization = Normalization::fit(&digits, normalization).unwrap();
    let augmentation = Augmentation::default()
        .with_flip(true)
        .with_shift(1)
        .with_draw(Draw::Image);
    let loader = Loader::training(digits, Arc::new(normalization), augmentation, 40, 3).unwrap();
    match config.training.mixup {
        Some(alpha) => loader.with_mixup(alpha).unwrap(),
        None => loader,
    }
}

fn first_batch(config: &RunConfig) -> Batch {
    loader(config, None).epoch(0, 0).next().unwrap()
}

/// Returns the gradients of all learned parameters, concatenated.
fn gradients(network: &Network) -> Vec<f32> {
    let learned = network
        .params()
        .unwrap()
        .filter(|(_, param)| param.learned());
    learned.flat_map(|(_, param)| param.grad.clone()).collect()
}

fn values(network: &Network) -> Vec<(String, Vec<f32>)> {
    let params = network.params().unwrap();
    params
        .map(|(name, param)| (name, param.value.clone()))
        .collect()
}

fn norm(values: &[f32]) -> f64 {
    let squares = values.iter().map(|&value| f64::from(value).powi(2));
    squares.sum::<f64>().sqrt()
}

/// Clipping to a quarter of the norm divides all gradients by four. A norm that is not exceeded
/// changes no bit.
#[test]
fn gradients_are_scaled_to_their_norm() {
    let config = config();
    let batch = first_batch(&config);
    let stepped = |clip_norm: Option<f64>| {
        let mut network = Network::new(&config.network, 3).unwrap();
        let _ = network.batch_gradients(&batch).unwrap();
        let before = gradients(&network);
        let mut training = config.training.clone();
        training.clip_norm = clip_norm;
        Sgd::new(&training).step(&mut network, 0.05).unwrap();
        (before, network)
    };
    let (raw, free) = stepped(None);
    let largest = norm(&raw);
    let (_, unchanged) = stepped(Some(1.01 * largest));
    assert_eq!(values(&unchanged), values(&free));
    assert_eq!(gradients(&free), raw);

    let (_, clipped) = stepped(Some(largest / 4.0));
    let found = gradients(&clipped);
    // There are three roundings: the norm to f32, the factor, and the product.
    for (&found, &raw) in found.iter().zip(&raw) {
        assert_relative_eq!(found, raw / 4.0, max_relative = 2e-7);
    }
    assert_relative_eq!(norm(&found), largest / 4.0, max_relative = 2e-7);
    assert_ne!(values(&clipped), values(&free));
}

/// A smoothed label is a weighted mean of the label and all classes, and so are loss and gradients.
#[test]
fn smoothed_labels_cost_the_mean_of_the_labels() {
    let config = config();
    let batch = first_batch(&config);
    let images = || Tensor::from_batch(&batch).unwrap();
    let (smoothing, classes) = (0.3, 10_u16);
    let mut network = Network::new(&config.network, 3).unwrap();
    let mut weighted = |weight: f64, labels: &[u16]| {
        let report = network.loss_and_gradients(images(), labels).unwrap();
        let gradients = gradients(&network).into_iter();
        let gradients = gradients.map(|gradient| weight * f64::from(gradient));
        (weight * report.loss, gradients.collect::<Vec<f64>>())
    };
    let (mut loss, mut sum) = weighted(1.0 - smoothing, &batch.labels);
    for class in 0..classes {
        let all = vec![class; batch.labels.len()];
        let (part, gradients) = weighted(smoothing / f64::from(classes), &all);
        loss += part;
        sum.iter_mut()
            .zip(gradients)
            .for_each(|(sum, part)| *sum += part);
    }
    network.set_label_smoothing(smoothing).unwrap();
    let report = network.batch_gradients(&batch).unwrap();
    // `smoothing` is rounded to f32.
    assert_relative_eq!(report.loss, loss, max_relative = 1e-7);
    assert_near(&gradients(&network), &sum);
    // Evaluation does not smooth labels.
    let device = Device::cpu(Some(1)).unwrap();
    let loader = loader(&config, None);
    let smoothed = evaluate(&network, &loader, &device).unwrap();
    network.set_label_smoothing(0.0).unwrap();
    let plain = evaluate(&network, &loader, &device).unwrap();
    assert_eq!(smoothed.loss, plain.loss);
    for share in [1.0, -0.1, f64::NAN] {
        let refused = network.set_label_smoothing(share);
        assert!(matches!(refused, Err(ConfigError::Range { .. })));
    }
}

/// The loss of mixed images is the mean of the losses with their own labels and with those of their
/// partners, weighted like the images.
#[test]
fn mixed_labels_cost_their_shares() {
    let mut config = config();
    config.training.mixup = Some(1.0);
    let batch = first_batch(&config);
    let mixture = batch.mixture.clone().unwrap();
    let share = f64::from(mixture.share);
    assert!(share > 0.01, "{share}");
    let images = || Tensor::from_batch(&batch).unwrap();
    let mut network = Network::new(&config.network, 3).unwrap();
    let own = network.loss_and_gradients(images(), &batch.labels).unwrap();
    let own_gradients = gradients(&network);
    let partners = network.loss_and_gradients(images(), &mixture.labels);
    let partners = partners.unwrap();
    let partner_gradients = gradients(&network);
    let mixed = network.batch_gradients(&batch).unwrap();
    let loss = (1.0 - share) * own.loss + share * partners.loss;
    assert_relative_eq!(mixed.loss, loss, max_relative = 1e-12);
    assert_eq!(mixed.errors, own.errors);
    let pairs = own_gradients.iter().zip(&partner_gradients);
    let expected: Vec<f64> = pairs
        .map(|(&own, &partner)| (1.0 - share) * f64::from(own) + share * f64::from(partner))
        .collect();
    assert_near(&gradients(&network), &expected);

    let short = Batch {
        mixture: Some(scn_data::Mixture {
            labels: vec![0],
            ..mixture
        }),
        ..batch
    };
    let refused = network.batch_gradients(&short);
    assert!(matches!(refused, Err(NetError::LabelCount { .. })));
}

fn assert_near(found: &[f32], expected: &[f64]) {
    let found = found.iter().map(|&value| f64::from(value));
    let squares = found
        .zip(expected)
        .map(|(found, &its)| (found - its).powi(2));
    let length = expected.iter().map(|&value| value.powi(2)).sum::<f64>();
    let distance = (squares.sum::<f64>() / length).sqrt();
    // Adjoint systems are solved to 1e-6 of their right-hand sides, with condition numbers of about
    // ten.
    assert!(distance < 1e-4, "{distance}");
}

/// The average, moments included, matches one computed from the values after each step. The network
/// keeps its own values.
#[test]
fn averages_are_those_of_the_values_after_each_step() {
    let mut config = config();
    let decay = 0.8;
    config.training.average_decay = Some(decay);
    let loader = loader(&config, None);
    let mut network = Network::new(&config.network, 3).unwrap();
    let mut optimizer = Sgd::new(&config.training);
    let none = optimizer.with_average(&mut network, |_| ()).unwrap();
    assert!(none.is_none());
    let mut seen = Vec::new();
    for batch in loader.epoch(0, 0).chain(loader.epoch(1, 0)) {
        let _ = network.batch_gradients(&batch).unwrap();
        optimizer.step(&mut network, 0.05).unwrap();
        seen.push(values(&network));
    }
    let images = || Tensor::from_batch(&first_batch(&config)).unwrap();
    let (own, own_logits) = (values(&network), network.infer(images()).unwrap());
    let inside = optimizer.with_average(&mut network, |network| {
        let found = (values(network), network.infer(images()).unwrap());
        // Changes to the averaged network have no effect later.
        network.estimate_moments([images()]).unwrap();
        found
    });
    let (averaged, logits) = inside.unwrap().unwrap();
    assert_eq!(values(&network), own);
    assert_eq!(network.infer(images()).unwrap(), own_logits);
    assert_ne!(logits, own_logits);

    let weights = || (0..seen.len()).rev().map(|age| decay.powi(age as i32));
    let sum: f64 = weights().sum();
    for (index, (name, found)) in averaged.iter().enumerate() {
        for (k, &found) in found.iter().enumerate() {
            let all = || seen.iter().map(|values| f64::from(values[index].1[k]));
            let mean: f64 = all()
                .zip(weights())
                .map(|(value, weight)| value * weight)
                .sum();
            let size = all().map(f64::abs).fold(0.0, f64::max);
            // Each step has three roundings of numbers no larger than `size`.
            let rounding = 3.0 * seen.len() as f64 * f64::from(f32::EPSILON) * size;
            assert_abs_diff_eq!(f64::from(found), mean / sum, epsilon = rounding);
        }
        assert_eq!(name, &seen[0][index].0);
    }
}

struct StopAfter(usize, usize);

impl Observer for StopAfter {
    fn step(&mut self, _: &StepProgress<'_>) {
        self.1 += 1;
    }
    fn stop(&self) -> bool {
        self.1 == self.0
    }
}

fn run(config: &RunConfig, folder: &Path, start: RunStart, threads: usize, stop: usize) -> Outcome {
    let device = Device::cpu(Some(threads)).unwrap();
    let mut observer = StopAfter(stop, 0);
    train(
        config,
        &small::digits(),
        folder,
        start,
        &device,
        &mut observer,
    )
    .unwrap()
}

/// Returns both models, and the records without times.
fn result(folder: &Path) -> (Vec<u8>, Vec<u8>, Vec<EpochRecord>) {
    let files = RunFolder::new(folder);
    let metrics = std::fs::read_to_string(files.metrics()).unwrap();
    let records = metrics.lines().map(|line| {
        let mut record: EpochRecord = serde_json::from_str(line).unwrap();
        (record.images_per_second, record.seconds) = (0.0, 0.0);
        record
    });
    let read = |path| std::fs::read(path).unwrap();
    (
        read(files.model()),
        read(files.averaged_model()),
        records.collect(),
    )
}

/// Runs are bit-identical for any number of threads and through interruptions within and between
/// epochs. The averaged network is written as it was evaluated.
#[test]
fn runs_with_all_tools_have_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = with_tools(small::config());
    config.training.validation = Some(0.25);
    let whole = folder.path().join("whole");
    run(&config, &whole, RunStart::Fresh, 1, usize::MAX);
    let expected = result(&whole);
    for stops in [vec![], vec![1], vec![3], vec![4, 2]] {
        let out = folder.path().join(format!("{stops:?}"));
        let mut start = RunStart::Fresh;
        for &stop in &stops {
            run(&config, &out, start, 2, stop);
            start = RunStart::Resume;
        }
        run(&config, &out, start, 2, usize::MAX);
        assert_eq!(result(&out), expected, "{stops:?}");
    }
    // Simulate a run that ended between writing the checkpoint and the models.
    let files = RunFolder::new(&whole);
    std::fs::remove_file(files.averaged_model()).unwrap();
    run(&config, &whole, RunStart::Resume, 1, usize::MAX);
    assert_eq!(result(&whole), expected);

    let record = expected.2.last().unwrap();
    let averaged = record.averaged.as_ref().unwrap();
    assert!(averaged.validation_loss.is_some() && averaged.validation_error.is_some());
    let model = Model::load(&files.averaged_model()).unwrap();
    assert_eq!(model.input.active, averaged.active);
    let test = Arc::new(small::digits().test.first(48));
    let normalization = Arc::new(model.input.normalization.clone().unwrap());
    let loader = Loader::in_order(test, normalization, 32).unwrap();
    let device = Device::cpu(Some(1)).unwrap();
    let found = evaluate(&model.network, &loader, &device).unwrap();
    assert_eq!(
        (found.loss, found.error),
        (averaged.test_loss, averaged.test_error)
    );
    assert_ne!(averaged.test_loss, record.test_loss);
    // Read as a model, a checkpoint gives the network of the last step, not its average.
    let of_checkpoint = Model::load(&files.checkpoint()).unwrap();
    let last = Model::load(&files.model()).unwrap();
    assert_eq!(values(&of_checkpoint.network), values(&last.network));
}

#[test]
fn checkpoints_with_averages_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = with_tools(small::config());
    config.training.epochs = 1;
    run(&config, folder.path(), RunStart::Fresh, 1, usize::MAX);
    let path = RunFolder::new(folder.path()).checkpoint();
    let whole = Edited::read(&path);
    assert!(Checkpoint::load(&path).is_ok());
    let refused = |change: &dyn Fn(&mut Edited)| {
        let mut file = whole.clone();
        change(&mut file);
        Checkpoint::from_bytes(&file.bytes(), &path)
            .unwrap_err()
            .to_string()
    };
    let record = |file: &mut Edited| file.header["run"]["history"][0]["averaged"].take();
    let shares = |file: &mut Edited, shares: Value| {
        file.header["run"]["history"][0]["averaged"]["active"] = shares;
    };
    for (says, line) in [
        (
            "expected a tensor average.norm1.mean of shape [8], found none",
            refused(&|file| drop(file.tensors.remove("average.norm1.mean"))),
        ),
        (
            "expected finite numbers in tensor average.classifier.bias, found NaN at [7]",
            refused(&|file| file.values("average.classifier.bias")[7] = f32::NAN),
        ),
        (
            "in tensor average.norm1.variance, found -1 at [2]",
            refused(&|file| file.values("average.norm1.variance")[2] = -1.0),
        ),
        (
            "expected an average in epoch 1 of the history, found no average",
            refused(&|file| drop(record(file))),
        ),
        (
            "expected no average in epoch 1 of the history, found an average",
            refused(&|file| {
                file.header["run"]["config"]["training"]["average_decay"].take();
            }),
        ),
        (
            "expected active fractions of 2 layers, from 0 to 1, in the average of epoch 1, found [0.5]",
            refused(&|file| shares(file, json!([0.5]))),
        ),
        (
            "in the average of epoch 1, found [0.5, 1.5]",
            refused(&|file| shares(file, json!([0.5, 1.5]))),
        ),
        (
            "training.mixup must be in (0, 1000], but is -1",
            refused(&|file| file.header["run"]["config"]["training"]["mixup"] = json!(-1.0)),
        ),
    ] {
        assert!(line.ends_with(says), "{line}");
        assert_eq!(line.lines().count(), 1, "{line}");
    }
}

/// The averaged model of an earlier run is removed.
#[test]
fn a_run_without_an_average_leaves_none() {
    let folder = tempfile::tempdir().unwrap();
    let files = RunFolder::new(folder.path());
    std::fs::write(files.averaged_model(), "of another run").unwrap();
    let mut config = small::config();
    config.training.epochs = 1;
    run(&config, folder.path(), RunStart::Fresh, 1, usize::MAX);
    assert!(files.model().exists() && !files.averaged_model().exists());
    let metrics = std::fs::read_to_string(files.metrics()).unwrap();
    assert!(!metrics.contains("averaged"), "{metrics}");
}
