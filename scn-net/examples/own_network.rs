//! A network with layers of your own choice: trained on the embedded digits for one epoch, saved,
//! loaded, and asked for the class of an image.
//!
//!     cargo run --release -p scn-net --example own_network

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use scn_data::{Augmentation, DatasetName, Loader, Normalization, NormalizationConfig, Scale};
use scn_net::{
    Device, DictionaryInit, LayerConfig, Model, ModelInput, NetError, Network, NetworkConfig,
    Schedule, Sgd, Tensor, TrainingConfig, evaluate, learning_rate, probabilities,
};

fn main() -> Result<(), Box<dyn Error>> {
    let digits = scn_data::open(DatasetName::Digits, Path::new(""))?;
    let (train, test) = (Arc::new(digits.train), Arc::new(digits.test));
    let scaled = NormalizationConfig::default().with_scale(Scale::Deviation);
    let normalization = Arc::new(Normalization::fit(&train, scaled)?);

    // Windows of 5 x 5 pixels. The second layer halves height and width.
    let layers = vec![LayerConfig::new(24, 1), LayerConfig::new(48, 2)];
    let mut settings = NetworkConfig::new(train.shape(), train.classes(), layers);
    settings.window = 5;
    settings.dictionary = DictionaryInit::UnitNorm;
    settings.lambda1.per_atom = true;
    let mut training = TrainingConfig::new(1);
    training.batch_size = 16;
    training.schedule = Schedule::Cosine;

    let seed = 0;
    let mut network = Network::new(&settings, seed)?;
    println!(
        "{} layers with {} parameters",
        settings.layers.len(),
        network.parameter_count()
    );
    let augmentation = Augmentation::default().with_shift(1);
    let batch = training.batch_size;
    let loader = Loader::training(train, Arc::clone(&normalization), augmentation, batch, seed)?;
    let (mut sgd, mut losses) = (Sgd::new(&training), Vec::new());
    let device = Device::cpu(None)?;
    device.run(|| -> Result<(), NetError> {
        let steps = loader.batches() as u64;
        for (batch, step) in loader.epoch(0, 0).zip(0..) {
            losses.push(network.batch_gradients(&batch)?.loss);
            sgd.step(&mut network, learning_rate(&training, step, steps))?;
        }
        Ok(())
    })?;
    println!(
        "loss of {} steps: {:.3} at first, {:.3} at last",
        losses.len(),
        losses[0],
        losses[losses.len() - 1]
    );
    let loader = Loader::in_order(Arc::clone(&test), Arc::clone(&normalization), batch)?;
    let evaluation = evaluate(&network, &loader, &device)?;
    println!(
        "test error: {:.2} % of {} images",
        100.0 * evaluation.error,
        evaluation.images
    );

    let mut input = ModelInput::new(DatasetName::Digits);
    input.normalization = Some(Normalization::clone(&normalization));
    input.class_names = test.class_names().to_vec();
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("digits.safetensors");
    Model::new(network, input).save(&path)?;

    let model = Model::load(&path)?;
    let normalization = model.input.normalization.ok_or("no normalisation")?;
    let loader = Loader::in_order(test, Arc::new(normalization), 1)?;
    let image = loader.epoch(0, 0).next().ok_or("no images")?;
    let (logits, _) = model.network.infer(Tensor::from_batch(&image)?)?;
    let names = model.input.class_names.iter();
    let classes = names.zip(probabilities(&logits, 0));
    let best = classes.max_by(|(_, a), (_, b)| a.total_cmp(b));
    let (class, probability) = best.ok_or("no classes")?;
    let label = image.labels[0];
    println!("the first test image is a {class} with probability {probability:.3}; label {label}");
    Ok(())
}
