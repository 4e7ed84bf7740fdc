//! Networks on a GPU compared with the same networks on the CPU. Without a GPU, these tests report
//! that they are skipped, or fail if `SCN_REQUIRE_CUDA` requires as many.

mod custom;
mod in_a_row;
mod inference;
mod learned;
mod processes;
mod tools;

use std::path::Path;
use std::sync::Arc;

use approx::assert_abs_diff_eq;
use scn_data::{Augmentation, Loader, Normalization};
use scn_net::{
    Device, NetError, Network, Observer, RunConfig, RunFolder, RunStart, Sgd, Silent, SolverMethod,
    StepProgress, Tensor, train,
};

use crate::small;

/// Returns the GPUs with these indices, if they can run a network.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn devices(indices: &[usize]) -> Option<Device> {
    let required = std::env::var("SCN_REQUIRE_CUDA").map_or(0, |count| count.parse().unwrap());
    let ready = || {
        let device = Device::cuda(indices)?;
        let mut network = Network::new(&config().network, 0).unwrap();
        network.move_to(&device).map(|()| device)
    };
    match ready() {
        Ok(device) => Some(device),
        Err(error) if indices.len() <= required => panic!("{error}"),
        Err(error) => {
            eprintln!("skipped: {error}");
            None
        }
    }
}

fn cuda() -> Option<Device> {
    devices(&[0])
}

/// Returns a configuration that solves codes to 1e-5. This leaves an error of about 1e-3 in
/// gradients, from entries whose activity is undecided at the tolerance.
fn config() -> RunConfig {
    let mut config = small::config();
    config.training.epochs = 1;
    for tolerance in [
        &mut config.network.solver.tolerance,
        &mut config.network.solver.adjoint_tolerance,
        &mut config.training.loosest_tolerance,
        &mut config.training.loosest_adjoint_tolerance,
    ] {
        *tolerance = 1e-5;
    }
    config
}

/// Returns a batch of `size` digits.
fn batch(config: &RunConfig, size: usize) -> (Tensor, Vec<u16>) {
    let digits = Arc::new(small::digits().train.first(size));
    let normalization = Normalization::fit(&digits, config.input.normalization()).unwrap();
    let augmentation = Augmentation::default();
    let loader = Loader::training(digits, Arc::new(normalization), augmentation, size, 0).unwrap();
    let batch = loader.epoch(0, 0).next().unwrap();
    (Tensor::from_batch(&batch).unwrap(), batch.labels)
}

/// Returns `||a - b|| / ||b||`.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let difference = norm(&mut a.iter().zip(b).map(|(&a, &b)| f64::from(a) - f64::from(b)));
    difference / norm(&mut b.iter().map(|&b| f64::from(b))).max(1e-30)
}

/// Compares loss, gradients, running moments, a step of the optimiser, and the logits of the
/// updated network.
#[test]
fn a_step_is_the_same_as_here() {
    let Some(device) = cuda() else { return };
    a_step_is_the_same(&device, &config());
    let mut config = config();
    config.network.batch_norm.group = Some(4);
    config.network.batch_norm.affine = true;
    // Without λ1, codes scale with the signals, and the next normalisation removes the scale. The
    // gradient with respect to a scale is then 0 except for rounding.
    config.network.lambda1.initial = 0.05;
    a_step_is_the_same(&device, &config);
}

fn a_step_is_the_same(device: &Device, config: &RunConfig) {
    let (images, labels) = batch(config, 6);
    let mut here = Network::new(&config.network, 3).unwrap();
    let mut there = Network::new(&config.network, 3).unwrap();
    there.move_to(device).unwrap();
    let mut optimizers = [(); 2].map(|()| Sgd::new(&config.training));
    // The second step involves momentum.
    for step in 0..2 {
        let reports = [&mut here, &mut there]
            .map(|network| network.loss_and_gradients(images.clone(), &labels).unwrap());
        let [expected, found] = &reports;
        assert_abs_diff_eq!(found.loss, expected.loss, epsilon = 1e-3 * expected.loss);
        assert_eq!(found.errors, expected.errors);
        for (found, expected) in found.activity.iter().zip(&expected.activity) {
            assert!(
                found.residual <= 1e-5 && found.unconverged == 0,
                "{found:?}"
            );
            assert_abs_diff_eq!(found.active, expected.active, epsilon = 2e-3);
            assert_abs_diff_eq!(found.lambda1, expected.lambda1, epsilon = 1e-5);
            assert_eq!(found.columns, expected.columns);
        }
        assert_eq!(found.adjoint.len(), expected.adjoint.len());
        assert!(found.adjoint.iter().all(|done| done.unconverged == 0));
        compare(&there, &here, "gradient", step);
        for (network, optimizer) in [&mut here, &mut there].into_iter().zip(&mut optimizers) {
            optimizer.step(network, 0.05).unwrap();
        }
        compare(&there, &here, "value", step);
    }
    let [expected, found] = [&here, &there].map(|network| network.infer(images.clone()).unwrap());
    assert!(distance(found.0.data(), expected.0.data()) < 1e-2);
    assert!(found.1.iter().all(|activity| activity.residual <= 1e-5));
}

