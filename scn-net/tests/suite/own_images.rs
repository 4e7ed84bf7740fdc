//! Runs on images that a program provides, and the choice of their best epoch.

use std::path::Path;

use scn_data::{DataError, DataSource, Dataset, DatasetName, ImageError, ImageSet};
use scn_net::{
    Checkpoint, Device, EpochRecord, Model, Observer, Outcome, RunConfig, RunFolder, RunStart,
    Silent, StepProgress, TrainError, chosen_epoch, presets, train,
};

/// Returns `count` images of 6 x 10 pixels. The left half is brighter in class 0, the right half in
/// class 1.
fn images(count: usize, shift: usize) -> ImageSet {
    let mut pixels = Vec::new();
    for image in 0..count {
        for at in 0..60 {
            let lit = (at % 10 < 5) == (image % 2 == 0);
            let noise = ((image + shift) * 37 + at * 11) % 60;
            pixels.push(if lit { 0.5 } else { 0.0 } + noise as f32 / 100.0);
        }
    }
    let labels = (0..count).map(|image| (image % 2) as u16).collect();
    let names = ["left", "right"].map(str::to_owned);
    ImageSet::from_floats(pixels, [1, 6, 10], labels, names, 1.0).unwrap()
}

fn data() -> Dataset {
    let source = DataSource::Own("halves".to_owned());
    Dataset::new(source, images(40, 0), images(10, 1000)).unwrap()
}

fn config() -> RunConfig {
    let data = data();
    let (shape, classes) = (data.train.shape(), data.train.classes());
    let mut config = presets::for_images("scn1", data.source, shape, classes).unwrap();
    config.network.layers.truncate(2);
    config.training.epochs = 4;
    config.training.batch_size = 8;
    config.training.validation = Some(0.2);
    config
}

struct StopAfter(usize);

impl Observer for StopAfter {
    fn step(&mut self, _: &StepProgress<'_>) {
        self.0 -= 1;
    }
    fn stop(&self) -> bool {
        self.0 == 0
    }
}

fn run(folder: &Path, start: RunStart, observer: &mut dyn Observer) -> Outcome {
    let device = Device::cpu(Some(1)).unwrap();
    train(&config(), &data(), folder, start, &device, observer).unwrap()
}

fn bytes(folder: &Path) -> [Vec<u8>; 2] {
    let files = RunFolder::new(folder);
    [files.model(), files.best_model()].map(|file| std::fs::read(file).unwrap())
}

#[test]
fn they_are_trained_on_and_resumed_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let Outcome::Finished { history } = run(&whole, RunStart::Fresh, &mut Silent) else {
        panic!("the run was interrupted");
    };
    // 32 training images in batches of 8 make four steps per epoch.
    for stop in [1, 4, 7] {
        let start = if stop == 1 {
            RunStart::Fresh
        } else {
            RunStart::Resume
        };
        run(&parts, start, &mut StopAfter(stop));
    }
    run(&parts, RunStart::Resume, &mut Silent);
    assert_eq!(bytes(&whole), bytes(&parts));

    // The best network is that of the chosen epoch, not of the last one.
    let best = chosen_epoch(&history).unwrap();
    let model = Model::load(&RunFolder::new(&whole).chosen_model()).unwrap();
    assert_eq!(model.input.dataset, data().source);
    assert_eq!(model.input.class_names, ["left", "right"]);
    let checkpoint = Checkpoint::load(&RunFolder::new(&whole).checkpoint()).unwrap();
    assert_eq!(checkpoint.history.len(), 4);
    let [last, chosen] = bytes(&whole);
    assert_eq!(last == chosen, best.epoch == 4);
}

#[test]
fn the_smallest_validation_error_then_loss_then_the_first_epoch_is_chosen() {
    let record = |epoch, error, loss| {
        let mut record = EpochRecord::default();
        record.epoch = epoch;
        record.validation_error = Some(error);
        record.validation_loss = Some(loss);
        // The test error does not affect the choice.
        record.test_error = epoch as f64;
        record
    };
    let history = [
        record(1, 0.2, 0.1),
        record(2, 0.1, 0.6),
        record(3, 0.1, 0.5),
        record(4, 0.1, 0.5),
        record(5, 0.3, 0.0),
    ];
    assert_eq!(chosen_epoch(&history).unwrap().epoch, 3);
    assert_eq!(chosen_epoch(&history[..2]).unwrap().epoch, 2);
    assert!(chosen_epoch(&[]).is_none());
    assert!(chosen_epoch(&[EpochRecord::default()]).is_none());
}

#[test]
fn images_that_do_not_belong_together_or_to_the_network_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let other = ImageSet::new(vec![0; 64], [1, 8, 8], vec![0], ["left".to_owned()], 255).unwrap();
    let source = || DataSource::Own("halves".to_owned());
    assert!(matches!(
        Dataset::new(source(), images(4, 0), other),
        Err(DataError::Image(ImageError::Shapes { .. }))
    ));
    let fewer = ImageSet::new(vec![0; 60], [1, 6, 10], vec![0], ["left".to_owned()], 255).unwrap();
    let error = Dataset::new(source(), images(4, 0), fewer).unwrap_err();
    assert_eq!(
        error.to_string(),
        "training and test images must have the same classes, but only one set has \"right\""
    );
    let digits = scn_data::open(DatasetName::Digits, Path::new("")).unwrap();
    let device = Device::cpu(Some(1)).unwrap();
    let error = train(
        &config(),
        &digits,
        folder.path(),
        RunStart::Fresh,
        &device,
        &mut Silent,
    );
    let Err(TrainError::Config(error)) = error else {
        panic!("{error:?}");
    };
    assert_eq!(
        error.to_string(),
        "network.input must be [1, 8, 8], the image shape of own:halves, but is [1, 6, 10]"
    );
}
