//! Runs are bit-identical for any number of threads and through interruptions, and never overwrite
//! a different run.

use std::path::Path;
use std::sync::Arc;

use approx::assert_abs_diff_eq;
use scn_data::{FitProgress, LastBatch, Loader, Subset};
use scn_net::{
    Beginning, Device, EpochRecord, Model, Network, Observer, Outcome, RunConfig, RunFolder,
    RunStart, Shape, Silent, StepProgress, Tensor, TrainError, evaluate, probabilities, train,
};

use crate::edited::Edited;
use crate::small;

/// Stops a run after a number of steps, once it has begun.
struct StopAfter {
    steps: usize,
    done: usize,
    begun: bool,
}

impl Observer for StopAfter {
    fn begin(&mut self, _: &Beginning<'_>) {
        self.begun = true;
    }
    fn step(&mut self, _: &StepProgress<'_>) {
        self.done += 1;
    }
    fn stop(&self) -> bool {
        self.begun && self.done == self.steps
    }
}

fn run(
    config: &RunConfig,
    folder: &Path,
    start: RunStart,
    threads: usize,
    stop_after: usize,
) -> Outcome {
    let device = Device::cpu(Some(threads)).unwrap();
    let mut observer = StopAfter {
        steps: stop_after,
        done: 0,
        begun: false,
    };
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

/// Returns the bytes of the model, and the metrics without times.
pub(crate) fn result(folder: &Path) -> (Vec<u8>, Vec<EpochRecord>) {
    let files = RunFolder::new(folder);
    let metrics = std::fs::read_to_string(files.metrics()).unwrap();
    let records = metrics.lines().map(|line| {
        let mut record: EpochRecord = serde_json::from_str(line).unwrap();
        record.images_per_second = 0.0;
        record.seconds = 0.0;
        record
    });
    (std::fs::read(files.model()).unwrap(), records.collect())
}

const NEVER: usize = usize::MAX;

#[test]
fn threads_do_not_change_a_bit() {
    let folder = tempfile::tempdir().unwrap();
    let results = [1, 2, 3].map(|threads| {
        let out = folder.path().join(threads.to_string());
        assert!(matches!(
            run(&small::config(), &out, RunStart::Fresh, threads, NEVER),
            Outcome::Finished { .. }
        ));
        result(&out)
    });
    assert_eq!(results[0], results[1]);
    assert_eq!(results[0], results[2]);
    assert_eq!(results[0].1.len(), 3);
}

/// Runs of three steps per epoch are stopped before the first step, within epochs, and at the end
/// of an epoch.
#[test]
fn a_resumed_run_ends_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    run(&small::config(), &whole, RunStart::Fresh, 2, NEVER);
    for stops in [
        vec![0],
        vec![1],
        vec![3],
        vec![4, 1],
        vec![8],
        vec![2, 2, 2, 2],
    ] {
        let out = folder.path().join(format!("{stops:?}"));
        let mut start = RunStart::Fresh;
        for &stop in &stops {
            let outcome = run(&small::config(), &out, start, 1, stop);
            assert!(
                matches!(outcome, Outcome::Interrupted { .. }),
                "{stops:?}: {outcome:?}"
            );
            start = RunStart::Resume;
        }
        run(&small::config(), &out, RunStart::Resume, 2, NEVER);
        assert_eq!(result(&out), result(&whole), "{stops:?}");
    }
}

/// Records all calls of an observer.
#[derive(Default)]
struct Notes {
    fitted: usize,
    begun: Vec<(u64, usize, usize, usize)>,
    steps: Vec<Step>,
    epochs: Vec<EpochRecord>,
    dictionary: Vec<f32>,
    stop_after: Option<usize>,
}

#[derive(Clone, Copy)]
struct Step {
    at: (u64, usize),
    loss: f64,
    error: f64,
    batch_loss: f64,
    batch_error: f64,
    rate: f64,
    active: f64,
}

impl Observer for Notes {
    fn fitting(&mut self, _: &FitProgress) {
        self.fitted += 1;
    }
    fn begin(&mut self, beginning: &Beginning<'_>) {
        let Beginning {
            epochs,
            steps,
            history,
            steps_done,
            ..
        } = *beginning;
        self.begun.push((epochs, steps, history.len(), steps_done));
    }
    fn step(&mut self, progress: &StepProgress<'_>) {
        self.steps.push(Step {
            at: (progress.epoch, progress.step),
            loss: progress.loss,
            error: progress.error,
            batch_loss: progress.batch_loss,
            batch_error: progress.batch_error,
            rate: progress.learning_rate,
            active: progress.activity[1].active,
        });
    }
    fn epoch(&mut self, record: &EpochRecord, network: &Network) {
        self.epochs.push(record.clone());
        self.dictionary = network
            .param("layer0.dictionary")
            .unwrap()
            .unwrap()
            .value
            .clone();
    }
    fn stop(&self) -> bool {
        self.stop_after == Some(self.steps.len())
    }
}

