//! Dictionaries learned before training, checked on windows extracted by hand, and runs that start
//! with them.

use std::ops::ControlFlow;
use std::path::Path;

use approx::assert_abs_diff_eq;
use faer::Mat;
use scn_net::{
    Device, DictionaryInit, LayerConfig, LearningProgress, Model, ModelFileError, ModelInput,
    NetError, Network, NetworkConfig, Observer, Outcome, RunConfig, RunFolder, RunStart, Shape,
    Silent, StepProgress, Tensor, TrainError, train,
};
use scn_solvers::learn::{DictionaryStart, LearnSettings, Learner};
use scn_solvers::{Auto, ElasticNet, Settings};

use crate::small;

/// Returns consecutive digits with pixels between 0 and 1.
fn digits(first: usize, images: usize) -> Tensor {
    let digits = small::digits();
    let pixels: Vec<f32> = (first..first + images)
        .flat_map(|image| digits.train.image(image).values().collect::<Vec<f32>>())
        .map(|pixel| pixel / 16.0)
        .collect();
    Tensor::from_images(&pixels, shape(images)).unwrap()
}

fn shape(images: usize) -> Shape {
    Shape {
        channels: 1,
        images,
        height: 8,
        width: 8,
    }
}

/// Returns the configuration of two layers with 8 and 12 learned atoms.
fn config() -> NetworkConfig {
    let mut config = small::config().network;
    config.dictionary = DictionaryInit::Learned;
    config
}

fn learn(network: &mut Network, batches: Vec<Tensor>) -> Result<(), NetError> {
    let learned = network.learn_dictionaries(batches, 0, &mut |_| ControlFlow::Continue(()))?;
    assert_eq!(learned.len(), network.config().layers.len());
    for (h, layer) in learned.iter().enumerate() {
        assert!(layer.objective.is_finite(), "layer {h}: {layer:?}");
        let name = format!("layer{h}.dictionary");
        let dictionary = network.param(&name)?.unwrap();
        for norm in norms(&dictionary.value, dictionary.shape[1]) {
            // Each entry is divided by the norm in f64 and rounded once.
            assert_abs_diff_eq!(norm, 1.0, epsilon = 2.0 * f64::from(f32::EPSILON));
        }
    }
    Ok(())
}

/// Returns the norms of the columns of a row-major matrix.
fn norms(values: &[f32], columns: usize) -> Vec<f64> {
    let square = |column: usize| {
        let entries = values.iter().skip(column).step_by(columns);
        entries.map(|&entry| f64::from(entry).powi(2)).sum::<f64>()
    };
    (0..columns).map(|column| square(column).sqrt()).collect()
}

/// Returns the windows of a map normalised to mean 0 and variance 1 per channel, by the definition.
fn normalized_windows(map: &Tensor, stride: usize) -> Mat<f32> {
    let Shape {
        channels,
        images,
        height,
        width,
    } = map.shape();
    let positions = images * height * width;
    let moments: Vec<(f64, f64)> = (0..channels)
        .map(|channel| {
            let values = || map.channel(channel).iter().map(|&value| f64::from(value));
            let mean = values().sum::<f64>() / positions as f64;
            let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>();
            (mean, variance / positions as f64)
        })
        .collect();
    let (rows, columns) = (height.div_ceil(stride), width.div_ceil(stride));
    Mat::from_fn(9 * channels, images * rows * columns, |entry, window| {
        let (channel, dy, dx) = (entry / 9, entry / 3 % 3, entry % 3);
        let image = window / (rows * columns);
        let y = (window / columns % rows * stride + dy).wrapping_sub(1);
        let x = (window % columns * stride + dx).wrapping_sub(1);
        if y >= height || x >= width {
            return 0.0;
        }
        let (mean, variance) = moments[channel];
        let value = map.channel(channel)[(image * height + y) * width + x];
        ((f64::from(value) - mean) / (variance + 1e-4).sqrt()) as f32
    })
}

/// Returns the mean cost of windows with a row-major m × n dictionary.
fn cost(windows: &Mat<f32>, dictionary: &[f32], lambda1: f64) -> f64 {
    let atoms = dictionary.len() / windows.nrows();
    let dictionary = Mat::from_fn(windows.nrows(), atoms, |i, j| dictionary[i * atoms + j]);
    let settings = LearnSettings::new(ElasticNet::nonnegative(lambda1 as f32, 1e-4));
    let start = DictionaryStart::Given(dictionary);
    let mut learner = Learner::new(settings, windows, atoms, &start).unwrap();
    let solver = Auto::new(Settings::new(1e-4, 1000).unwrap());
    learner.objective(&solver, windows).unwrap().objective
}