fn compare(found: &Network, expected: &Network, what: &str, step: usize) {
    for ((name, found), (_, expected)) in found.params().unwrap().zip(expected.params().unwrap()) {
        let [found, expected] = [found, expected].map(|param| match what {
            "gradient" => &param.grad,
            _ => &param.value,
        });
        // The second step starts from parameters that already differ after the first.
        let bound = [1e-2, 3e-2][step];
        let distance = distance(found, expected);
        assert!(
            distance < bound,
            "{what} of {name} in step {step}: {distance}"
        );
    }
}

/// Compares the moments of training data estimated with fixed weights.
#[test]
fn estimated_moments_are_the_same_as_here() {
    let Some(device) = cuda() else { return };
    let mut config = config();
    // With groups, the estimate combines the moments of several groups.
    config.network.batch_norm.group = Some(2);
    let (images, _) = batch(&config, 6);
    let mut here = Network::new(&config.network, 3).unwrap();
    let mut there = Network::new(&config.network, 3).unwrap();
    there.move_to(&device).unwrap();
    for network in [&mut here, &mut there] {
        network
            .estimate_moments([images.clone(), images.clone()])
            .unwrap();
    }
    compare(&there, &here, "value", 0);
    let [expected, found] = [&here, &there].map(|network| network.infer(images.clone()).unwrap());
    assert!(distance(found.0.data(), expected.0.data()) < 1e-2);
}

/// Records the loss after each step, and stops after a number of steps.
struct Losses {
    losses: Vec<f64>,
    stop_after: usize,
}

impl Observer for Losses {
    fn step(&mut self, progress: &StepProgress<'_>) {
        self.losses.push(progress.loss);
    }
    fn stop(&self) -> bool {
        self.losses.len() == self.stop_after
    }
}

fn run(
    config: &RunConfig,
    out: &Path,
    start: RunStart,
    device: &Device,
    stop_after: usize,
) -> Vec<f64> {
    let mut observer = Losses {
        losses: Vec::new(),
        stop_after,
    };
    train(config, &small::digits(), out, start, device, &mut observer).unwrap();
    observer.losses
}

/// The loss falls as on the CPU. A checkpoint resumes on either device, whichever wrote it. Two
/// runs on the GPU are bit-identical.
#[test]
fn runs_move_between_devices() {
    let Some(device) = cuda() else { return };
    let processor = Device::cpu(Some(2)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let out = |name: &str| folder.path().join(name);
    let config = config();
    let expected = run(
        &config,
        &out("here"),
        RunStart::Fresh,
        &processor,
        usize::MAX,
    );
    let found = run(&config, &out("there"), RunStart::Fresh, &device, usize::MAX);
    let close = |found: &[f64]| {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert_abs_diff_eq!(found, expected, epsilon = 1e-2 * expected);
        }
    };
    close(&found);
    for (name, first, second) in [
        ("from there to here", &device, &processor),
        ("from here to there", &processor, &device),
        ("there and there", &device, &device),
    ] {
        let mut losses = run(&config, &out(name), RunStart::Fresh, first, 2);
        losses.extend(run(
            &config,
            &out(name),
            RunStart::Resume,
            second,
            usize::MAX,
        ));
        close(&losses);
    }
    let model = |name: &str| std::fs::read(RunFolder::new(&out(name)).model()).unwrap();
    assert_eq!(model("there"), model("there and there"));
}

/// Mistakes cause errors, and the device remains usable.
#[test]
fn mistakes_are_errors() {
    let Some(device) = cuda() else { return };
    let config = config();
    let (images, labels) = batch(&config, 4);
    let mut network = Network::new(&config.network, 0).unwrap();
    network.move_to(&device).unwrap();
    for wrong in [&labels[..3], &[0, 1, 2, 10]] {
        assert!(network.loss_and_gradients(images.clone(), wrong).is_err());
    }
    let report = network.loss_and_gradients(images, &labels).unwrap();
    assert!(report.loss.is_finite());
    assert!(matches!(Device::cuda(&[99]), Err(NetError::Gpu(_))));
    let mut without = config.network;
    without.solver.method = SolverMethod::FistaWithoutRestart;
    let refused = Network::new(&without, 0).unwrap().move_to(&device);
    assert!(matches!(refused, Err(NetError::CpuOnly { .. })));
}

