//! `scn bench`: measures the speed of this machine.

mod adjoint;
mod exchange;
mod kernels;
mod layers;
mod memory;
mod network;
mod peak;
mod phases;
mod repeat;
mod shape;
mod solve;

use anyhow::Result;
use clap::{Args, Subcommand};
use scn_net::Device;

use self::adjoint::Adjoint;
use self::exchange::Exchange;
use self::network::{Infer, Train};
use self::solve::Solve;
use crate::output::Output;

/// Measures the speed of this machine.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Debug, Subcommand)]
enum Benchmark {
    Solve(Solve),
    Adjoint(Adjoint),
    Train(Train),
    Infer(Infer),
    Exchange(Exchange),
}

impl Bench {
    /// Returns the benchmark's name if it runs on the CPU only.
    pub(crate) fn cpu_only(&self) -> Option<&'static str> {
        match self.benchmark {
            Benchmark::Solve(_) => Some("scn bench solve"),
            Benchmark::Adjoint(_) => Some("scn bench adjoint"),
            Benchmark::Exchange(_) => Some("scn bench exchange"),
            Benchmark::Train(_) | Benchmark::Infer(_) => None,
        }
    }

    /// Whether all MPI processes run the benchmark together.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.benchmark, Benchmark::Exchange(_))
    }

    pub(crate) fn run(&self, device: &Device, output: &Output) -> Result<()> {
        match &self.benchmark {
            Benchmark::Solve(solve) => solve.run(output),
            Benchmark::Adjoint(adjoint) => adjoint.run(output),
            Benchmark::Train(train) => train.run(device, output),
            Benchmark::Infer(infer) => infer.run(device, output),
            Benchmark::Exchange(exchange) => exchange.run(&*device.processes(), output),
        }
    }
}
