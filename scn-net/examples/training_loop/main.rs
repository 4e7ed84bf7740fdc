//! A custom training loop: AdamW in place of the built-in optimiser, on the embedded digits.
//!
//!     cargo run --release -p scn-net --example training_loop

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use scn_data::{DatasetName, Loader, Normalization};
use scn_net::{Device, Network, Role, evaluate, learning_rate, presets};

fn main() -> Result<(), Box<dyn Error>> {
    let mut config = presets::get("digits")?;
    config.training.epochs = 5;
    config.training.learning_rate = 0.003;
    let training = &config.training;
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
    )?
    .with_mixup(0.2)?;
    let test = Loader::in_order(Arc::new(digits.test), normalization, training.batch_size)?;

    let mut network = Network::new(&config.network, config.seed)?;
    network.set_label_smoothing(0.1)?;
    let mut optimizer = AdamW::default();
    let (epochs, steps) = (training.epochs, loader.batches() as u64);
    for epoch in 0..epochs {
        let mut loss = 0.0;
        for (batch, step) in loader.epoch(epoch, 0).zip(epoch * steps..) {
            loss += network.batch_gradients(&batch)?.loss / steps as f64;
            let rate = learning_rate(training, step, epochs * steps);
            optimizer.step(&mut network, rate as f32)?;
        }
        println!("epoch {}: loss {loss:.4}", epoch + 1);
    }
    let images = loader.epoch(epochs, 0).take(8);
    let images: Result<Vec<_>, _> = images
        .map(|batch| scn_net::Tensor::from_batch(&batch))
        .collect();
    network.estimate_moments(images?)?;
    let evaluation = evaluate(&network, &test, &Device::cpu(None)?)?;
    println!(
        "test error: {:.2} % of {} images",
        100.0 * evaluation.error,
        evaluation.images
    );
    Ok(())
}

/// AdamW with the usual settings (Loshchilov, Hutter, "Decoupled weight decay regularization", ICLR
/// 2019, algorithm 2).
#[derive(Default)]
struct AdamW {
    step: i32,
    /// First and second moments of each parameter.
    moments: BTreeMap<String, Vec<[f32; 2]>>,
}

impl AdamW {
    fn step(&mut self, network: &mut Network, rate: f32) -> Result<(), Box<dyn Error>> {
        self.step += 1;
        let [first, second] = [0.9_f32, 0.999].map(|decay| 1.0 - decay.powi(self.step));
        network.visit_params_mut(&mut |name, param| {
            let Role::Learned { nonnegative, .. } = param.role else {
                return;
            };
            let moments = self.moments.entry(name.to_string());
            let moments = moments.or_insert_with(|| vec![[0.0; 2]; param.value.len()]);
            for ((w, &g), [m, v]) in param.value.iter_mut().zip(&param.grad).zip(moments) {
                *m = 0.9 * *m + 0.1 * g;
                *v = 0.999 * *v + 0.001 * g * g;
                *w -= rate * (*m / first / ((*v / second).sqrt() + 1e-8) + 0.01 * *w);
                if nonnegative {
                    *w = w.max(0.0);
                }
            }
        })?;
        Ok(network.refresh()?)
    }
}
