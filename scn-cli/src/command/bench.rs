//! `scn bench`: how fast this machine is.

mod adjoint;
mod kernels;
mod layers;
mod memory;
mod network;
mod peak;
mod phases;
mod solve;

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Args, Subcommand};
use scn_data::{MemoryError, bytes_of, check_memory};
use scn_net::Device;

use self::adjoint::Adjoint;
use self::network::{Infer, Train};
use self::solve::Solve;
use crate::device_name::DeviceName;
use crate::output::Output;

/// Speed of this machine.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Solve(Solve),
    Adjoint(Adjoint),
    Train(Train),
    Infer(Infer),
}

impl Bench {
    /// Measures on the device of this name, which `open` opens.
    pub(crate) fn run(
        &self,
        name: &DeviceName,
        open: impl FnOnce() -> Result<Device>,
        output: &Output,
    ) -> Result<()> {
        match &self.what {
            What::Solve(solve) => {
                name.expect_cpu("scn bench solve")?;
                open()?.run(|| solve.run(output))
            }
            What::Adjoint(adjoint) => {
                name.expect_cpu("scn bench adjoint")?;
                open()?.run(|| adjoint.run(output))
            }
            What::Train(train) => {
                let device = open()?;
                device.run(|| train.run(&device, output))
            }
            What::Infer(infer) => {
                let device = open()?;
                device.run(|| infer.run(&device, output))
            }
        }
    }
}

/// Runs that take less are repeated.
const SHORT: Duration = Duration::from_millis(500);

/// The seconds of the fastest of some runs, and what the last returned.
fn fastest<R>(repeats: usize, mut run: impl FnMut() -> Result<R>) -> Result<(f64, R)> {
    let first = Instant::now();
    let mut seconds = f64::INFINITY;
    let mut runs = 0;
    loop {
        runs += 1;
        let start = Instant::now();
        let result = run()?;
        seconds = seconds.min(start.elapsed().as_secs_f64());
        if runs >= repeats && first.elapsed() >= SHORT {
            return Ok((seconds, result));
        }
    }
}

/// That there is room for a random problem of this shape with so many signals.
fn check_workload<T>((rows, atoms): (usize, usize), columns: usize) -> Result<(), MemoryError> {
    // Dictionary and Gram matrix; sizes, places and products of the codes that signals are made of; signals, noise and their sum.
    let parts = [
        bytes_of::<T>(&[rows, atoms]),
        bytes_of::<T>(&[atoms, atoms]),
        bytes_of::<T>(&[3, atoms, columns]),
        bytes_of::<T>(&[3, rows, columns]),
    ];
    let bytes = parts.into_iter().fold(0, u64::saturating_add);
    check_memory("the problem", bytes)
}

/// `MxN`
fn shape(text: &str) -> Result<(usize, usize), String> {
    let parse = |side: &str| {
        side.trim()
            .parse()
            .ok()
            .filter(|&side| (1..=1 << 20).contains(&side))
    };
    text.split_once('x')
        .and_then(|(rows, atoms)| Some((parse(rows)?, parse(atoms)?)))
        .ok_or_else(|| "expected two numbers as in 144x64".to_string())
}
