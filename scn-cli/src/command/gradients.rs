//! `scn gradients`: computes loss and gradients of one batch, to check other programs against.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use safetensors::tensor::{Dtype, TensorView, serialize};
use scn_data::format::npy;
use scn_net::{Device, Shape, Tensor};
use serde::Serialize;

use crate::arrays::preprocessed;
use crate::ending::Ending;
use crate::model_file;
use crate::number;
use crate::output::Output;
use crate::screen::Bar;
use crate::whole_file;

/// Computes loss and gradients of one batch in training mode, without taking a step.
///
/// Training mode normalises with the moments of the batch. The output file holds `loss` [1] and the
/// gradient of each parameter under its name in the model file, without weight decay.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  scn gradients --model M.safetensors --images X.npy --labels y.npy --out G.safetensors"
)]
pub(crate) struct Gradients {
    /// Model or checkpoint
    #[arg(long, value_name = "MODEL")]
    model: PathBuf,
    /// Preprocessed images, .npy [N, C, H, W], f2, f4 or f8; converted to f4
    #[arg(long, value_name = "X.npy")]
    images: PathBuf,
    /// Labels, counted from 0, .npy [N], integers of any type
    #[arg(long, value_name = "y.npy")]
    labels: PathBuf,
    /// KKT residual of the codes and relative residual of the adjoint to reach
    #[arg(long, value_name = "NUMBER", default_value_t = 1e-6, value_parser = number::parse::<f32>)]
    tolerance: f32,
    /// Maximum number of passes; after these, the best codes so far are used
    #[arg(long, value_name = "COUNT", default_value_t = 2000)]
    max_passes: u32,
    /// Exits with code 0, not 3, if codes miss the tolerance. The gradients are written either way
    #[arg(long)]
    allow_unconverged: bool,
    /// Output file for loss and gradients
    #[arg(long, value_name = "G.safetensors")]
    out: PathBuf,
}

/// The output of `scn gradients --json`.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    gradients: &'a PathBuf,
    loss: f64,
    error: f64,
    images: usize,
    /// Largest KKT residual of any code.
    kkt: f64,
    unconverged: usize,
}

impl Gradients {
    pub(crate) fn run(&self, device: &Device, output: &Output) -> Result<Ending> {
        let mut network = model_file::read(&self.model, output)?.network;
        let mut solver = network.config().solver;
        (solver.tolerance, solver.adjoint_tolerance) = (self.tolerance, self.tolerance);
        solver.max_passes = self.max_passes;
        network.set_solver(solver)?;
        network.move_to(device)?;

        let (pixels, [count, channels, height, width]) = preprocessed(&self.images)?;
        let labels = self.read_labels(count, network.config().classes)?;
        network.check_training_memory(count)?;
        let images = Tensor::from_images(
            &pixels,
            Shape {
                channels,
                images: count,
                height,
                width,
            },
        )?;
        let bar = Bar::wait("computing gradients");
        let report = device.run(|| network.loss_and_gradients(images, &labels));
        drop(bar);
        let report = report
            .with_context(|| format!("{} with {}", self.images.display(), self.labels.display()))?;
        if !report.loss.is_finite() {
            bail!(
                "{}: expected a finite loss for these images, found {}",
                self.images.display(),
                report.loss
            );
        }

        let mut arrays: BTreeMap<String, (Vec<usize>, Vec<u8>)> = BTreeMap::new();
        let bytes = |values: &[f32]| {
            values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect()
        };
        arrays.insert("loss".to_string(), (vec![1], bytes(&[report.loss as f32])));
        for (name, param) in network
            .params()?
            .filter(|(_, param)| !param.grad.is_empty())
        {
            if let Some(found) = param.grad.iter().find(|value| !value.is_finite()) {
                bail!(
                    "{}: expected finite gradients for these images, found {found} in the gradient of {name}",
                    self.images.display()
                );
            }
            arrays.insert(name, (param.shape.clone(), bytes(&param.grad)));
        }
        let views: Result<Vec<_>, _> = arrays
            .iter()
            .map(|(name, (shape, bytes))| {
                Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?))
            })
            .collect::<Result<_, safetensors::SafeTensorError>>();
        let file = serialize(views?, None)?;
        whole_file::write(&self.out, |out| out.write_all(&file))?;

        let kkt = report
            .activity
            .iter()
            .map(|activity| activity.residual)
            .fold(0.0, f64::max);
        let unconverged = report
            .activity
            .iter()
            .map(|activity| activity.unconverged)
            .sum();
        let error = report.errors as f64 / count.max(1) as f64;
        let summary = Summary {
            gradients: &self.out,
            loss: report.loss,
            error,
            images: count,
            kkt,
            unconverged,
        };
        output.result(&summary, || {
            format!(
                "loss {:.6}, {} of {count} wrong, largest KKT residual {kkt:.1e}\ngradients {}",
                report.loss,
                report.errors,
                self.out.display()
            )
        })?;
        if unconverged == 0 {
            return Ok(Ending::Done);
        }
        let missed = format!(
            "{unconverged} codes did not reach the tolerance {:e}; the largest KKT residual is {kkt:.1e}",
            self.tolerance
        );
        Ok(output.unconverged(missed, self.allow_unconverged))
    }

    /// Reads the labels and checks that there are `count` of them.
    fn read_labels(&self, count: usize, classes: usize) -> Result<Vec<u16>> {
        let labels = npy::open_labels(&self.labels, classes)?;
        if labels.len() != count {
            bail!(
                "{}: expected {count} labels, one per image, found {}",
                self.labels.display(),
                labels.len()
            );
        }
        Ok(labels)
    }
}
