//! Tools for gradient descent, on GPUs compared with the CPU.

use approx::assert_abs_diff_eq;
use scn_data::{Batch, Mixture};
use scn_net::{Device, Network, RunConfig, RunFolder, RunStart, Sgd, StepReport, evaluate};

use super::{compare, config, cuda, devices, distance, run};
use crate::tools::{loader, with_tools};

fn network(config: &RunConfig, device: Option<&Device>) -> (Network, Sgd) {
    let mut network = Network::new(&config.network, 3).unwrap();
    if let Some(device) = device {
        network.move_to(device).unwrap();
    }
    let smoothing = config.training.label_smoothing;
    network.set_label_smoothing(smoothing).unwrap();
    (network, Sgd::new(&config.training))
}

/// Compares loss and gradients of mixed images with smoothed labels, a clipped step, and the
/// average.
#[test]
fn a_step_with_tools_is_the_same_as_here() {
    let Some(device) = cuda() else { return };
    let mut config = with_tools(config());
    // A step changes values near zero by a large fraction, and they would differ by as much. Avoid
    // this for λ1.
    config.network.lambda1.initial = 0.05;
    let loader = loader(&config, None);
    let mut pairs = [None, Some(&device)].map(|device| network(&config, device));
    for (step, batch) in loader.epoch(0, 0).take(2).enumerate() {
        let reports = pairs
            .each_mut()
            .map(|(network, _)| network.batch_gradients(&batch).unwrap());
        let [expected, found] = reports;
        assert_abs_diff_eq!(found.loss, expected.loss, epsilon = 1e-3 * expected.loss);
        assert_eq!(found.errors, expected.errors);
        for (network, optimizer) in &mut pairs {
            optimizer.step(network, 0.05).unwrap();
        }
        let [(here, _), (there, _)] = &pairs;
        if step == 0 {
            // The gradients are clipped, because the step is done. Those of the second step are
            // taken at parameters that already differ after the first.
            compare(there, here, "gradient", step);
        }
        compare(there, here, "value", step);
        let averages = pairs.each_mut().map(|(network, optimizer)| {
            let values = optimizer.with_average(network, |network| values(network));
            values.unwrap().unwrap()
        });
        for (found, expected) in averages[1].iter().zip(&averages[0]) {
            let distance = distance(found, expected);
            assert!(distance < 3e-2, "{distance}");
        }
        let [(here, _), (there, _)] = &pairs;
        compare(there, here, "value", step);
    }
}

fn values(network: &Network) -> Vec<Vec<f32>> {
    let params = network.params().unwrap();
    params.map(|(_, param)| param.value.clone()).collect()
}

/// Steps without waiting are bit-identical to steps one by one, with images that stay on the device
/// and are mixed there, or are mixed on the CPU and copied. Tools are switched on and off, and
/// steps are recorded with and without them.
#[test]
fn steps_with_tools_in_a_row_are_those_one_by_one() {
    let Some(device) = cuda() else { return };
    let plain = config();
    let tools = with_tools(config());
    for contrast in [None, Some(10.0)] {
        let [mut row, mut single] = [(); 2].map(|()| {
            let (network, plain) = network(&plain, Some(&device));
            (network, [plain, Sgd::new(&tools.training)], Vec::new())
        });
        for (epoch, with) in [false, false, true, true, true, false]
            .into_iter()
            .enumerate()
        {
            let config = if with { &tools } else { &plain };
            let loader = loader(config, contrast);
            for (network, ..) in [&mut row, &mut single] {
                let smoothing = config.training.label_smoothing;
                network.set_label_smoothing(smoothing).unwrap();
            }
            let (epoch, rate) = (epoch as u64, 0.05);
            let (network, optimizers, reports) = &mut row;
            let optimizer = &mut optimizers[usize::from(with)];
            let mut keep = |report: &StepReport| reports.push(report.clone());
            network
                .train_on(&loader, epoch, usize::MAX, optimizer, rate, &mut keep)
                .unwrap();
            let (network, optimizers, reports) = &mut single;
            let optimizer = &mut optimizers[usize::from(with)];
            for batch in loader.epoch(epoch, 0) {
                reports.push(network.batch_gradients(&batch).unwrap());
                optimizer.step(network, rate).unwrap();
            }
        }
        assert_eq!(row.2.len(), 18);
        assert_eq!(row.2, single.2);
        assert_eq!(values(&row.0), values(&single.0));
        let averages = [&mut row, &mut single].map(|(network, optimizers, _)| {
            let averages = optimizers[1].with_average(network, |network| values(network));
            averages.unwrap().unwrap()
        });
        assert_eq!(averages[0], averages[1]);
        assert_ne!(averages[0], values(&row.0));
    }
}