/// Compares the cost of 200 new digits with learned atoms and with random atoms of norm 1.
///
/// Without atoms, the cost of a window is half its squared norm. Random atoms are unrelated to the
/// windows. With 8 of them in 9 dimensions, of which a nonnegative code can use the half that
/// points towards the window, a good part of the squared norm remains. With 12 in 72 dimensions,
/// nearly all of it remains: at least 1 - 12/72 = 5/6 on average, even for codes of any sign.
/// Windows of digits are far from filling these dimensions, because neighbouring pixels are alike.
/// Learned atoms point where most of the squared norm is.
#[test]
fn windows_of_other_images_cost_much_less_over_learned_atoms() {
    let config = config();
    let mut network = Network::new(&config, 0).unwrap();
    let batches = [digits(0, 300), digits(300, 300)];
    let learned = network
        .learn_dictionaries(batches, 0, &mut |_| ControlFlow::Continue(()))
        .unwrap();

    let images = digits(700, 200);
    // Inference uses the moments of this batch.
    network.estimate_moments([images.clone()]).unwrap();
    let maps = [images.clone(), network.codes(images, 0).unwrap()];
    for (h, map) in maps.iter().enumerate() {
        let windows = normalized_windows(map, config.layers[h].stride);
        let name = format!("layer{h}.dictionary");
        let over = |network: &Network| {
            let dictionary = &network.param(&name).unwrap().unwrap().value;
            cost(&windows, dictionary, learned[h].lambda1)
        };
        let found = over(&network);
        // The cost is close to that of the last epoch, which was on other images.
        assert_abs_diff_eq!(found / learned[h].objective, 1.0, epsilon = 0.1);
        for seed in 0..3 {
            let mut random = config.clone();
            random.dictionary = DictionaryInit::UnitNorm;
            let random = over(&Network::new(&random, seed).unwrap());
            assert!(
                found < 0.7 * random,
                "layer {h}: {found} learned, {random} random"
            );
        }
    }
}

/// Constant images are zero after normalisation, or have identical windows if there is no
/// normalisation before the layer. In other cases there are fewer windows than atoms.
#[test]
fn constant_images_and_few_windows_are_learned_from() {
    for after in [false, true] {
        let mut config = config();
        if after {
            config.batch_norm.placement = scn_net::NormPlacement::After;
        }
        let constant = Tensor::new(shape(3), vec![0.5; 3 * 64]).unwrap();
        let mut network = Network::new(&config, 0).unwrap();
        learn(&mut network, vec![constant.clone()]).unwrap();
        let (logits, _) = network.infer(constant).unwrap();
        assert!(logits.data().iter().all(|logit| logit.is_finite()));

        // One image has 16 windows for the 40 atoms of the second layer.
        config.layers = vec![LayerConfig::new(80, 1), LayerConfig::new(40, 2)];
        let mut network = Network::new(&config, 0).unwrap();
        learn(&mut network, vec![digits(0, 1)]).unwrap();
        assert!(network.infer(digits(0, 2)).is_ok());

        // The sample has fewer windows than there are atoms.
        let mut few = small::config();
        few.set("network.learned.windows", "5").unwrap();
        config.learned = few.network.learned;
        let mut network = Network::new(&config, 0).unwrap();
        learn(&mut network, vec![digits(0, 20)]).unwrap();
    }
}