/// A GPU gives windows that are not finite the code zero. Its reports reveal them, which is an
/// error as on the CPU.
#[test]
fn activations_that_overflow_are_errors_as_here() {
    let Some(device) = cuda() else { return };
    let config = config();
    let (mut images, labels) = batch(&config, 4);
    let mut network = Network::new(&config.network, 0).unwrap();
    network.move_to(&device).unwrap();
    images.data_mut()[70] = f32::MAX;
    let overflow = |error: NetError| {
        assert!(matches!(error, NetError::Overflow { .. }), "{error}");
        assert!(error.to_string().contains("too large for f32"), "{error}");
    };
    overflow(network.infer(images.clone()).unwrap_err());
    // In training, the variance of the batch overflows, which makes activations zero. This is
    // detected when the moments are fetched from the device.
    let trained = network.loss_and_gradients(images.clone(), &labels);
    overflow(
        trained
            .and_then(|_| network.params().map(|_| ()))
            .unwrap_err(),
    );
    let mut network = Network::new(&config.network, 0).unwrap();
    network.move_to(&device).unwrap();
    overflow(network.estimate_moments([images.clone()]).unwrap_err());
    let mut network = Network::new(&config.network, 0).unwrap();
    network.move_to(&device).unwrap();
    images.data_mut()[70] = f32::NAN;
    let error = network.infer(images).unwrap_err();
    assert_eq!(error.image(), Some(1), "{error}");

    let digits = Arc::new(small::digits().train.first(40));
    let huge = Normalization::from_parts([1, 8, 8], vec![0.0; 64], f32::MAX).unwrap();
    let loader = Loader::in_order(digits, Arc::new(huge), 16).unwrap();
    let error = network.infer_on(&loader, 3, &mut |_, _, _| Ok(()));
    overflow(error.unwrap_err());
}

/// A diverging network ends the run before anything is written.
#[test]
fn a_gradient_that_is_not_finite_ends_the_run() {
    let Some(device) = cuda() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut config = config();
    config.training.learning_rate = 1e30;
    config.training.warm_up_steps = 0;
    let error = train(
        &config,
        &small::digits(),
        folder.path(),
        RunStart::Fresh,
        &device,
        &mut Silent,
    );
    let message = error.unwrap_err().to_string();
    assert!(message.contains("not finite"), "{message}");
    assert!(!RunFolder::new(folder.path()).checkpoint().exists());
}

/// Two devices share a batch that has the same images twice. Moments, gradients and steps are
/// bit-identical to those of one device with the images once, because every sum has two equal
/// halves.
#[test]
fn two_devices_add_up_their_gradients() {
    let Some(pair) = devices(&[0, 1]) else { return };
    let config = config();
    let (images, labels) = batch(&config, 4);
    let twice = |image: usize| image % 4;
    let mut both = Tensor::zeros(scn_net::Shape {
        images: 8,
        ..images.shape()
    });
    let plane = images.shape().height * images.shape().width;
    for (image, into) in both.data_mut().chunks_exact_mut(plane).enumerate() {
        into.copy_from_slice(&images.data()[twice(image) * plane..][..plane]);
    }
    let both_labels: Vec<u16> = (0..8).map(|image| labels[twice(image)]).collect();

    let mut one = Network::new(&config.network, 3).unwrap();
    one.move_to(&Device::cuda(&[0]).unwrap()).unwrap();
    let mut two = Network::new(&config.network, 3).unwrap();
    two.move_to(&pair).unwrap();
    let mut optimizers = [(); 2].map(|()| Sgd::new(&config.training));
    for _ in 0..2 {
        let expected = one.loss_and_gradients(images.clone(), &labels).unwrap();
        let found = two.loss_and_gradients(both.clone(), &both_labels).unwrap();
        assert_abs_diff_eq!(found.loss, expected.loss, epsilon = 1e-12 * expected.loss);
        assert_eq!(found.errors, 2 * expected.errors);
        for (found, expected) in found.activity.iter().zip(&expected.activity) {
            assert_eq!(found.columns, 2 * expected.columns);
            assert_eq!(
                (found.active, found.residual),
                (expected.active, expected.residual)
            );
        }
        for (network, optimizer) in [&mut one, &mut two].into_iter().zip(&mut optimizers) {
            optimizer.step(network, 0.05).unwrap();
        }
        for ((name, found), (_, expected)) in two.params().unwrap().zip(one.params().unwrap()) {
            assert_eq!(found.grad, expected.grad, "{name}");
            assert_eq!(found.value, expected.value, "{name}");
        }
    }
    let [expected, found] = [(&one, &images), (&two, &both)]
        .map(|(network, images)| network.infer(images.clone()).unwrap().0);
    for (class, row) in found.data().chunks_exact(8).enumerate() {
        assert_eq!(row[..4], expected.data()[4 * class..][..4]);
        assert_eq!(row[4..], expected.data()[4 * class..][..4]);
    }
}

