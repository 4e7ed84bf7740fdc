//! `scn evaluate`: tests a model.

mod confusion;

use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use scn_data::{DataSource, Loader};
use scn_net::{
    Device, Evaluation, evaluate_average_mirrored_watched, evaluate_each, expect_same_images,
};
use serde::Serialize;

use crate::data_folder::{DataFolder, parse_source};
use crate::model_file;
use crate::model_images::{Half, labelled, normalization};
use crate::number;
use crate::output::Output;
use crate::readable::{percent, rate};
use crate::screen::Bar;

/// Measures test error, loss and confusion of a model.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  scn evaluate --model runs/digits/model.safetensors\n  scn evaluate --model runs/digits/model.safetensors --noise 0.1\n  scn evaluate --model runs/cifar10-scn1/model.safetensors --data data --average-mirrored"
)]
pub(crate) struct Evaluate {
    /// Model, checkpoint or run folder
    #[arg(help_heading = "Input", long, value_name = "MODEL")]
    model: PathBuf,
    /// Data set to test on: a name, folder:DIR (its DIR/test, or all of DIR/CLASS/*) or npy:PREFIX
    /// [default: the data set of the model]
    #[arg(help_heading = "Input", long, value_name = "DATASET", value_parser = parse_source)]
    dataset: Option<DataSource>,
    #[command(flatten)]
    data: DataFolder,
    /// Images per batch
    #[arg(long, value_name = "COUNT", default_value_t = 128)]
    batch_size: usize,
    /// Tests on only the first COUNT images
    #[arg(help_heading = "Input", long, value_name = "COUNT")]
    test_limit: Option<usize>,
    /// Adds Gaussian noise of this standard deviation to the pixels, as a fraction of their range
    #[arg(long, value_name = "DEVIATION", default_value_t = 0.0, value_parser = number::parse::<f64>)]
    noise: f64,
    /// Seed of the noise
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
    /// Multiplies lambda1 of all sparse coding layers, for this evaluation only; the model file
    /// does not change
    #[arg(
        long,
        value_name = "FACTOR",
        default_value_t = 1.0,
        allow_negative_numbers = true,
        value_parser = number::parse::<f64>
    )]
    lambda1_scale: f64,
    /// Classifies by the mean logits of each image and its mirror image (not the network's plain
    /// test error)
    #[arg(long)]
    average_mirrored: bool,
}

/// The output of `scn evaluate --json`.
#[derive(Debug, Serialize)]
struct Summary {
    model: PathBuf,
    dataset: DataSource,
    noise: f64,
    lambda1_scale: f64,
    /// Whether the logits of each image and its mirror image were averaged.
    average_mirrored: bool,
    #[serde(flatten)]
    evaluation: Evaluation,
}

impl Evaluate {
    pub(crate) fn run(&self, device: &Device, output: &Output) -> Result<()> {
        let processes = device.processes();
        let mut model = model_file::shared(&self.model, &*processes, output)?;
        model.network.scale_lambda1(self.lambda1_scale)?;
        model.network.move_to(device)?;
        let dataset = self
            .dataset
            .as_ref()
            .unwrap_or(&model.input.dataset)
            .clone();
        let test = labelled(&model, &dataset, Half::Test, &self.data)?;
        expect_same_images(&*processes, &[&test])?;
        let normalization = normalization(&model, &self.model)?.clone();
        let mut test = test.first(self.test_limit.unwrap_or(usize::MAX));
        if self.noise != 0.0 {
            test = test.with_noise(self.noise, self.seed)?;
        }
        let batch = self.batch_size.min(test.len());
        model.network.check_inference_memory(batch)?;
        let test = Arc::new(test);
        let loader = Loader::in_order(Arc::clone(&test), Arc::new(normalization), self.batch_size)?;
        let looks = if self.average_mirrored { 2 } else { 1 };
        let bar = Bar::new("testing", looks * test.len());
        let mut watcher = |images| {
            bar.advance(images);
            ControlFlow::Continue(())
        };
        let evaluation = if self.average_mirrored {
            evaluate_average_mirrored_watched(&model.network, &loader, device, &mut watcher)
        } else {
            let mut each = |_: &_, labels: &[u16]| watcher(labels.len());
            evaluate_each(&model.network, &loader, device, &mut each)
        };
        drop(bar);
        let evaluation = evaluation?;
        let summary = Summary {
            model: self.model.clone(),
            dataset,
            noise: self.noise,
            lambda1_scale: self.lambda1_scale,
            average_mirrored: self.average_mirrored,
            evaluation,
        };
        output.result(&summary, || describe(&summary, test.class_names()))
    }
}

fn describe(summary: &Summary, names: &[String]) -> String {
    let Evaluation {
        images,
        loss,
        error,
        confusion,
        seconds,
        images_per_second,
        ..
    } = &summary.evaluation;
    let wrong = (error * *images as f64).round();
    let noise = if summary.noise == 0.0 {
        String::new()
    } else {
        format!(" with noise of standard deviation {}", summary.noise)
    };
    let lambda1 = if summary.lambda1_scale == 1.0 {
        String::new()
    } else {
        format!(", lambda1 of all layers times {}", summary.lambda1_scale)
    };
    let mirrored = if summary.average_mirrored {
        ", mean logits of each image and its mirror image"
    } else {
        ""
    };
    let mut text = format!(
        "{}, {} test images{noise}{lambda1}{mirrored}\ntest error  {}  ({wrong} wrong)\ntest loss   {loss:.4}\n\
         throughput  {} images/s ({seconds:.1} s)\n",
        summary.dataset,
        images,
        percent(*error),
        rate(*images_per_second)
    );
    let _ = write!(text, "\n{}", confusion::describe(names, confusion));
    text
}