/// The averaged network is evaluated on its device, which then continues with the network itself.
#[test]
fn an_averaged_network_is_evaluated_on_its_device() {
    let Some(device) = cuda() else { return };
    let mut config = with_tools(config());
    config.training.average_decay = Some(0.5);
    let loader = loader(&config, None);
    let losses = [None, Some(&device)].map(|device| {
        let (mut network, mut optimizer) = network(&config, device);
        network
            .train_on(&loader, 0, 3, &mut optimizer, 0.05, &mut |_| ())
            .unwrap();
        let device = Device::cpu(Some(1)).unwrap();
        let loss = |network: &mut Network| evaluate(network, &loader, &device).unwrap().loss;
        let before = loss(&mut network);
        let averaged = optimizer.with_average(&mut network, loss).unwrap().unwrap();
        assert_eq!(loss(&mut network), before);
        [before, averaged]
    });
    assert_ne!(losses[1][0], losses[1][1]);
    for (found, expected) in losses[1].iter().zip(&losses[0]) {
        // The tolerance is that of `runs_move_between_devices`.
        assert_abs_diff_eq!(found, expected, epsilon = 1e-2 * expected);
    }
}

/// Runs are resumed on the same device or a different one. On the same device, the averaged network
/// is bit-identical.
#[test]
fn runs_with_tools_are_resumed() {
    let Some(device) = cuda() else { return };
    let processor = Device::cpu(Some(2)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = with_tools(config());
    let whole = folder.path().join("whole");
    let expected = run(&config, &whole, RunStart::Fresh, &device, usize::MAX);
    for (name, first, second) in [
        ("same", &device, &device),
        ("from", &device, &processor),
        ("to", &processor, &device),
    ] {
        let out = folder.path().join(name);
        let mut losses = run(&config, &out, RunStart::Fresh, first, 2);
        losses.extend(run(&config, &out, RunStart::Resume, second, usize::MAX));
        for (found, expected) in losses.iter().zip(&expected) {
            assert_abs_diff_eq!(found, expected, epsilon = 1e-2 * expected);
        }
    }
    let read = |name: &str| {
        let files = RunFolder::new(&folder.path().join(name));
        [files.model(), files.averaged_model()].map(|path| std::fs::read(path).unwrap())
    };
    assert_eq!(read("whole"), read("same"));
}

/// Two devices share a batch that has the same mixed images twice. Clipped gradients, steps and
/// averages are bit-identical to those of one device with the images once.
#[test]
fn two_devices_clip_and_average_alike() {
    let Some(pair) = devices(&[0, 1]) else { return };
    let config = with_tools(config());
    let [_, channels, height, width] = loader(&config, None).epoch(0, 0).next().unwrap().shape;
    let volume = channels * height * width;
    let one = Device::cuda(&[0]).unwrap();
    let [mut one, mut two] = [&one, &pair].map(|device| network(&config, Some(device)));
    for batch in loader(&config, None).epoch(0, 0).take(2) {
        let mixture = batch.mixture.unwrap();
        let part = |times: usize| Batch {
            pixels: batch.pixels[..4 * volume].repeat(times),
            shape: [4 * times, channels, height, width],
            labels: batch.labels[..4].repeat(times),
            mixture: Some(Mixture {
                share: mixture.share,
                labels: mixture.labels[..4].repeat(times),
            }),
        };
        let expected = one.0.batch_gradients(&part(1)).unwrap();
        let found = two.0.batch_gradients(&part(2)).unwrap();
        assert_abs_diff_eq!(found.loss, expected.loss, epsilon = 1e-12 * expected.loss);
        for (network, optimizer) in [&mut one, &mut two] {
            optimizer.step(network, 0.05).unwrap();
        }
        for ((name, found), (_, expected)) in two.0.params().unwrap().zip(one.0.params().unwrap()) {
            assert_eq!(found.grad, expected.grad, "{name}");
            assert_eq!(found.value, expected.value, "{name}");
        }
        let averages = [&mut one, &mut two].map(|(network, optimizer)| {
            let averages = optimizer.with_average(network, |network| values(network));
            averages.unwrap().unwrap()
        });
        assert_eq!(averages[0], averages[1]);
    }
}

/// Two devices mix and share the batches of a run. Losses are close to those of one device, whose
/// moments differ, and a resumed run is bit-identical.
#[test]
fn two_devices_train_with_tools() {
    let Some(pair) = devices(&[0, 1]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut config = with_tools(config());
    config.training.batch_size = 31;
    config.network.batch_norm.group = Some(8);
    let one = Device::cuda(&[0]).unwrap();
    let out = |name: &str| folder.path().join(name);
    let expected = run(&config, &out("one"), RunStart::Fresh, &one, usize::MAX);
    let found = run(&config, &out("whole"), RunStart::Fresh, &pair, usize::MAX);
    for (found, expected) in found.iter().zip(&expected) {
        assert_abs_diff_eq!(found, expected, epsilon = 1e-2 * expected);
    }
    let _ = run(&config, &out("resumed"), RunStart::Fresh, &pair, 2);
    let _ = run(
        &config,
        &out("resumed"),
        RunStart::Resume,
        &pair,
        usize::MAX,
    );
    let read = |name: &str| {
        let files = RunFolder::new(&out(name));
        [files.model(), files.averaged_model()].map(|path| std::fs::read(path).unwrap())
    };
    assert_eq!(read("whole"), read("resumed"));
}
