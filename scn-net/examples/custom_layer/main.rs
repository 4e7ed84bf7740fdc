//! A custom layer between two sparse coding layers, trained on the embedded digits. It normalises
//! the input of the second layer at every position.
//!
//!     cargo run --release -p scn-net --example custom_layer

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

mod rms_norm;

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use scn_data::{DatasetName, Loader, Normalization};
use scn_net::{Device, Network, Sgd, Tensor, evaluate, learning_rate, presets};

use self::rms_norm::RmsNorm;

fn main() -> Result<(), Box<dyn Error>> {
    let config = presets::get("digits")?;
    let (training, settings) = (&config.training, &config.network);
    let digits = scn_data::open(DatasetName::Digits, Path::new(""))?;
    let images = Arc::new(digits.train);
    let normalization = Normalization::fit(&images, config.input.normalization())?;
    let normalization = Arc::new(normalization);
    let loader = Loader::training(
        images,
        Arc::clone(&normalization),
        config.augmentation(),
        training.batch_size,
        config.seed,
    )?;
    let test = Loader::in_order(Arc::new(digits.test), normalization, training.batch_size)?;

    let mut network = Network::new(settings, config.seed)?;
    let channels = settings.layers[0].atoms;
    network.insert_after("norm1", "rms", Box::new(RmsNorm::new(channels, 1e-3)))?;

    let device = Device::cpu(None)?;
    let mut sgd = Sgd::new(training);
    let steps = loader.batches() as u64;
    for epoch in 0..training.epochs {
        let rate = learning_rate(training, epoch * steps, training.epochs * steps);
        let (mut loss, mut errors) = (0.0, 0);
        device.run(|| {
            network.train_on(&loader, epoch, usize::MAX, &mut sgd, rate, &mut |report| {
                loss += report.loss / steps as f64;
                errors += report.errors;
            })
        })?;
        if (epoch + 1) % 5 == 0 {
            let error = 100.0 * errors as f64 / loader.images() as f64;
            println!("epoch {:2}: loss {loss:.4}, error {error:.2} %", epoch + 1);
        }
    }
    // Like the preset, estimate the moments with the final weights.
    let batches = loader.epoch(training.epochs, 0);
    let batches = batches.take(settings.batch_norm.estimation_batches);
    let images: Result<Vec<Tensor>, _> = batches.map(|batch| Tensor::from_batch(&batch)).collect();
    let images = images?;
    device.run(|| network.estimate_moments(images))?;
    let evaluation = evaluate(&network, &test, &device)?;
    println!(
        "test error: {:.2} % of {} images",
        100.0 * evaluation.error,
        evaluation.images
    );
    if let Some(gain) = network.param("rms.gain")? {
        println!("gains: {:.3?}", gain.value);
    }
    Ok(())
}
