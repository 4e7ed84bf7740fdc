//! Guarantees of the loader about the order of images and their augmentation.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use crate::common::{image_bytes, scattered};
use proptest::prelude::*;
use scn_data::{
    Augmentation, Batch, BatchError, DataError, Draw, ImageError, ImageSet, LastBatch, Loader,
    Normalization, NormalizationConfig,
};

const SHAPE: [usize; 3] = [2, 4, 5];

fn plain(images: &ImageSet) -> Arc<Normalization> {
    let volume: usize = images.shape().iter().product();
    Arc::new(Normalization::from_parts(images.shape(), vec![0.0; volume], 1.0).expect("valid"))
}

fn training(count: usize, batch_size: usize, seed: u64, augmentation: Augmentation) -> Loader {
    let images = scattered(count, SHAPE);
    let normalization = plain(&images);
    Loader::training(
        Arc::new(images),
        normalization,
        augmentation,
        batch_size,
        seed,
    )
    .expect("valid")
}

/// Returns batches as bits, to compare them exactly.
fn bits(batches: impl IntoIterator<Item = Batch>) -> Vec<(Vec<u32>, [usize; 4], Vec<u16>)> {
    let bits = |batch: &Batch| batch.pixels.iter().map(|value| value.to_bits()).collect();
    batches
        .into_iter()
        .map(|batch| (bits(&batch), batch.shape, batch.labels))
        .collect()
}