/// The reports of steps add up to those of epochs, and a resumed run reports where it resumes. 96
/// images are three batches of 32, so means over batches are means over images.
#[test]
fn those_who_watch_are_told_what_the_files_say() {
    let folder = tempfile::tempdir().unwrap();
    let config = small::config();
    let device = Device::cpu(Some(1)).unwrap();
    let watched = |start, stop_after| {
        let mut notes = Notes {
            stop_after,
            ..Notes::default()
        };
        let digits = small::digits();
        train(&config, &digits, folder.path(), start, &device, &mut notes).unwrap();
        notes
    };
    let first = watched(RunStart::Fresh, Some(4));
    assert!(first.fitted > 0);
    assert_eq!(first.begun, [(3, 3, 0, 0)]);
    let rest = watched(RunStart::Resume, None);
    assert_eq!((rest.fitted, &rest.begun[..]), (0, &[(3, 3, 1, 1)][..]));

    let steps: Vec<Step> = first.steps.iter().chain(&rest.steps).copied().collect();
    let places = (1..=3).flat_map(|epoch| (1..=3).map(move |step| (epoch, step)));
    assert!(steps.iter().map(|step| step.at).eq(places));
    let records = result(folder.path()).1;
    for (record, steps) in records.iter().zip(steps.chunks(3)) {
        let mean = |of: fn(&Step) -> f64| steps.iter().map(of).sum::<f64>() / 3.0;
        // The sums are in a different order.
        let close = |a: f64, b: f64| assert_abs_diff_eq!(a, b, epsilon = 1e-12 * b.abs());
        close(mean(|step| step.batch_loss), record.train_loss);
        close(mean(|step| step.batch_error), record.train_error);
        close(mean(|step| step.active), record.layers[1].active);
        assert_eq!(
            (steps[2].loss, steps[2].error),
            (record.train_loss, record.train_error)
        );
        assert_eq!(steps[2].rate, record.learning_rate);
    }
    assert_eq!((first.epochs.len(), rest.epochs.len()), (1, 2));
    let model = Model::load(&RunFolder::new(folder.path()).model()).unwrap();
    let dictionary = model.network.param("layer0.dictionary").unwrap().unwrap();
    assert_eq!(rest.dictionary, dictionary.value);
}

/// Each of three epochs has 100 images in batches of 32: three full batches and four images.
#[test]
fn what_does_not_fill_a_batch_is_kept_or_dropped() {
    let folder = tempfile::tempdir().unwrap();
    for (last_batch, steps) in [(LastBatch::Kept, 12), (LastBatch::Dropped, 9)] {
        let mut config = small::config();
        config.train_limit = Some(100);
        config.subset = Subset::Stratified;
        config.training.last_batch = last_batch;
        let out = folder.path().join(steps.to_string());
        let mut observer = StopAfter {
            steps: NEVER,
            done: 0,
            begun: false,
        };
        let device = Device::cpu(Some(1)).unwrap();
        let digits = small::digits();
        train(
            &config,
            &digits,
            &out,
            RunStart::Fresh,
            &device,
            &mut observer,
        )
        .unwrap();
        assert_eq!(observer.done, steps);
        // A resumed run selects the same subset again.
        let stopped = folder.path().join(format!("{steps} in two parts"));
        run(&config, &stopped, RunStart::Fresh, 2, 4);
        run(&config, &stopped, RunStart::Resume, 1, NEVER);
        assert_eq!(result(&stopped), result(&out));
    }
}

/// A new run with the config.toml of a run is bit-identical to it. A different seed changes the
/// result.
#[test]
fn a_run_repeats_from_its_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let (first, again, other) = (
        folder.path().join("first"),
        folder.path().join("again"),
        folder.path().join("other"),
    );
    run(&small::config(), &first, RunStart::Fresh, 2, NEVER);
    let text = std::fs::read_to_string(RunFolder::new(&first).config()).unwrap();
    run(
        &RunConfig::from_toml(&text).unwrap(),
        &again,
        RunStart::Fresh,
        2,
        NEVER,
    );
    assert_eq!(result(&first), result(&again));
    let mut other_seed = small::config();
    other_seed.seed = 1;
    run(&other_seed, &other, RunStart::Fresh, 2, NEVER);
    assert_ne!(result(&first).0, result(&other).0);
}

