//! CIFAR-10 as tensors of another framework, with nothing but this crate:
//!
//!     cargo run --release -p scn-data --example tensors -- data
//!
//! Here `data` contains `cifar-10-batches-bin/`. Without a folder the example uses the embedded
//! digits. A batch is a plain vector and its shape, so one line makes a tensor of it:
//!
//! | | pixels |
//! |---|---|
//! | candle | `Tensor::from_vec(batch.pixels, &batch.shape, &device)?` |
//! | burn | `Tensor::<B, 4>::from_data(TensorData::new(batch.pixels, batch.shape), &device)` |
//! | ndarray | `Array4::from_shape_vec(batch.shape, batch.pixels)?` |

#![allow(clippy::print_stdout, reason = "an example shows its result")]

use std::{error::Error, path::Path, sync::Arc};

use scn_data::{Augmentation, DatasetName, Loader, Normalization, NormalizationConfig};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1);
    let name = match folder {
        Some(_) => DatasetName::Cifar10,
        None => DatasetName::Digits,
    };
    let train = Arc::new(scn_data::open(name, Path::new(&folder.unwrap_or_default()))?.train);
    let normalization = Arc::new(Normalization::fit(&train, NormalizationConfig::default())?);
    let loader = Loader::training(train, normalization, Augmentation::default(), 128, 7)?;
    for batch in loader.epoch(0, 0) {
        let sum: f32 = batch.pixels.iter().sum();
        let mean = sum / batch.pixels.len() as f32;
        println!("{:?}, mean {mean:.3}", batch.shape);
    }
    Ok(())
}