/// Running moments move towards the mean over devices, weighted by their numbers of images.
#[test]
fn running_moments_are_averaged_over_devices() {
    let Some(pair) = devices(&[0, 1]) else { return };
    let config = config();
    let (images, labels) = batch(&config, 5);
    let running = |device: &Device, range: std::ops::Range<usize>| -> Vec<Vec<f32>> {
        let shape = images.shape();
        let plane = shape.height * shape.width;
        let data = &images.data()[range.start * plane..range.end * plane];
        let part = scn_net::Shape {
            images: range.len(),
            ..shape
        };
        let mut network = Network::new(&config.network, 3).unwrap();
        network.move_to(device).unwrap();
        let part = Tensor::new(part, data.to_vec()).unwrap();
        network.loss_and_gradients(part, &labels[range]).unwrap();
        let moments = network
            .params()
            .unwrap()
            .filter(|(name, _)| name.starts_with("norm"));
        moments.map(|(_, param)| param.value.clone()).collect()
    };
    // Digits have one channel, so each image is contiguous in a batch. Two devices take two and
    // three of the five images.
    assert_eq!(images.shape().channels, 1);
    let one = Device::cuda(&[0]).unwrap();
    let (first, second) = (running(&one, 0..2), running(&one, 2..5));
    let both = running(&pair, 0..5);
    for ((found, first), second) in both
        .iter()
        .flatten()
        .zip(first.iter().flatten())
        .zip(second.iter().flatten())
    {
        let expected = 0.4 * f64::from(*first) + 0.6 * f64::from(*second);
        // There are five operations in f32 on numbers no larger than `size`.
        let size = f64::from(first.abs().max(second.abs()).max(1.0));
        let rounding = 5.0 * f64::from(f32::EPSILON) * size;
        assert_abs_diff_eq!(f64::from(*found), expected, epsilon = rounding);
    }
}

/// Four groups on two devices are the same as on one: running moments are bit-identical, and
/// gradients differ only by the order of their sums.
#[test]
fn devices_share_groups() {
    let Some(pair) = devices(&[0, 1]) else { return };
    let mut config = config();
    config.network.batch_norm.group = Some(2);
    config.network.batch_norm.affine = true;
    let (images, labels) = batch(&config, 8);
    let [one, two] = [Device::cuda(&[0]).unwrap(), pair].map(|device| {
        let mut network = Network::new(&config.network, 3).unwrap();
        network.move_to(&device).unwrap();
        network.loss_and_gradients(images.clone(), &labels).unwrap();
        network
    });
    for ((name, found), (_, expected)) in two.params().unwrap().zip(one.params().unwrap()) {
        assert_eq!(found.value, expected.value, "{name}");
        // The sums have some thousand terms, some of which cancel.
        let distance = distance(&found.grad, &expected.grad);
        assert!(distance < 1e-4, "{name}: {distance}");
    }
}

/// Two devices train on batches that cannot be divided evenly. Repeated runs are bit-identical.
#[test]
fn uneven_shares_train_too() {
    let Some(pair) = devices(&[0, 1]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut config = config();
    config.training.batch_size = 31;
    let model = |name: &str| {
        let out = folder.path().join(name);
        let losses = run(&config, &out, RunStart::Fresh, &pair, usize::MAX);
        assert!(losses.last() < losses.first(), "{losses:?}");
        std::fs::read(RunFolder::new(&out).model()).unwrap()
    };
    assert_eq!(model("first"), model("second"));

    // With one image, the first device has nothing to do.
    let (image, label) = batch(&config, 1);
    let mut network = Network::new(&config.network, 3).unwrap();
    network.move_to(&pair).unwrap();
    let report = network.loss_and_gradients(image.clone(), &label).unwrap();
    assert!(report.loss.is_finite() && report.activity[0].columns == 64);
    let mut gradients = network.params().unwrap().flat_map(|(_, param)| &param.grad);
    assert!(gradients.all(|value| value.is_finite()));
    let (logits, _) = network.infer(image).unwrap();
    assert!(logits.shape().images == 1 && logits.data().iter().all(|value| value.is_finite()));
}
