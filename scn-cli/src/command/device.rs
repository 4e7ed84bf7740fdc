//! `scn device`: where networks can be computed on this machine.

use std::fmt::Write as _;

use anyhow::Result;
use clap::Args;
use scn_solvers::InstructionSet;
use serde::Serialize;

use crate::output::Output;

/// Where networks can be computed on this machine, and why not elsewhere.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  scn device\n  scn train --device cuda")]
pub(crate) struct Device {}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Summary {
    cpu: Processor,
    cuda: Vec<Graphics>,
    /// Why there is no graphics processor to list; None if there is.
    cuda_missing: Option<String>,
}

#[derive(Debug, Serialize)]
struct Processor {
    threads: usize,
    instruction_set: String,
}

/// A graphics processor.
#[derive(Debug, Serialize)]
struct Graphics {
    /// As `--device` takes it.
    device: String,
    name: String,
    compute_capability: String,
    driver: String,
    memory_bytes: usize,
    free_memory_bytes: Option<usize>,
    /// Why it cannot be used; None if it can.
    unusable: Option<String>,
}

impl Device {
    pub(crate) fn run(&self, output: &Output) -> Result<()> {
        let threads = std::thread::available_parallelism();
        let (cuda, cuda_missing) = match graphics() {
            Ok(cuda) => (cuda, None),
            Err(reason) => (Vec::new(), Some(reason)),
        };
        let summary = Summary {
            cpu: Processor {
                threads: threads.map_or(1, usize::from),
                instruction_set: InstructionSet::detect().to_string(),
            },
            cuda,
            cuda_missing,
        };
        output.result(&summary, || describe(&summary))
    }
}

#[cfg(feature = "cuda")]
fn graphics() -> Result<Vec<Graphics>, String> {
    let devices = scn_gpu::devices().map_err(|error| error.to_string())?;
    let describe = |info: scn_gpu::DeviceInfo| Graphics {
        device: format!("cuda:{}", info.index),
        name: info.name.clone(),
        compute_capability: info.compute_capability.to_string(),
        driver: info.driver_version.to_string(),
        memory_bytes: info.memory_total,
        free_memory_bytes: info.memory_free,
        unusable: info.check().err().map(|error| error.to_string()),
    };
    Ok(devices.into_iter().map(describe).collect())
}

#[cfg(not(feature = "cuda"))]
fn graphics() -> Result<Vec<Graphics>, String> {
    Err("this program was built without CUDA".to_string())
}

fn describe(summary: &Summary) -> String {
    let Summary {
        cpu,
        cuda,
        cuda_missing,
    } = summary;
    let mut text = format!("cpu     {} threads, {}", cpu.threads, cpu.instruction_set);
    if let Some(reason) = cuda_missing {
        let _ = write!(text, "\ncuda    none: {reason}");
    }
    for device in cuda {
        let memory = |bytes: usize| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30));
        let _ = write!(
            text,
            "\n{}  {}, compute capability {}, driver for CUDA {}, {} of memory",
            device.device,
            device.name,
            device.compute_capability,
            device.driver,
            memory(device.memory_bytes)
        );
        if let Some(free) = device.free_memory_bytes {
            let _ = write!(text, ", {} free", memory(free));
        }
        if let Some(reason) = &device.unusable {
            let _ = write!(text, "\n        cannot be used: {reason}");
        }
    }
    text
}