/// A run whose weights overflow ends with an error that names the epoch. The last checkpoint stays,
/// byte for byte.
#[test]
fn divergence_is_an_error_and_leaves_the_last_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = small::config();
    config.training.epochs = 1;
    run(&config, folder.path(), RunStart::Fresh, 2, NEVER);
    let checkpoint = RunFolder::new(folder.path()).checkpoint();

    // This momentum makes an entry so large that H overflows.
    let mut file = Edited::read(&checkpoint);
    file.values("momentum.layer0.dictionary")[0] = f32::MAX;
    let bytes = file.bytes();
    std::fs::write(&checkpoint, &bytes).unwrap();
    config.training.epochs = 2;
    let error = small::resume(&config, folder.path()).unwrap_err();
    assert!(
        matches!(error, TrainError::NonFinite { epoch: 2, .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains("the last checkpoint is intact"),
        "{error}"
    );
    assert_eq!(std::fs::read(&checkpoint).unwrap(), bytes);
}

#[test]
fn a_run_is_never_overwritten_and_must_exist_to_be_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let device = Device::cpu(Some(1)).unwrap();
    let start = |start| {
        train(
            &small::config(),
            &small::digits(),
            folder.path(),
            start,
            &device,
            &mut Silent,
        )
        .map(drop)
    };
    assert!(matches!(
        start(RunStart::Resume),
        Err(TrainError::NoCheckpoint { .. })
    ));
    start(RunStart::Fresh).unwrap();
    assert!(matches!(
        start(RunStart::Fresh),
        Err(TrainError::Occupied { .. })
    ));
}

/// λ1 starts at zero, is learned and stays nonnegative. A rate of 0 keeps it fixed.
#[test]
fn lambda1_is_learned_and_projected() {
    let folder = tempfile::tempdir().unwrap();
    let lambda1 = |config: &RunConfig, name: &str| {
        let out = folder.path().join(name);
        run(config, &out, RunStart::Fresh, 2, NEVER);
        let model = Model::load(&RunFolder::new(&out).model()).unwrap();
        let values = model
            .network
            .params()
            .unwrap()
            .filter(|(name, _)| name.ends_with("lambda1"));
        values
            .map(|(_, param)| param.value[0])
            .collect::<Vec<f32>>()
    };
    let mut config = small::config();
    let learned = lambda1(&config, "learned");
    assert!(
        learned.iter().all(|&value| value >= 0.0) && learned.iter().any(|&value| value > 0.0),
        "{learned:?}"
    );
    config.network.lambda1.rate = 0.0;
    config.network.lambda1.initial = 0.25;
    assert_eq!(lambda1(&config, "held"), [0.25, 0.25]);
}

/// Contrast normalisation and whitening are part of the model. The network is the same on the same
/// values when resumed, when evaluated from its file, and when applied to one image at a time.
#[test]
fn a_whitened_run_is_the_same_resumed_and_from_its_file() {
    let mut config = small::config();
    config.training.epochs = 2;
    config.input.contrast = Some(10.0);
    config.input.whitening = Some(0.1);
    let folder = tempfile::tempdir().unwrap();
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    run(&config, &whole, RunStart::Fresh, 1, usize::MAX);
    run(&config, &parts, RunStart::Fresh, 2, 4);
    run(&config, &parts, RunStart::Resume, 2, usize::MAX);
    assert_eq!(result(&whole), result(&parts));

    let model = Model::load(&RunFolder::new(&whole).model()).unwrap();
    let normalization = Arc::new(model.input.normalization.unwrap());
    let test = Arc::new(small::digits().test.first(48));
    let loader = Loader::in_order(Arc::clone(&test), Arc::clone(&normalization), 32).unwrap();
    let evaluation = evaluate(&model.network, &loader, &Device::cpu(Some(1)).unwrap()).unwrap();
    let (_, records) = result(&whole);
    assert_eq!(evaluation.loss, records[1].test_loss);
    assert_eq!(evaluation.error, records[1].test_error);

    let mut pixels = vec![0.0; 64];
    let wrong = (0..test.len()).filter(|&image| {
        normalization.apply(test.image(image), &mut pixels).unwrap();
        let shape = Shape {
            channels: 1,
            images: 1,
            height: 8,
            width: 8,
        };
        let images = Tensor::from_images(&pixels, shape).unwrap();
        let (logits, _) = model.network.infer(images).unwrap();
        let likely = probabilities(&logits, 0);
        let best = (0..10).max_by(|&a, &b| likely[a].total_cmp(&likely[b]));
        best != Some(usize::from(test.labels()[image]))
    });
    assert_eq!(wrong.count() as f64 / 48.0, evaluation.error);
}
