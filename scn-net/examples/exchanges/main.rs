//! Counts what processes exchange in a training step, and estimates its cost (docs/scaling.md) with
//! the model `time = hops × latency + bytes received / bandwidth`.
//!
//!     cargo run --release -p scn-net --example exchanges -- \
//!     PRESET BATCH [IMAGES/S LATENCY/µs GBIT/S ...]
//!
//! IMAGES/S is the throughput of a single process; LATENCY and GBIT/S describe the network between
//! processes. Processes are simulated by threads, and images are noise.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

mod counting;

use std::error::Error;
use std::sync::{Arc, Mutex};

use scn_data::{ImageSet, Loader, Normalization};
use scn_net::{Device, Network, Sgd, presets};
use scn_solvers::processes::{Processes, SumTree, Threads};

use self::counting::{Counted, Counting};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Minimum number of images that a process takes together (docs/mpi.md).
const LEAF: usize = 3;

/// Returns a number from the command line, or the default `otherwise`.
fn argument(place: usize, otherwise: f64) -> Outcome<f64> {
    match std::env::args().nth(place) {
        Some(text) => Ok(text.parse()?),
        None => Ok(otherwise),
    }
}

fn main() -> Outcome<()> {
    let preset = std::env::args().nth(1).unwrap_or("digits".to_string());
    let batch = argument(2, 32.0)? as usize;
    let counts = [2, 4, 8, 16, 32, 64];
    let counted = counts.map(|count| step(&preset, batch, count));
    let counted: Vec<Counted> = counted.into_iter().collect::<Outcome<_>>()?;
    println!("{preset}, batches of {batch}\n\nprocesses  messages  sent kB  received kB");
    for (
        count,
        Counted {
            messages,
            sent,
            received,
        },
    ) in counts.iter().zip(&counted)
    {
        let [sent, received] = [*sent, *received].map(|bytes| bytes as f64 / 1e3);
        println!("{count:9}  {messages:8}  {sent:7.0}  {received:11.0}");
    }
    for place in (3..std::env::args().len().max(4)).step_by(3) {
        let speed = argument(place, 350.0)?;
        let (latency, gigabits) = (argument(place + 1, 30.0)?, argument(place + 2, 10.0)?);
        println!("\n{speed} images/s per process, {latency} µs, {gigabits} Gb/s\n");
        println!("processes  compute ms  exchange ms  speedup  batch size for 50 % compute");
        for (&count, counted) in counts.iter().zip(&counted) {
            let leaves = SumTree::new(batch.div_ceil(LEAF));
            let most = (0..count).map(|rank| leaves.share(rank, count).len()).max();
            let alone = batch as f64 / speed;
            let compute = alone * most.unwrap_or(0) as f64 / batch.div_ceil(LEAF) as f64;
            let hops = counted.messages as f64 * (count as f64).log2();
            let exchange = hops * latency * 1e-6 + counted.received as f64 * 8.0 / (gigabits * 1e9);
            // The batch size at which computing takes as long as the exchange.
            let half = exchange * count as f64 * speed;
            println!(
                "{count:9}  {:10.1}  {:11.1}  {:7.1}  {half:27.0}",
                compute * 1e3,
                exchange * 1e3,
                alone / (compute + exchange),
            );
        }
    }
    Ok(())
}

/// Returns what the first of `count` processes exchanges in a step.
fn step(preset: &str, batch: usize, count: usize) -> Outcome<Counted> {
    let found = Mutex::new(Counted::default());
    std::thread::scope(|scope| {
        let one = |process: Threads| {
            let found = &found;
            scope.spawn(move || -> Outcome<()> {
                let first = process.rank() == 0;
                let counting = Arc::new(Counting::new(process));
                let device = Device::cpu(Some(1))?.shared_by(counting.clone());
                device.run(|| train(preset, batch, &device))?;
                if first && let Ok(mut found) = found.lock() {
                    *found = counting.counted();
                }
                Ok(())
            })
        };
        let threads: Vec<_> = Threads::all(count).into_iter().map(one).collect();
        threads
            .into_iter()
            .try_for_each(|thread| match thread.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            })
    })?;
    Ok(found.into_inner().unwrap_or_default())
}

/// Takes a training step on a batch of noise.
fn train(preset: &str, batch: usize, device: &Device) -> Outcome<()> {
    let config = presets::get(preset)?;
    let shape = config.network.input;
    let mut state = 1_u32;
    let pixels = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    let pixels = pixels
        .take(batch * shape.iter().product::<usize>())
        .collect();
    let classes = config.network.classes;
    let labels = (0..batch).map(|image| (image % classes) as u16).collect();
    let names: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
    let images = Arc::new(ImageSet::new(pixels, shape, labels, names, 255)?);
    let normalization = Normalization::fit(&images, config.input.normalization())?;
    let loader = Loader::training(
        images,
        normalization.into(),
        config.augmentation(),
        batch,
        0,
    )?;
    let mut network = Network::new(&config.network, config.seed)?;
    network.move_to(device)?;
    let mut optimizer = Sgd::new(&config.training);
    network.train_on(&loader, 0, 1, &mut optimizer, 0.05, &mut |_| {})?;
    Ok(())
}