#[test]
fn evaluation_takes_the_images_in_order_and_normalised() {
    let images = Arc::new(scattered(7, SHAPE));
    let normalization =
        Arc::new(Normalization::fit(&images, NormalizationConfig::default()).expect("fits"));
    let loader =
        Loader::in_order(Arc::clone(&images), Arc::clone(&normalization), 3).expect("valid");
    assert_eq!((loader.batches(), loader.images()), (3, 7));
    let batches: Vec<Batch> = loader.epoch(5, 0).collect();
    assert_eq!(
        batches
            .iter()
            .map(|batch| batch.shape[0])
            .collect::<Vec<_>>(),
        [3, 3, 1]
    );
    assert_eq!(
        batches
            .iter()
            .flat_map(|batch| batch.labels.clone())
            .collect::<Vec<_>>(),
        images.labels()
    );
    let mut expected = vec![0.0; 40];
    for (index, found) in batches
        .iter()
        .flat_map(|batch| batch.pixels.chunks_exact(40))
        .enumerate()
    {
        normalization
            .apply(images.image(index), &mut expected)
            .expect("same shape");
        assert_eq!(found, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_epoch_has_every_image_once(count in 1usize..40, batch_size in 1usize..45, seed: u64, epoch: u64) {
        let images = scattered(count, SHAPE);
        let loader = training(count, batch_size, seed, Augmentation::default());
        let batches: Vec<Batch> = loader.epoch(epoch, 0).collect();
        prop_assert_eq!(batches.len(), loader.batches());
        prop_assert_eq!(batches.len(), loader.epoch(epoch, 0).len());
        let mut seen: Vec<(Vec<u8>, u16)> = Vec::new();
        for batch in &batches {
            prop_assert_eq!(batch.shape, [batch.labels.len(), 2, 4, 5]);
            prop_assert_eq!(batch.pixels.len(), batch.labels.len() * 40);
            let pictures = batch.pixels.chunks_exact(40).map(|image| image.iter().map(|&value| value as u8).collect());
            seen.extend(pictures.zip(batch.labels.iter().copied()));
        }
        let mut all: Vec<(Vec<u8>, u16)> =
            (0..count).map(|image| (image_bytes(&images, image).to_vec(), images.labels()[image])).collect();
        seen.sort_unstable();
        all.sort_unstable();
        prop_assert_eq!(seen, all);
    }

    #[test]
    fn a_resumed_epoch_is_the_tail_of_the_whole(
        count in 1usize..40, batch_size in 1usize..10, first in 0usize..50, seed: u64, epoch: u64,
        draw in prop::sample::select(vec![Draw::Batch, Draw::Group, Draw::Image]), group in 1usize..12,
    ) {
        let loader = training(count, batch_size, seed, Augmentation::default().with_flip(true).with_shift(3).with_draw(draw).with_group(group));
        let tail = bits(loader.epoch(epoch, first));
        prop_assert_eq!(&tail, &bits(loader.epoch(epoch, 0).skip(first)));
        prop_assert_eq!(tail.len(), loader.epoch(epoch, first).len());
    }
}

#[test]
fn only_the_seed_and_the_epoch_determine_batches() {
    let augmentation = Augmentation::default()
        .with_flip(true)
        .with_shift(2)
        .with_draw(Draw::Image)
        .with_group(0);
    let epoch = |seed, epoch| bits(training(50, 8, seed, augmentation).epoch(epoch, 0));
    assert_eq!(epoch(1, 0), epoch(1, 0));
    // 50 images have 50! orders, so two orders are practically never equal by chance.
    assert_ne!(epoch(1, 0), epoch(1, 1));
    assert_ne!(epoch(1, 0), epoch(2, 0));
    let order = |number| -> Vec<u16> {
        training(50, 8, 1, Augmentation::default())
            .epoch(number, 0)
            .flat_map(|batch| batch.labels)
            .collect()
    };
    assert_ne!(order(0), order(1));
}

/// Returns augmented batches of 16 from `count` copies of an image without equal pixels, so that
/// each image reveals its draw.
fn draws(count: usize, draw: Draw) -> Vec<Vec<Vec<u32>>> {
    let one: Vec<u8> = (1..=40).collect();
    let images = ImageSet::new(
        one.repeat(count),
        SHAPE,
        vec![0; count],
        vec!["one".to_owned()],
        255,
    )
    .expect("consistent");
    let normalization = plain(&images);
    let augmentation = Augmentation::default()
        .with_flip(true)
        .with_shift(2)
        .with_draw(draw)
        .with_group(4);
    let loader =
        Loader::training(Arc::new(images), normalization, augmentation, 16, 3).expect("valid");
    let pictures = |pixels: &Vec<u32>| pixels.chunks_exact(40).map(<[u32]>::to_vec).collect();
    bits(loader.epoch(0, 0))
        .iter()
        .map(|(pixels, ..)| pictures(pixels))
        .collect()
}

#[test]
fn a_batch_shares_one_draw_and_images_have_their_own() {
    let shared = draws(64, Draw::Batch);
    assert!(
        shared
            .iter()
            .all(|batch| batch.iter().all(|image| *image == batch[0]))
    );
    // Four batches agree by chance with probability 1 / 50^3, and the seed is fixed.
    assert!(shared.iter().any(|batch| batch[0] != shared[0][0]));
    let own = draws(64, Draw::Image);
    assert!(
        own.iter()
            .all(|batch| batch.iter().any(|image| *image != batch[0]))
    );
}

/// A full batch of 16 is four groups of 4, and so is the last batch of 9 images: 2, 2, 2 and 3.
#[test]
fn a_group_shares_one_draw_and_groups_have_their_own() {
    let batches = draws(41, Draw::Group);
    assert_eq!(batches.len(), 3);
    for (batch, starts) in batches
        .iter()
        .zip([[0, 4, 8, 12], [0, 4, 8, 12], [0, 2, 4, 6]])
    {
        for (group, &start) in starts.iter().enumerate() {
            let end = starts.get(group + 1).copied().unwrap_or(batch.len());
            assert!(batch[start..end].iter().all(|image| *image == batch[start]));
        }
        // Four groups agree by chance with probability 1 / 50^3, and the seed is fixed.
        assert!(starts.iter().any(|&start| batch[start] != batch[0]));
    }
}

#[test]
fn empty_groups_are_refused() {
    let images = scattered(8, SHAPE);
    let normalization = plain(&images);
    let augmentation = Augmentation::default().with_draw(Draw::Group);
    let refused = Loader::training(Arc::new(images), normalization, augmentation, 4, 0);
    assert!(matches!(refused, Err(DataError::Batch(BatchError::Group))));
}

#[test]
fn pixels_uncovered_by_a_shift_are_zero_after_normalisation() {
    // White images are normalised to 100, so only the padding is 0.
    let images = ImageSet::new(
        vec![255; 32 * 40],
        SHAPE,
        vec![0; 32],
        vec!["w".to_owned()],
        255,
    )
    .expect("consistent");
    let normalization =
        Arc::new(Normalization::from_parts(SHAPE, vec![55.0; 40], 0.5).expect("valid"));
    let augmentation = Augmentation::default()
        .with_shift(3)
        .with_draw(Draw::Image)
        .with_flip(false)
        .with_group(0);
    let loader =
        Loader::training(Arc::new(images), normalization, augmentation, 32, 0).expect("valid");
    let batch = loader.epoch(0, 0).next().expect("one batch");
    assert!(
        batch
            .pixels
            .iter()
            .all(|&value| value == 0.0 || value == 100.0)
    );
    for image in batch.pixels.chunks_exact(40) {
        // The visible part of a plane of 4 x 5 pixels shifted by up to 3 is a rectangle of one of
        // these sizes, equal in both planes.
        let [first, second] = [0, 20].map(|at| {
            image[at..at + 20]
                .iter()
                .filter(|&&value| value > 0.0)
                .count()
        });
        assert_eq!(first, second);
        let sizes = (1..=4).flat_map(|height| (2..=5).map(move |width| height * width));
        assert!(
            sizes.into_iter().any(|size| size == first),
            "{first} pixels seen"
        );
    }
}

#[test]
fn an_epoch_dropped_early_ends_its_thread() {
    let loader = training(60, 1, 0, Augmentation::default());
    let (done, finished) = channel();
    thread::spawn(move || {
        for taken in 0..6 {
            for _ in 0..50 {
                let mut epoch = loader.epoch(0, 0);
                assert_eq!(epoch.by_ref().take(taken).count(), taken);
                assert_eq!(epoch.len(), 60 - taken);
            }
        }
        let mut epoch = loader.epoch(0, 58);
        assert_eq!(epoch.by_ref().count(), 2);
        assert!(epoch.next().is_none() && epoch.next().is_none());
        done.send(()).expect("the test waits");
    });
    // 300 epochs of a few batches take milliseconds, so a minute means a hang.
    finished
        .recv_timeout(Duration::from_secs(60))
        .expect("no hang and no failed assertion");
}

#[test]
fn invalid_loaders_are_refused() {
    let images = Arc::new(scattered(3, SHAPE));
    let fits = plain(&images);
    let train = |images: &Arc<ImageSet>, normalization: &Arc<Normalization>, shift, batch_size| {
        let augmentation = Augmentation::default().with_shift(shift);
        Loader::training(
            Arc::clone(images),
            Arc::clone(normalization),
            augmentation,
            batch_size,
            0,
        )
    };
    assert!(
        train(&images, &fits, 3, usize::MAX).is_ok_and(|loader| loader.epoch(0, 0).count() == 1)
    );
    assert!(matches!(
        train(&images, &fits, 0, 0),
        Err(DataError::Batch(BatchError::BatchSize))
    ));
    assert!(matches!(
        train(&images, &fits, 4, 1),
        Err(DataError::Batch(BatchError::Shift {
            found: 4,
            height: 4,
            width: 5
        }))
    ));
    assert!(matches!(
        train(&Arc::new(images.first(0)), &fits, 0, 1),
        Err(DataError::Image(ImageError::NoImages))
    ));
    let other = plain(&scattered(1, [2, 5, 4]));
    assert!(matches!(
        train(&images, &other, 0, 1),
        Err(DataError::Batch(BatchError::NormalizationShape { .. }))
    ));
    assert!(matches!(
        Loader::in_order(Arc::clone(&images), other, 1),
        Err(DataError::Batch(BatchError::NormalizationShape { .. }))
    ));
}

#[test]
fn a_partial_last_batch_is_kept_or_dropped() {
    let whole = training(23, 5, 9, Augmentation::default());
    let loader = whole
        .clone()
        .with_last_batch(LastBatch::Dropped)
        .expect("four are whole");
    assert_eq!((loader.batches(), loader.images()), (4, 20));
    assert_eq!((whole.batches(), whole.images()), (5, 23));
    // Earlier batches are the same, both in a whole epoch and in the rest of one.
    let expected = bits(whole.epoch(1, 0).take(4));
    assert_eq!(bits(loader.epoch(1, 0)), expected);
    assert_eq!(bits(loader.epoch(1, 3)), expected[3..]);
    assert_eq!(loader.epoch(1, 4).len(), 0);
    let full = training(20, 5, 9, Augmentation::default());
    assert_eq!(
        full.with_last_batch(LastBatch::Dropped)
            .expect("all are whole")
            .batches(),
        4
    );
    let few = training(4, 5, 9, Augmentation::default());
    assert!(few.clone().with_last_batch(LastBatch::Kept).is_ok());
    assert!(matches!(
        few.with_last_batch(LastBatch::Dropped),
        Err(DataError::Batch(BatchError::NoWholeBatch {
            images: 4,
            batch_size: 5
        }))
    ));
}
