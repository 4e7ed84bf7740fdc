//! Processes that share batches get results bit-identical to those of a single process.

use std::path::Path;
use std::sync::Arc;

use scn_data::Loader;
use scn_net::{
    Device, EpochRecord, Evaluation, Network, Observer, Outcome, Recompute, RunConfig, RunFolder,
    RunStart, Sgd, Silent, StepProgress, StepReport, Tensor, evaluate, train,
};
use scn_solvers::processes::{Processes, Threads};

use crate::runs::result;
use crate::small;

/// Calls `run` in several processes, each with one of these devices, and returns the results.
pub(crate) fn together<R: Send>(
    devices: &[Device],
    run: impl Fn(usize, Device) -> R + Sync,
) -> Vec<R> {
    std::thread::scope(|scope| {
        let run = &run;
        let one = |(process, device): (Threads, &Device)| {
            let rank = process.rank();
            let device = device.clone().shared_by(Arc::new(process));
            scope.spawn(move || run(rank, device))
        };
        let processes = Threads::all(devices.len()).into_iter();
        let threads: Vec<_> = processes.zip(devices).map(one).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}

/// Returns `count` CPU devices with `threads` threads each.
fn pools(count: usize, threads: usize) -> Vec<Device> {
    let pool = |_| Device::cpu(Some(threads)).unwrap();
    (0..count).map(pool).collect()
}

/// Returns the configuration of a run with batches of 20 and 14 digits, which no number of
/// processes divides evenly, and groups that are not whole leaves.
pub(crate) fn config() -> RunConfig {
    let mut config = small::config();
    config.train_limit = Some(34);
    config.test_limit = Some(50);
    config.training.batch_size = 20;
    config.training.epochs = 2;
    config.training.average_decay = Some(0.5);
    config.training.validation = Some(0.1);
    config.training.mixup = Some(0.4);
    config.network.batch_norm.group = Some(7);
    config.network.batch_norm.affine = true;
    config.input.whitening = Some(0.1);
    config
}

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

/// Reports without times, gradients and parameters after training steps, and an evaluation.
#[derive(Debug, PartialEq)]
pub(crate) struct Found {
    first: StepReport,
    gradients: Vec<(String, Vec<u32>)>,
    pub(crate) losses: Vec<f64>,
    parameters: Vec<(String, Vec<u32>)>,
    evaluation: Evaluation,
}

pub(crate) fn found(device: &Device, config: &RunConfig) -> Found {
    let digits = small::digits();
    let (images, test) = (digits.train.first(34), digits.test.first(50));
    let normalization =
        scn_data::Normalization::fit(&images, config.input.normalization()).unwrap();
    let normalization = Arc::new(normalization);
    let augmentation = config.augmentation();
    let loader = Loader::training(
        Arc::new(images),
        Arc::clone(&normalization),
        augmentation,
        20,
        3,
    )
    .unwrap();
    let test = Loader::in_order(Arc::new(test), normalization, 20).unwrap();
    device.run(|| {
        let mut network = Network::new(&config.network, 3).unwrap();
        network.set_recompute(config.training.recompute);
        network.move_to(device).unwrap();
        let batch = loader.epoch(0, 0).next().unwrap();
        let first = network.batch_gradients(&batch).unwrap();
        let numbers = |network: &Network, gradients: bool| {
            let params = network.params().unwrap();
            let of = |(name, param): (String, &scn_net::Param)| {
                (
                    name,
                    bits(if gradients { &param.grad } else { &param.value }),
                )
            };
            params.map(of).collect::<Vec<_>>()
        };
        let gradients = numbers(&network, true);
        let mut optimizer = Sgd::new(&config.training);
        let mut losses = Vec::new();
        network
            .train_on(&loader, 0, 2, &mut optimizer, 0.05, &mut |report| {
                losses.push(report.loss)
            })
            .unwrap();
        let batches = loader
            .epoch(1, 0)
            .map(|batch| Tensor::from_batch(&batch).unwrap());
        network
            .estimate_moments(batches.collect::<Vec<_>>())
            .unwrap();
        let mut evaluation = evaluate(&network, &test, device).unwrap();
        evaluation.seconds = 0.0;
        evaluation.images_per_second = 0.0;
        Found {
            first,
            gradients,
            losses,
            parameters: numbers(&network, false),
            evaluation,
        }
    })
}

#[test]
fn steps_and_evaluations_are_those_of_one_process() {
    for recompute in [Recompute::Nothing, Recompute::Codes] {
        let mut config = config();
        config.training.recompute = recompute;
        let alone = found(&Device::cpu(Some(2)).unwrap(), &config);
        assert!(alone.losses.iter().all(|loss| loss.is_finite()));
        for (count, threads) in [(1, 1), (2, 1), (3, 2), (4, 1), (9, 1)] {
            let devices = pools(count, threads);
            let all = together(&devices, |_, device| found(&device, &config));
            for (rank, found) in all.into_iter().enumerate() {
                assert_eq!(found, alone, "{rank} of {count}");
            }
        }
    }
}

/// Returns the result of a run and its averaged model.
pub(crate) fn files(folder: &Path) -> ((Vec<u8>, Vec<EpochRecord>), Vec<u8>) {
    let averaged = RunFolder::new(folder).averaged_model();
    (result(folder), std::fs::read(averaged).unwrap())
}

/// Stops after a number of steps.
struct StopAfter(usize);

impl Observer for StopAfter {
    fn step(&mut self, _: &StepProgress<'_>) {
        self.0 = self.0.saturating_sub(1);
    }

    fn stop(&self) -> bool {
        self.0 == 0
    }
}

/// Trains a run shared by processes with these devices until the last process stops it after
/// `steps` steps. Returns the completed epochs and batches.
pub(crate) fn run(
    out: &Path,
    devices: &[Device],
    start: RunStart,
    steps: usize,
) -> Option<(u64, usize)> {
    let config = config();
    let ended = together(devices, |rank, device| {
        // Only the first process has access to the folder.
        let own = out.with_extension(format!("elsewhere-{rank}"));
        let out = if rank == 0 { out } else { own.as_path() };
        let data = small::digits();
        let last = rank + 1 == devices.len();
        let mut silent = Silent;
        let mut stopping = StopAfter(steps);
        let observer: &mut dyn Observer = if last { &mut stopping } else { &mut silent };
        let outcome = train(&config, &data, out, start, &device, observer).unwrap();
        assert!(rank == 0 || !own.exists());
        outcome
    });
    let (first, others) = ended.split_first().unwrap();
    let place = |outcome: &Outcome| match *outcome {
        Outcome::Interrupted {
            epochs_done,
            batches_done,
        } => Some((epochs_done, batches_done)),
        _ => None,
    };
    assert!(others.iter().all(|outcome| place(outcome) == place(first)));
    place(first)
}

/// A run is stopped twice and resumed by different numbers of processes.
#[test]
fn a_run_goes_on_with_any_number_of_processes() {
    let folder = tempfile::tempdir().unwrap();
    let [alone, shared] = ["alone", "shared"].map(|name| folder.path().join(name));
    let run = |out, count, start, steps| run(out, &pools(count, 1), start, steps);
    assert_eq!(run(&alone, 1, RunStart::Fresh, usize::MAX), None);
    assert_eq!(run(&shared, 3, RunStart::Fresh, 1), Some((0, 1)));
    assert_eq!(run(&shared, 1, RunStart::Resume, 2), Some((1, 1)));
    assert_eq!(run(&shared, 2, RunStart::Resume, usize::MAX), None);
    assert_eq!(files(&shared), files(&alone));
}
