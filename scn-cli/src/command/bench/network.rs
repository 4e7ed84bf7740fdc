//! `scn bench train` and `scn bench infer`: throughput of a whole network, and where the time goes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use scn_data::{ImageSet, Loader, Normalization, bytes_of, check_memory};
use scn_net::{
    Device, DictionaryInit, Network, NetworkConfig, RunConfig, Sgd, Tensor, learning_rate, presets,
    tolerances,
};
use scn_solvers::InstructionSet;
use scn_solvers::synthetic::normal_matrix;

use super::kernels::{self, Clock, Graphics};
use super::memory::peak_memory;
use super::peak::peak_operations_per_second;
use super::phases::{Machine, Measured, Phases};
use crate::data_folder::DataFolder;
use crate::model_file;
use crate::number;
use crate::output::Output;
use crate::screen::Bar;
use crate::setting;

/// Options of both benchmarks.
#[derive(Debug, Args)]
pub(super) struct NetworkBench {
    /// Preset to benchmark
    #[arg(long, value_name = "NAME", default_value = "cifar10-scn4")]
    preset: String,
    /// Starts with the weights of a model or checkpoint of the preset's network, instead of
    /// untrained ones
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
    #[command(flatten)]
    data: DataFolder,
    /// Images per batch
    #[arg(long, value_name = "COUNT")]
    batch_size: Option<usize>,
    /// Number of batches to measure
    #[arg(long, value_name = "COUNT", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    steps: u16,
    /// Number of batches before the measurement
    #[arg(long, value_name = "COUNT", default_value_t = 5)]
    warm_up: u16,
    /// Changes a setting of config.toml, for example network.solver.tolerance=1e-3 (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting::parse)]
    settings: Vec<(String, String)>,
}

/// Measures training: images per second, time per phase and per layer, passes, fraction of the
/// machine's peak, peak memory.
///
/// One step is loss, gradients and update for a batch. Without the data set in the data folder,
/// images are random. Times of phases that all threads work on are summed over threads and divided
/// by their number. Operations are counted by formula: 2 m n per window for D'x, X Y' and D y, 2 n²
/// per window and pass for solve and adjoint, 2 n² for A Y'; certificates take time but count no
/// operations. The peak is measured first, with multiply-adds on registers.
///
/// On a GPU (--device cuda), images per second are measured in steps without internal timing. As
/// many further steps then time every kernel and every layer with events. The peak is computed from
/// the clocks reported by the driver.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  scn bench train --data data\n  scn bench train --preset cifar10-scn1 --model runs/mine/model.safetensors --steps 20 --json"
)]
pub(super) struct Train {
    #[command(flatten)]
    bench: NetworkBench,
    /// Position in the run, from 0 to 1, whose learning rate and tolerances the steps use
    #[arg(long, value_name = "PART", default_value_t = 0.0, value_parser = part)]
    part: f64,
}

fn part(text: &str) -> Result<f64, String> {
    let part = number::parse(text)?;
    Some(part)
        .filter(|part| (0.0..=1.0).contains(part))
        .ok_or_else(|| "expected a number from 0 to 1".to_string())
}

/// Measures inference: images per second, time per phase and per layer, passes, fraction of the
/// machine's peak, peak memory.
///
/// Without the data set in the data folder, images are random. Figures are as in scn bench train.
/// An untrained network has no moments: without --model, it first trains for as many steps as
/// --warm-up sets.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  scn bench infer --model runs/cifar10-scn4/model.safetensors --data data\n  scn bench infer --set network.solver.tolerance=1e-3"
)]
pub(super) struct Infer {
    #[command(flatten)]
    bench: NetworkBench,
}

impl Train {
    pub(super) fn run(&self, device: &Device, output: &Output) -> Result<()> {
        let mut subject = self.bench.prepare(device, output)?;
        let batch = subject.config.training.batch_size;
        subject.network.check_training_memory(batch)?;
        subject.go_to(self.part)?;
        let bar = Bar::wait(WARM_UP);
        subject.train(self.bench.warm_up)?;
        drop(bar);
        let steps = (Subject::train, Subject::train_timed);
        self.bench.measure("train", device, subject, steps, output)
    }
}

impl Infer {
    pub(super) fn run(&self, device: &Device, output: &Output) -> Result<()> {
        let mut subject = self.bench.prepare(device, output)?;
        let bar = Bar::wait(WARM_UP);
        if self.bench.model.is_none() {
            subject.train(self.bench.warm_up)?;
        }
        subject.infer(self.bench.warm_up)?;
        drop(bar);
        let steps = (Subject::infer, Subject::infer_timed);
        self.bench.measure("infer", device, subject, steps, output)
    }
}

