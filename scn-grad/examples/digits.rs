//! Learns a dictionary for the task that its codes serve: classifying handwritten digits.
//!
//! The signal x is an image of 8 × 8 pixels minus the mean image; its code is
//! `a = argmin over a >= 0 of 1/2 ||x - D a||² + λ1 sum a_j + λ2/2 ||a||²`. The loss is the cross
//! entropy of a linear classifier of codes, whose derivatives gradient descent needs:
//!
//! ```text
//! Loss = mean over images of -log p_label,   p = softmax(W a + b)
//! dLoss/da = W'(p - e_label) / images,   from which the adjoint computes dLoss/dD and dLoss/dλ1
//! ```
//!
//! D, λ1, W and b are trained together, by stochastic gradient descent with momentum and decay.
//! After each step, atoms are scaled back to norm <= 1, and λ1 to >= 0. For comparison, all but D
//! are trained: D stays what it starts from, random atoms of norm 1.
//!
//!     cargo run --release -p scn-grad --example digits

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use faer::{Mat, MatRef, Scale};
use scn_data::{Augmentation, Batch, DatasetName, Loader};
use scn_data::{Mean, Normalization, NormalizationConfig, Scale as PixelScale};
use scn_grad::{Gradients, Linearization, MaskedAuto};
use scn_solvers::synthetic::dictionary;
use scn_solvers::{Auto, ElasticNet, Problem, Settings, Start, encode};

const PIXELS: usize = 64;
const ATOMS: usize = 64;
const CLASSES: usize = 10;
const LAMBDA2: f32 = 1e-2;

const EPOCHS: u64 = 40;
const MOMENTUM: f32 = 0.9;
const DECAY: f32 = 2e-3;
const DICTIONARY_RATE: f32 = 0.2;
const LAMBDA1_RATE: f32 = 0.002;
const CLASSIFIER_RATE: f32 = 0.05;

/// The parameters, or their gradients or velocities.
#[derive(Clone)]
struct Parameters {
    dictionary: Mat<f32>,
    lambda1: f32,
    /// W and b; codes are extended by a last entry of 1.
    classifier: Mat<f32>,
}

#[expect(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn Error>> {
    let digits = scn_data::open(DatasetName::Digits, Path::new(""))?;
    let config = NormalizationConfig::default()
        .with_mean(Mean::Pixel)
        .with_scale(PixelScale::Deviation);
    let normalization = Arc::new(Normalization::fit(&digits.train, config)?);
    let in_order = |images| Loader::in_order(images, Arc::clone(&normalization), 512);
    let (train, test) = (Arc::new(digits.train), Arc::new(digits.test));
    let (all_train, all_test) = (in_order(Arc::clone(&train))?, in_order(test)?);
    let as_they_are = Augmentation::default();
    let shuffled = Loader::training(train, Arc::clone(&normalization), as_they_are, 64, 1)?;

    for (title, dictionary_rate) in [("random", 0.0), ("learned", DICTIONARY_RATE)] {
        println!("{title} dictionary\nepoch    loss  train error  test error  active  lambda1");
        let mut velocity = Parameters {
            dictionary: Mat::zeros(PIXELS, ATOMS),
            lambda1: 0.0,
            classifier: Mat::zeros(CLASSES, ATOMS + 1),
        };
        let mut parameters = Parameters {
            dictionary: dictionary(PIXELS, ATOMS, 0.0, 1),
            lambda1: 1.0,
            ..velocity.clone()
        };
        for epoch in 1..=EPOCHS {
            // The learning rates fall to zero along half a cosine.
            let fall = 0.5 + 0.5 * (std::f32::consts::PI * epoch as f32 / EPOCHS as f32).cos();
            let rates = [dictionary_rate, LAMBDA1_RATE, CLASSIFIER_RATE].map(|rate| rate * fall);
            for batch in shuffled.epoch(epoch, 0) {
                let (_, gradient) = differentiate(&parameters, &batch)?;
                descend(&mut parameters, &mut velocity, &gradient, rates);
            }
            if [1, 2, 5, 10, 20, 40].contains(&epoch) {
                let [loss, wrong, active] = evaluate(&parameters, &all_train)?;
                let [_, wrong_on_test, _] = evaluate(&parameters, &all_test)?;
                println!(
                    "{epoch:>5}  {loss:>6.4}  {:>9.1} %  {:>8.1} %  {:>4.0} %  {:>7.3}",
                    100.0 * wrong,
                    100.0 * wrong_on_test,
                    100.0 * active,
                    parameters.lambda1
                );
            }
        }
        println!("the atoms with the largest weights in the classifier:");
        for line in pictures(&parameters, 8) {
            println!("{}", line.trim_end());
        }
        println!();
    }
    Ok(())
}

