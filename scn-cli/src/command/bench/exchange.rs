//! `scn bench exchange`: measures how fast processes exchange numbers.

use std::time::Instant;

use anyhow::{Result, bail};
use clap::Args;
use scn_solvers::processes::{Processes, any, gather};
use serde::Serialize;

use crate::output::Output;
use crate::table::{Table, right};

/// Measures exchanges between the processes started by mpirun: time, latency and bandwidth.
///
/// In an exchange, each process sends a part to all others. The times are those of the first
/// process, each the median of many exchanges. Latency and bandwidth are those of the straight line
/// through the times, time = latency + bytes received / bandwidth, with the smallest relative
/// errors.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  mpirun -n 4 scn bench exchange")]
pub(super) struct Exchange {}

/// Lengths of a part, in bytes.
const PARTS: [usize; 7] = [8, 1 << 10, 1 << 13, 1 << 16, 1 << 18, 1 << 20, 1 << 23];

/// Number of exchanges before timing starts. The first one opens connections.
const BEFORE: usize = 3;

/// Bytes to exchange in total with parts of one length, within the limits on the number of
/// exchanges in [`time`].
const BYTES: usize = 1 << 27;

/// The output of `scn bench exchange --json`.
#[derive(Debug, Serialize)]
struct Summary {
    processes: usize,
    exchanges: Vec<Timed>,
    latency_seconds: f64,
    bytes_per_second: f64,
}

/// Exchanges with parts of one length.
#[derive(Debug, Serialize)]
struct Timed {
    part_bytes: usize,
    /// Length of the parts of all other processes.
    received_bytes: usize,
    seconds: f64,
}

impl Exchange {
    pub(super) fn run(&self, processes: &dyn Processes, output: &Output) -> Result<()> {
        let count = processes.count();
        if count < 2 {
            bail!(
                "expected at least 2 processes, started by mpirun (in a build with --features mpi), found 1"
            );
        }
        let timed = |bytes| time(processes, bytes);
        let exchanges: Vec<Timed> = PARTS.into_iter().map(timed).collect::<Result<_>>()?;
        let (latency_seconds, bytes_per_second) = fitted(&exchanges);
        let summary = Summary {
            processes: count,
            exchanges,
            latency_seconds,
            bytes_per_second,
        };
        output.result(&summary, || describe(&summary))
    }
}

/// Measures the median time of exchanges with parts of this many bytes.
fn time(processes: &dyn Processes, bytes: usize) -> Result<Timed> {
    let count = processes.count();
    let exchanges = (BYTES / bytes / count).clamp(15, 1000);
    let part = vec![1_u8; bytes];
    let mut seconds = Vec::with_capacity(exchanges);
    for index in 0..BEFORE + exchanges {
        // Synchronise, so that all processes start at about the same time.
        any(processes, false)?;
        let start = Instant::now();
        gather(processes, &part, std::iter::repeat_n(bytes, count))?.wait()?;
        if index >= BEFORE {
            seconds.push(start.elapsed().as_secs_f64());
        }
    }
    seconds.sort_by(f64::total_cmp);
    Ok(Timed {
        part_bytes: bytes,
        received_bytes: bytes * (count - 1),
        seconds: seconds[exchanges / 2],
    })
}

/// Fits latency and bandwidth by least squares of `(latency + bytes / bandwidth) / seconds - 1`.
/// Neither is negative.
fn fitted(exchanges: &[Timed]) -> (f64, f64) {
    let [mut aa, mut ab, mut bb, mut a, mut b] = [0.0; 5];
    for timed in exchanges {
        let one = 1.0 / timed.seconds;
        let bytes = timed.received_bytes as f64 / timed.seconds;
        aa += one * one;
        ab += one * bytes;
        bb += bytes * bytes;
        a += one;
        b += bytes;
    }
    let determinant = aa * bb - ab * ab;
    let latency = ((a * bb - b * ab) / determinant).max(0.0);
    let per_byte = ((aa * b - ab * a) / determinant).max(0.0);
    (latency, 1.0 / per_byte)
}

fn describe(summary: &Summary) -> String {
    let mut table = Table::new(["part kB", "received kB", "µs", "MB/s"].map(right));
    for timed in &summary.exchanges {
        let kilobytes = |bytes: usize| format!("{:.1}", bytes as f64 / 1e3);
        table.push([
            kilobytes(timed.part_bytes),
            kilobytes(timed.received_bytes),
            format!("{:.1}", timed.seconds * 1e6),
            format!("{:.0}", timed.received_bytes as f64 / timed.seconds / 1e6),
        ]);
    }
    format!(
        "{} processes\n{}\nlatency    {:.1} µs\nbandwidth  {:.0} MB/s",
        summary.processes,
        table.text(),
        summary.latency_seconds * 1e6,
        summary.bytes_per_second / 1e6
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fits times that lie on a line.
    #[test]
    fn the_line_is_found_again() {
        let (latency, bandwidth) = (3e-5, 2e9);
        let exact = |bytes: usize| Timed {
            part_bytes: bytes,
            received_bytes: bytes,
            seconds: latency + bytes as f64 / bandwidth,
        };
        let exchanges: Vec<Timed> = PARTS.into_iter().map(exact).collect();
        let (found_latency, found_bandwidth) = fitted(&exchanges);
        // The normal equations of the relative errors are moderately conditioned.
        assert!((found_latency / latency - 1.0).abs() < 1e-9);
        assert!((found_bandwidth / bandwidth - 1.0).abs() < 1e-9);
    }
}
