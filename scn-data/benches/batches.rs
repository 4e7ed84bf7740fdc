//! Time of the loader: one training batch after another, prepared by the consuming thread and the
//! thread that works ahead.
//!
//! Compare it with the time of a training step, which `scn bench train` shows.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use scn_data::{Augmentation, Draw, ImageSet, Loader, Normalization, NormalizationConfig};

const BATCH: usize = 128;
const BATCHES: usize = 40;

/// Returns images of CIFAR's size with arbitrary bytes.
fn pictures() -> ImageSet {
    let count = BATCH * BATCHES;
    let pixels = (0..count * 3072).map(|i| (i * i / 7 % 251) as u8).collect();
    let labels = (0..count).map(|i| (i % 10) as u16).collect();
    let names: Vec<String> = (0..10).map(|name| name.to_string()).collect();
    ImageSet::new(pixels, [3, 32, 32], labels, names, 255).expect("consistent")
}

fn batches(criterion: &mut Criterion) {
    let images = Arc::new(pictures());
    let normalization = Normalization::fit(&images, NormalizationConfig::default());
    let normalization = Arc::new(normalization.expect("images"));
    let augmentation = Augmentation::default()
        .with_flip(true)
        .with_shift(4)
        .with_draw(Draw::Image)
        .with_group(0);
    let mut group = criterion.benchmark_group("epoch of 40 batches, 128 x 3 x 32 x 32");
    group.throughput(Throughput::Elements((BATCH * BATCHES) as u64));
    for (name, augmentation) in [
        ("unchanged", Augmentation::default()),
        ("flipped and shifted", augmentation),
    ] {
        let loader = Loader::training(
            Arc::clone(&images),
            Arc::clone(&normalization),
            augmentation,
            BATCH,
            1,
        )
        .expect("valid");
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for batch in loader.epoch(0, 0) {
                    black_box(batch.pixels[0]);
                }
            })
        });
    }
    group.finish();
}

criterion_group!(benches, batches);
criterion_main!(benches);