/// Label of the progress bar before anything is timed.
const WARM_UP: &str = "warming up";

/// A network and its batches.
struct Subject {
    config: RunConfig,
    network: Network,
    optimizer: Sgd,
    rate: f64,
    loader: Loader,
    random_pictures: bool,
}

impl NetworkBench {
    fn prepare(&self, device: &Device, output: &Output) -> Result<Subject> {
        let mut config = presets::get(&self.preset)?;
        for (key, value) in &self.settings {
            config.set(key, value)?;
        }
        if let Some(size) = self.batch_size {
            config.training.batch_size = size;
        }
        config.validate()?;
        let mut network = match &self.model {
            None if config.network.dictionary == DictionaryInit::Learned => bail!(
                "dictionaries are learned only in training: expected --model with a model of a \
                 run, or another network.dictionary, found learned"
            ),
            None => Network::new(&config.network, config.seed)?,
            Some(path) => {
                let mut network = model_file::read(path, output)?.network;
                network.set_solver(config.network.solver)?;
                if *network.config() != config.network {
                    bail!(
                        "{}: expected the network of preset {}, found another one",
                        path.display(),
                        self.preset
                    );
                }
                network
            }
        };
        network.set_recompute(config.training.recompute);
        network.move_to(device)?;
        let batches = usize::from(self.steps).max(usize::from(self.warm_up));
        let [channels, height, width] = config.network.input;
        let sides = [batches, config.training.batch_size, channels, height, width];
        // Pixels take one byte each, and the random numbers behind them about as much.
        check_memory("the images of all batches", bytes_of::<[u8; 2]>(&sides))?;
        network.check_inference_memory(config.training.batch_size)?;
        let count = batches * config.training.batch_size;
        let absent = config.dataset.name().filter(|&name| !self.data.holds(name));
        let (images, random_pictures) = match absent {
            None => {
                let data = self.data.open(&config.dataset, &config.reading())?;
                config.fits(&data)?;
                (repeated(&data.train, count)?, false)
            }
            Some(name) => {
                output.warn(format_args!(
                    "no {name} in the data folder: images are random"
                ));
                (
                    random_images(&config.network, name.brightest(), count)?,
                    true,
                )
            }
        };
        let images = Arc::new(images);
        let bar = Bar::wait("fitting mean, scale and whitening");
        let normalization = Normalization::fit(&images, config.input.normalization())?;
        drop(bar);
        let loader = Loader::training(
            images,
            Arc::new(normalization),
            config.augmentation(),
            config.training.batch_size,
            config.seed,
        )?;
        Ok(Subject {
            optimizer: Sgd::new(&config.training),
            rate: config.training.learning_rate,
            network,
            loader,
            random_pictures,
            config,
        })
    }

    /// Measures steps and prints the results. On a GPU, the throughput comes from separate steps
    /// without internal timing.
    fn measure(
        &self,
        what: &'static str,
        device: &Device,
        mut subject: Subject,
        (plain, timed): (
            impl Fn(&mut Subject, u16) -> Result<()>,
            impl Fn(&mut Subject, u16, &mut Phases) -> Result<()>,
        ),
        output: &Output,
    ) -> Result<()> {
        let mut phases = Phases::new(&subject.config.network);
        let measured = Measured {
            what,
            preset: self.preset.clone(),
            batch_size: subject.config.training.batch_size,
            random_pictures: subject.random_pictures,
        };
        // On a GPU, events between kernels take time: measure the throughput without them, and the
        // time of each kernel in additional steps.
        let bar = Bar::wait(format!("timing {} steps", self.steps));
        let mut clock = None;
        if Graphics::of(device)?.is_some() {
            device.synchronize()?;
            let begun = Instant::now();
            plain(&mut subject, self.steps)?;
            device.synchronize()?;
            clock = Some(Clock {
                steps: self.steps,
                total: begun.elapsed(),
            });
        }
        subject.network.set_timed(true);
        timed(&mut subject, self.steps, &mut phases)?;
        let kernels = subject.network.take_kernel_times()?;
        drop(bar);
        if let Some((clock, graphics)) = clock.zip(Graphics::of(device)?) {
            let summary =
                kernels::Summary::new(measured, clock, &phases, kernels, graphics, peak_memory());
            return output.result(&summary, || summary.to_string());
        }
        let peaks = rayon::broadcast(|_| peak_operations_per_second::<f32>());
        let machine = Machine {
            instruction_set: InstructionSet::detect().to_string(),
            threads: rayon::current_num_threads(),
            peak_operations_per_second: peaks.into_iter().sum(),
            peak_memory_bytes: peak_memory(),
        };
        let summary = phases.summary(measured, machine);
        output.result(&summary, || summary.to_string())
    }
}