/// Learning changes only the dictionaries, and a failed attempt changes nothing.
#[test]
fn all_else_stays_as_it_was() {
    let values = |network: &Network| -> Vec<(String, Vec<f32>)> {
        let params = network.params().unwrap();
        params
            .map(|(name, param)| (name, param.value.clone()))
            .collect()
    };
    let mut network = Network::new(&config(), 0).unwrap();
    let before = values(&network);

    let mut infinite = digits(0, 4);
    infinite.data_mut()[70] = f32::INFINITY;
    let error = learn(&mut network, vec![digits(4, 2), infinite]).unwrap_err();
    assert!(matches!(error, NetError::Pixel { image: 3, .. }), "{error}");
    let error = learn(&mut network, vec![]).unwrap_err();
    assert!(matches!(error, NetError::Learning { .. }), "{error}");
    let other = Tensor::zeros(Shape {
        height: 9,
        ..shape(2)
    });
    let error = learn(&mut network, vec![other]).unwrap_err();
    assert!(matches!(error, NetError::Images { .. }), "{error}");
    // Stop in the second layer.
    let mut told = 0;
    let stopped = network.learn_dictionaries([digits(0, 40)], 0, &mut |progress| {
        told += 1;
        assert!(
            progress.layer < 2 && progress.seen <= progress.expected,
            "{progress:?}"
        );
        if progress.layer == 1 && progress.seen > 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert!(matches!(stopped, Err(NetError::Stopped)));
    // An epoch of a layer has four steps of 256 windows, or one.
    assert!(told > 10, "{told}");
    assert_eq!(values(&network), before);

    learn(&mut network, vec![digits(0, 40)]).unwrap();
    for ((name, found), (_, before)) in values(&network).iter().zip(&before) {
        assert_eq!(found == before, !name.ends_with("dictionary"), "{name}");
    }
}

#[test]
fn a_network_that_is_still_to_learn_computes_nothing_and_is_not_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let config = config();
    let mut network = Network::new(&config, 0).unwrap();
    let refused = |error: NetError| assert!(matches!(error, NetError::Unlearned), "{error}");
    refused(network.infer(digits(0, 2)).unwrap_err());
    refused(network.codes(digits(0, 2), 0).unwrap_err());
    refused(
        network
            .loss_and_gradients(digits(0, 2), &[0, 1])
            .unwrap_err(),
    );
    refused(network.estimate_moments([digits(0, 2)]).unwrap_err());
    let model = Model::new(network, ModelInput::new(small::config().dataset));
    let error = model.save(&path).unwrap_err();
    assert!(matches!(error, ModelFileError::Unlearned { .. }), "{error}");
    assert!(!path.exists());

    // A network with learned dictionaries is read back as written.
    let mut network = model.network;
    learn(&mut network, vec![digits(0, 40)]).unwrap();
    let expected = network.infer(digits(0, 2)).unwrap();
    Model::new(network, model.input).save(&path).unwrap();
    let read = Model::load(&path).unwrap();
    assert_eq!(*read.network.config(), config);
    assert_eq!(read.network.infer(digits(0, 2)).unwrap().0, expected.0);
}

/// Stops after a number of steps, or while dictionaries are learned.
#[derive(Default)]
struct Stop {
    after_steps: Option<usize>,
    in_learning: bool,
    steps: usize,
    learning: usize,
    begun: bool,
}

impl Observer for Stop {
    fn learning(&mut self, _: &LearningProgress) {
        assert!(!self.begun);
        self.learning += 1;
    }
    fn begin(&mut self, _: &scn_net::Beginning<'_>) {
        self.begun = true;
    }
    fn step(&mut self, _: &StepProgress<'_>) {
        self.steps += 1;
    }
    fn stop(&self) -> bool {
        let in_learning = self.in_learning && self.learning > 3;
        in_learning || (self.begun && Some(self.steps) == self.after_steps)
    }
}

fn run_config() -> RunConfig {
    let mut config = small::config();
    // The sample of 512 images is larger than the 96 images that there are.
    config.set("network.dictionary", "learned").unwrap();
    config
}

fn run(out: &Path, start: RunStart, threads: usize, observer: &mut dyn Observer) -> Outcome {
    let device = Device::cpu(Some(threads)).unwrap();
    train(
        &run_config(),
        &small::digits(),
        out,
        start,
        &device,
        observer,
    )
    .unwrap()
}

fn model(out: &Path) -> Vec<u8> {
    std::fs::read(RunFolder::new(out).model()).unwrap()
}

/// Runs are bit-identical with one thread and three and through an interruption, and differ from a
/// run with random atoms.
#[test]
fn runs_that_learn_first_end_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let [one, three, resumed, other] =
        ["one", "three", "resumed", "other"].map(|name| folder.path().join(name));
    run(&one, RunStart::Fresh, 1, &mut Silent);
    run(&three, RunStart::Fresh, 3, &mut Silent);
    assert_eq!(model(&one), model(&three));

    let mut stop = Stop {
        after_steps: Some(4),
        ..Stop::default()
    };
    let outcome = run(&resumed, RunStart::Fresh, 1, &mut stop);
    assert!(
        matches!(outcome, Outcome::Interrupted { .. }),
        "{outcome:?}"
    );
    assert!(stop.learning > 0);
    let mut rest = Stop::default();
    run(&resumed, RunStart::Resume, 2, &mut rest);
    assert_eq!((rest.learning, rest.steps), (0, 5));
    assert_eq!(model(&resumed), model(&one));

    let mut config = run_config();
    config.set("network.dictionary", "unit-norm").unwrap();
    let device = Device::cpu(Some(1)).unwrap();
    let data = small::digits();
    train(
        &config,
        &data,
        &other,
        RunStart::Fresh,
        &device,
        &mut Silent,
    )
    .unwrap();
    assert_ne!(model(&other), model(&one));
}

#[test]
fn a_run_that_is_stopped_while_it_learns_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut stop = Stop {
        in_learning: true,
        ..Stop::default()
    };
    assert_eq!(run(&out, RunStart::Fresh, 1, &mut stop), Outcome::NotBegun);
    assert!(!stop.begun);
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 0);
}

/// The pixels are finite, but their squares are not.
#[test]
fn a_run_on_images_that_are_too_large_says_so() {
    let mut config = run_config();
    config.set("network.batch_norm.placement", "after").unwrap();
    let huge = Tensor::new(shape(2), vec![1e30; 128]).unwrap();
    let mut network = Network::new(&config.network, 0).unwrap();
    let error = learn(&mut network, vec![huge]).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the dictionary of layer0 cannot be learned: signals must"),
        "{error}"
    );
    let _: TrainError = error.into();
}