/// Returns the sums over images of loss, errors and fraction of active codes, and the gradient of
/// the mean loss.
fn differentiate(
    parameters: &Parameters,
    batch: &Batch,
) -> Result<([f64; 3], Parameters), Box<dyn Error>> {
    let count = batch.labels.len();
    let signals = MatRef::from_column_major_slice(&batch.pixels, PIXELS, count);
    let penalty = ElasticNet::nonnegative(parameters.lambda1, LAMBDA2);
    let problem = Problem::new(parameters.dictionary.as_ref(), penalty)?;
    let settings = Settings::new(1e-4, 1000)?;
    let solver = Auto::new(settings);
    let mut features = Mat::full(ATOMS + 1, count, 1.0);
    let codes = features.subrows_mut(0, ATOMS);
    let report = encode(&solver, &problem, &signals, codes, Start::Zero)?;
    let codes = features.subrows(0, ATOMS);

    // The scores W a + b, later overwritten by the gradient with respect to them.
    let mut by_scores = &parameters.classifier * &features;
    let (mut loss, mut wrong) = (0.0, 0.0);
    for (k, &label) in batch.labels.iter().enumerate() {
        let (scores, label) = (by_scores.col_as_slice_mut(k), usize::from(label));
        let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = scores.iter().map(|score| (score - largest).exp()).sum();
        wrong += f64::from(u8::from(scores[label] < largest));
        loss += f64::from(sum.ln() + largest - scores[label]);
        for score in &mut *scores {
            *score = (*score - largest).exp() / sum;
        }
        scores[label] -= 1.0;
    }
    by_scores *= Scale(1.0 / count as f32);

    let by_features = parameters.classifier.transpose() * &by_scores;
    let mut gradients = Gradients::zeros(&problem);
    let adjoint_report = Linearization::new(&problem, &signals, codes)?.vjp(
        &MaskedAuto::new(settings),
        by_features.subrows(0, ATOMS),
        &mut gradients,
        None,
    )?;
    if !(report.converged() && adjoint_report.converged()) {
        return Err("codes or adjoint did not converge".into());
    }
    let entries = codes.col_iter().flat_map(|code| code.iter());
    let active = entries.filter(|&&a| a > 0.0).count() as f64 / ATOMS as f64;
    let gradient = Parameters {
        lambda1: gradients.shared_lambda1(),
        dictionary: gradients.dictionary,
        classifier: by_scores * features.transpose(),
    };
    Ok(([loss, wrong, active], gradient))
}

/// Returns mean loss, error rate and fraction of active codes over all images.
fn evaluate(parameters: &Parameters, loader: &Loader) -> Result<[f64; 3], Box<dyn Error>> {
    let mut means = [0.0; 3];
    for batch in loader.epoch(0, 0) {
        let (sums, _) = differentiate(parameters, &batch)?;
        for (mean, sum) in means.iter_mut().zip(sums) {
            *mean += sum / loader.images() as f64;
        }
    }
    Ok(means)
}

/// Takes one step, then restores norms <= 1 and λ1 >= 0.
fn descend(now: &mut Parameters, velocity: &mut Parameters, by: &Parameters, rates: [f32; 3]) {
    let step = |value: &mut Mat<f32>, velocity: &mut Mat<f32>, by: &Mat<f32>, rate| {
        *velocity = &*velocity * Scale(MOMENTUM) + by + &*value * Scale(DECAY);
        *value -= &*velocity * Scale(rate);
    };
    step(
        &mut now.dictionary,
        &mut velocity.dictionary,
        &by.dictionary,
        rates[0],
    );
    for mut atom in now.dictionary.col_iter_mut() {
        let norm = atom.norm_l2();
        atom *= Scale(1.0 / norm.max(1.0));
    }
    velocity.lambda1 = velocity.lambda1 * MOMENTUM + by.lambda1;
    now.lambda1 = (now.lambda1 - rates[1] * velocity.lambda1).max(0.0);
    step(
        &mut now.classifier,
        &mut velocity.classifier,
        &by.classifier,
        rates[2],
    );
}

/// Draws `count` atoms side by side in lines of text, each scaled from its least to its largest
/// entry. A pixel is two characters wide.
fn pictures(parameters: &Parameters, count: usize) -> Vec<String> {
    let shades: Vec<char> = " .:-=+*#%@".chars().collect();
    let weight = |j: usize| parameters.classifier.col(j).norm_l2();
    let mut order: Vec<usize> = (0..ATOMS).collect();
    order.sort_by(|&i, &j| weight(j).total_cmp(&weight(i)));
    let mut lines = vec![String::new(); 8];
    for &j in &order[..count] {
        let atom = parameters.dictionary.col_as_slice(j);
        let least = atom.iter().copied().fold(f32::INFINITY, f32::min);
        let largest = atom.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for (line, row) in lines.iter_mut().zip(atom.chunks(8)) {
            for pixel in row {
                let place = (pixel - least) / (largest - least) * (shades.len() - 1) as f32;
                line.extend([shades[place.round() as usize]; 2]);
            }
            line.push_str("  ");
        }
    }
    lines
}