impl Subject {
    /// Sets the learning rate and the tolerances of a position in the run, from 0 to 1.
    fn go_to(&mut self, part: f64) -> Result<()> {
        let RunConfig {
            training, network, ..
        } = &self.config;
        let steps = 1 << 20;
        let step = (part * steps as f64) as u64;
        self.rate = learning_rate(training, step, steps);
        let solver = tolerances(training, network.solver, step, steps);
        Ok(self.network.solve_with(&solver)?)
    }

    /// Takes training steps, as `scn train` does.
    fn train(&mut self, steps: u16) -> Result<()> {
        let (network, optimizer) = (&mut self.network, &mut self.optimizer);
        let steps = usize::from(steps);
        Ok(network.train_on(&self.loader, 0, steps, optimizer, self.rate, &mut |_| ())?)
    }

    /// Takes training steps one by one, and times their phases.
    fn train_timed(&mut self, steps: u16, phases: &mut Phases) -> Result<()> {
        let mut batches = self.loader.epoch(0, 0).take(usize::from(steps));
        loop {
            let begun = Instant::now();
            let Some(batch) = batches.next() else {
                return Ok(());
            };
            let images = Tensor::from_batch(&batch)?;
            let loaded = Instant::now();
            let report = self.network.loss_and_gradients(images, &batch.labels)?;
            let known = Instant::now();
            self.optimizer.step(&mut self.network, self.rate)?;
            let done = Instant::now();
            let loading = loaded - begun;
            phases.step(done - begun, loading, known - loaded, done - known);
            phases.layers(&report.activity, &report.adjoint, &report.times);
        }
    }

    /// Runs inference on batches, as `scn evaluate` does.
    fn infer(&mut self, batches: u16) -> Result<()> {
        let mut each = |_, _: &[u16], _| Ok(());
        let batches = usize::from(batches);
        Ok(self.network.infer_on(&self.loader, batches, &mut each)?)
    }

    /// Runs inference on batches one by one, and times their phases.
    fn infer_timed(&mut self, batches: u16, phases: &mut Phases) -> Result<()> {
        let mut batches = self.loader.epoch(0, 0).take(usize::from(batches));
        loop {
            let begun = Instant::now();
            let Some(batch) = batches.next() else {
                return Ok(());
            };
            let images = Tensor::from_batch(&batch)?;
            let loaded = Instant::now();
            let (_, activity, times) = self.network.infer_timed(images)?;
            let done = Instant::now();
            phases.step(done - begun, loaded - begun, done - loaded, Duration::ZERO);
            phases.layers(&activity, &[], &times);
        }
    }
}

/// Returns the first `count` images of a set, starting over at its end.
fn repeated(images: &ImageSet, count: usize) -> Result<ImageSet> {
    if images.is_empty() {
        bail!("expected images, found none");
    }
    let indices: Vec<usize> = (0..images.len()).cycle().take(count).collect();
    images.subset(&indices).context("images of the data set")
}

/// Creates images of blurred blotches with some noise. Neighbouring pixels are similar, as in
/// photographs.
fn random_images(network: &NetworkConfig, brightest: u8, count: usize) -> Result<ImageSet> {
    let [channels, height, width] = network.input;
    let side = 4;
    let (rows, columns) = (height / side + 2, width / side + 2);
    let blotches = normal_matrix::<f32>(rows * columns, count * channels, 1);
    let noise = normal_matrix::<f32>(height * width, 1, 2);
    let full = f32::from(brightest);
    let mut pixels = Vec::with_capacity(count * channels * height * width);
    for plane in blotches.col_iter() {
        for y in 0..height {
            for x in 0..width {
                let corner =
                    |dy: usize, dx: usize| plane[(y / side + dy) * columns + x / side + dx];
                let (down, right) = ((y % side) as f32 / 4.0, (x % side) as f32 / 4.0);
                let above = corner(0, 0) * (1.0 - right) + corner(0, 1) * right;
                let below = corner(1, 0) * (1.0 - right) + corner(1, 1) * right;
                let value = above * (1.0 - down) + below * down + 0.1 * noise[(y * width + x, 0)];
                pixels.push((full * (0.5 + 0.25 * value)).clamp(0.0, full) as u8);
            }
        }
    }
    let classes = network.classes;
    let labels = (0..count).map(|image| (image % classes) as u16).collect();
    let names: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
    ImageSet::new(pixels, network.input, labels, names, brightest).context("random images")
}
