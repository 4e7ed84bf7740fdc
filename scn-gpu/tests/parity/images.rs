//! Batches that the device makes from bytes, compared bit for bit with those of the loader of
//! `scn-data`.

use std::sync::Arc;

use scn_data::{
    Augmentation, Batch, Draw, ImageSet, Loader, Mean, Normalization, NormalizationConfig,
    Placement, Scale,
};
use scn_gpu::layers::loss::softmax_cross_entropy;
use scn_gpu::{
    ArgumentError, Buffer, Context, GpuError, Images, LossReport, MapShape, Pick, Picks, Reports,
    TargetSettings, Targets, mix_images,
};
use scn_gpu::{Labels, LabelsView};

use crate::{device, noise};

const CLASSES: usize = 5;

/// Returns images of pseudorandom bytes, with the classes in turn as labels.
fn set_of(count: usize, shape: [usize; 3]) -> Arc<ImageSet> {
    let volume: usize = shape.iter().product();
    let bytes = noise(count * volume, count as u64 + 1).into_iter();
    let pixels = bytes.map(|value| (128.0 + 127.9 * value) as u8).collect();
    let labels = (0..count).map(|image| (image % CLASSES) as u16).collect();
    let names: Vec<String> = (0..CLASSES).map(|class| class.to_string()).collect();
    Arc::new(ImageSet::new(pixels, shape, labels, names, 255).unwrap())
}

fn map_shape(images: usize, [channels, height, width]: [usize; 3]) -> MapShape {
    MapShape {
        channels,
        images,
        height,
        width,
    }
}

fn upload(context: &Context, loader: &Loader) -> Images {
    let (set, normalization) = (loader.image_set(), loader.normalization());
    let shape = map_shape(set.len(), set.shape());
    let (mean, scale) = (normalization.mean(), normalization.scale());
    Images::upload(context, shape, set.pixels().bytes().unwrap(), mean, scale).unwrap()
}

fn picks_of(images: &[usize], placements: &[Placement]) -> Vec<Pick> {
    let pairs = images.iter().zip(placements);
    let pick = |(&image, placement): (&usize, &Placement)| {
        Pick::new(image)
            .flipped(placement.flip)
            .moved(placement.down, placement.right)
    };
    pairs.map(pick).collect()
}

/// Returns the pixels of a batch in the order of a map, as bits.
fn channel_major(batch: &Batch) -> Vec<u32> {
    let [images, channels, height, width] = batch.shape;
    let plane = height * width;
    let start = |channel, image| (image * channels + channel) * plane;
    (0..channels)
        .flat_map(|channel| (0..images).map(move |image| start(channel, image)))
        .flat_map(|start| &batch.pixels[start..start + plane])
        .map(|value| value.to_bits())
        .collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Makes a batch of the first `count` picks.
fn made(images: &Images, picks: &Picks, count: usize) -> Buffer<f32> {
    let MapShape {
        channels,
        height,
        width,
        ..
    } = images.shape();
    let len = channels * count * height * width;
    let mut out = images.context().unspecified(len).unwrap();
    images.batch(picks, count, &mut out).unwrap();
    out
}

/// Compares all batches of two epochs, the last of which is smaller.
fn check(context: &Context, loader: &Loader) {
    let images = upload(context, loader);
    let mut picks = Picks::new(&images, loader.batch_size(), CLASSES).unwrap();
    for epoch in 0..2 {
        let plans = loader.plans(epoch, 0);
        assert!(plans.len() > 1);
        for (plan, batch) in plans.zip(loader.epoch(epoch, 0)) {
            let named = picks_of(&plan.images, &plan.placements);
            picks.set(&named, &plan.labels).unwrap();
            let count = batch.labels.len();
            assert_eq!(picks.len(), count);
            let mut found = made(&images, &picks, count);
            if let Some(mixture) = &plan.mixture {
                let mut settings = TargetSettings::new(context).unwrap();
                settings.set(mixture.share, 0.0).unwrap();
                let mut partners = Picks::new(&images, count, CLASSES).unwrap();
                let named = picks_of(&mixture.images, &mixture.placements);
                partners.set(&named, &mixture.labels).unwrap();
                let partners = made(&images, &partners, count);
                mix_images(&settings, &partners, &mut found).unwrap();
            }
            let found = found.download().unwrap();
            assert_eq!(bits(&found), channel_major(&batch));
        }
    }
}

#[test]
fn batches_have_the_bits_of_the_loader() {
    let Some(context) = device() else { return };
    for (shape, largest_shift) in [([1, 8, 8], 7), ([3, 5, 7], 4), ([2, 3, 1], 0)] {
        let set = set_of(19, shape);
        for mean in [Mean::None, Mean::Pixel, Mean::Channel] {
            for scale in [Scale::None, Scale::Range, Scale::Deviation] {
                let config = NormalizationConfig::default()
                    .with_mean(mean)
                    .with_scale(scale);
                let normalization = Arc::new(Normalization::fit(&set, config).unwrap());
                for (flip, shift, draw) in [
                    (false, 0, Draw::Batch),
                    (true, 0, Draw::Image),
                    (true, largest_shift, Draw::Batch),
                    (false, largest_shift, Draw::Image),
                    (true, largest_shift, Draw::Image),
                ] {
                    let augmentation = Augmentation::default()
                        .with_flip(flip)
                        .with_shift(shift)
                        .with_draw(draw)
                        .with_group(0);
                    let (set, normalization) = (Arc::clone(&set), Arc::clone(&normalization));
                    let loader = Loader::training(set, normalization, augmentation, 8, 3);
                    let loader = loader.unwrap();
                    check(&context, &loader);
                    check(&context, &loader.with_mixup(1.0).unwrap());
                }
            }
        }
    }
}

#[test]
fn evaluation_takes_images_in_order_and_as_they_are() {
    let Some(context) = device() else { return };
    let set = set_of(13, [3, 4, 6]);
    let normalization = Normalization::fit(&set, NormalizationConfig::default()).unwrap();
    check(
        &context,
        &Loader::in_order(set, Arc::new(normalization), 5).unwrap(),
    );
}

/// Returns two images of one channel, 2 x 4, each with one pixel that differs from the mean.
fn two_marked(context: &Context) -> Images {
    let mut pixels = [10; 16];
    pixels[1] = 30; // the first image, row 0, column 1
    pixels[8 + 7] = 20; // the second, row 1, column 3
    let shape = map_shape(2, [1, 2, 4]);
    Images::upload(context, shape, &pixels, &[10.0; 8], 0.5).unwrap()
}

#[test]
fn a_marked_pixel_goes_where_the_definition_says() {
    let Some(context) = device() else { return };
    let images = two_marked(&context);
    let pick = |image, flip, down, right| Pick::new(image).flipped(flip).moved(down, right);
    // The position of the mark in the frame, if it is visible.
    let cases = [
        (pick(0, false, 0, 0), Some((0, 1))),
        (pick(0, true, 0, 0), Some((0, 2))),
        (pick(0, false, 1, 2), Some((1, 3))),
        (pick(0, true, 1, 1), Some((1, 3))),
        (pick(0, true, 0, -2), Some((0, 0))),
        (pick(0, false, 0, -2), None),
        (pick(0, false, -1, 0), None),
        (pick(1, false, -1, -3), Some((0, 0))),
        (pick(1, true, 0, 3), Some((1, 3))),
        (pick(1, true, 0, -1), None),
    ];
    let chosen = cases.map(|(pick, _)| pick);
    let mut picks = Picks::new(&images, cases.len(), 1).unwrap();
    picks.set(&chosen, &[0; 10]).unwrap();
    let found = made(&images, &picks, cases.len()).download().unwrap();
    for ((pick, mark), frame) in cases.into_iter().zip(found.chunks_exact(8)) {
        let mut expected = [0.0; 8];
        if let Some((row, column)) = mark {
            expected[row * 4 + column] = [10.0, 5.0][pick.image];
        }
        assert_eq!(frame, expected, "{pick:?}");
    }
}

/// The mean is 10, so a byte of 0 becomes -20, whereas a pixel that a shift uncovers is 0.
#[test]
fn uncovered_places_are_zero_after_normalisation() {
    let Some(context) = device() else { return };
    let shape = map_shape(1, [1, 2, 2]);
    let images = Images::upload(&context, shape, &[0; 4], &[10.0; 4], 2.0).unwrap();
    let mut picks = Picks::new(&images, 1, 1).unwrap();
    let pick = Pick::default().moved(0, 1);
    picks.set(&[pick], &[0]).unwrap();
    let found = made(&images, &picks, 1).download().unwrap();
    assert_eq!(bits(&found), bits(&[0.0, -20.0, 0.0, -20.0]));
}

#[test]
fn a_table_is_valid_when_made_and_changes_in_the_order_of_the_work() {
    let Some(context) = device() else { return };
    let images = two_marked(&context);
    let mut picks = Picks::new(&images, 3, CLASSES).unwrap();
    assert_eq!((picks.len(), picks.capacity()), (3, 3));
    let at_first = made(&images, &picks, 3);
    let second = Pick::new(1);
    picks.set(&[second; 2], &[1, 2]).unwrap();
    let after = made(&images, &picks, 2);
    picks.set(&[], &[]).unwrap();
    assert!(picks.is_empty());
    let none = made(&images, &picks, 0);

    let [first, second] = [1, 7].map(|place| {
        let mut image = vec![0.0; 8];
        image[place] = [10.0, 5.0][place / 7];
        image
    });
    assert_eq!(at_first.download().unwrap(), first.repeat(3));
    assert_eq!(after.download().unwrap(), second.repeat(2));
    assert!(none.is_empty());
}

fn loss(context: &Context, logits: &[f32], labels: LabelsView<'_>) -> (LossReport, Vec<f32>) {
    let mut reports = Reports::new(context, 1).unwrap();
    let mut gradient = context.unspecified(logits.len()).unwrap();
    let logits = context.upload(logits).unwrap();
    let images = labels.len();
    let settings = TargetSettings::new(context).unwrap();
    let targets = Targets::new(labels, &settings);
    let pending = softmax_cross_entropy(&logits, targets, images, &mut gradient, &mut reports);
    let report = pending.unwrap().read(&reports.download().unwrap());
    (report, gradient.download().unwrap())
}

#[test]
fn the_loss_takes_labels_from_the_table() {
    let Some(context) = device() else { return };
    let images = two_marked(&context);
    let mut picks = Picks::new(&images, 7, CLASSES).unwrap();
    // Also for small batches, whose labels begin at the same place.
    for labels in [&[4, 0, 3, 1, 2, 2, 4][..], &[3, 1, 4]] {
        let count = labels.len();
        picks.set(&vec![Pick::default(); count], labels).unwrap();
        let own = picks.labels(count).unwrap();
        assert_eq!((own.len(), own.classes()), (count, CLASSES));
        let logits = noise(CLASSES * count, 9);
        let uploaded = Labels::upload(&context, labels, CLASSES).unwrap();
        let expected = loss(&context, &logits, uploaded.view());
        assert_eq!(loss(&context, &logits, own), expected);
    }
}

#[test]
fn picks_beyond_the_set_are_refused_and_change_nothing() {
    let Some(context) = device() else { return };
    let images = two_marked(&context);
    let mut picks = Picks::new(&images, 2, CLASSES).unwrap();
    let pick = |image, down, right| Pick::new(image).flipped(true).moved(down, right);
    let good = pick(1, -1, 3);
    picks.set(&[good; 2], &[4, 3]).unwrap();
    for wrong in [
        pick(2, -1, 3),
        pick(usize::MAX, -1, 3),
        pick(1, 2, 3),
        pick(1, -2, 3),
        pick(1, -1, 4),
        pick(1, -1, isize::MIN),
    ] {
        assert_eq!(
            picks.set(&[good, wrong], &[0, 0]),
            Err(GpuError::Argument(ArgumentError::Pick {
                position: 1,
                image: wrong.image,
                down: wrong.down,
                right: wrong.right,
                images: 2,
                height: 2,
                width: 4,
            }))
        );
    }
    assert_eq!(
        picks.set(&[good; 2], &[0, 5]),
        Err(GpuError::Argument(ArgumentError::Label {
            classes: 5,
            image: 1,
            found: 5,
        }))
    );
    assert!(matches!(
        picks.set(&[good; 2], &[0]),
        Err(GpuError::Argument(ArgumentError::Length { .. }))
    ));
    let too_many = picks.set(&[good; 3], &[0; 3]);
    let (start, end, len) = (0, 3, 2);
    assert_eq!(
        too_many,
        Err(GpuError::Argument(ArgumentError::Range { start, end, len }))
    );

    // Row 1 of the flipped image, moved up, with its mark moved to the right.
    let expected = [0.0, 0.0, 0.0, 5.0, 0.0, 0.0, 0.0, 0.0];
    let found = made(&images, &picks, 2).download().unwrap();
    assert_eq!(found, expected.repeat(2));
    let logits = noise(2 * CLASSES, 4);
    let labels = Labels::upload(&context, &[4, 3], CLASSES).unwrap();
    assert_eq!(
        loss(&context, &logits, picks.labels(2).unwrap()),
        loss(&context, &logits, labels.view())
    );
}

#[test]
fn batches_that_do_not_fit_are_refused() {
    let Some(context) = device() else { return };
    let images = two_marked(&context);
    let mut picks = Picks::new(&images, 3, 1).unwrap();
    picks.set(&[Pick::default(); 2], &[0; 2]).unwrap();
    let mut out = context.zeros(24).unwrap();
    let (start, end, len) = (0, 3, 2);
    let missing = GpuError::Argument(ArgumentError::Range { start, end, len });
    assert_eq!(images.batch(&picks, 3, &mut out), Err(missing.clone()));
    assert_eq!(picks.labels(3).unwrap_err(), missing);
    let batch = images.batch(&picks, 2, &mut out);
    assert!(matches!(
        batch,
        Err(GpuError::Argument(ArgumentError::Length { .. }))
    ));

    // The same bytes as a different number of images, or in a different shape.
    for (count, shape) in [(4, [1, 2, 2]), (2, [1, 4, 2]), (1, [2, 2, 4])] {
        let volume = 16 / count;
        let shape = map_shape(count, shape);
        let other = Images::upload(&context, shape, &[0; 16], &vec![0.0; volume], 1.0).unwrap();
        let mut out = context.zeros(volume).unwrap();
        let batch = other.batch(&picks, 1, &mut out);
        assert_eq!(batch, Err(GpuError::Argument(ArgumentError::OtherSet)));
    }
    let elsewhere = two_marked(&Context::new(0).unwrap());
    let batch = elsewhere.batch(&picks, 1, &mut elsewhere.context().zeros(8).unwrap());
    assert_eq!(
        batch,
        Err(GpuError::Argument(ArgumentError::OtherContext {
            what: "picks"
        }))
    );
    let mut out = elsewhere.context().zeros(8).unwrap();
    let batch = images.batch(&picks, 1, &mut out);
    assert_eq!(
        batch,
        Err(GpuError::Argument(ArgumentError::OtherContext {
            what: "x"
        }))
    );
}

#[test]
fn sets_that_do_not_fit_are_refused() {
    let Some(context) = device() else { return };
    let upload = |images, shape, pixels: usize, mean: usize| {
        let (pixels, mean) = (vec![0; pixels], vec![0.0; mean]);
        Images::upload(&context, map_shape(images, shape), &pixels, &mean, 1.0).map(drop)
    };
    assert_eq!(upload(2, [1, 2, 3], 12, 6), Ok(()));
    for (pixels, mean) in [(11, 6), (18, 6), (12, 5), (12, 12)] {
        let refused = upload(2, [1, 2, 3], pixels, mean);
        assert!(matches!(
            refused,
            Err(GpuError::Argument(ArgumentError::Length { .. }))
        ));
    }
    assert_eq!(
        upload(0, [1, 2, 3], 0, 6),
        Err(GpuError::Argument(ArgumentError::NoImages))
    );
    assert_eq!(
        upload(2, [1, 0, 3], 0, 0),
        Err(GpuError::Argument(ArgumentError::NoImages))
    );
    for (images, shape) in [
        (usize::MAX, [1, 1, 1]),
        (1, [usize::MAX, 2, 2]),
        (1, [1 << 11, 1 << 10, 1 << 10]),
    ] {
        let refused = upload(images, shape, 0, 0);
        assert!(matches!(
            refused,
            Err(GpuError::Argument(ArgumentError::TooLarge { .. }))
        ));
    }
    let images = two_marked(&context);
    assert!(matches!(
        Picks::new(&images, 1, 0),
        Err(GpuError::Argument(ArgumentError::Label { .. }))
    ));
    assert!(matches!(
        Picks::new(&images, usize::MAX, 1),
        Err(GpuError::Argument(ArgumentError::TooLarge { .. }))
    ));
    // A valid count that exceeds the memory of the stand-in driver and of most devices.
    if context.info().memory_total < 20 << 30 {
        assert!(matches!(
            Picks::new(&images, 1 << 30, 1),
            Err(GpuError::OutOfMemory { .. })
        ));
    }
}

/// Ignored because it takes 5 GB with the stand-in driver, 2.2 GB of which are device memory.
#[test]
#[ignore = "takes 5 GB of memory with the stand-in driver"]
fn images_beyond_two_to_the_31_bytes_are_found() {
    let Some(context) = device() else { return };
    let (volume, count) = (96 * 96 * 3, 80_000);
    let mut pixels = vec![0; volume * count];
    let last = count - 1;
    pixels[last * volume..].fill(7);
    assert!(last * volume > 1 << 31);
    let shape = map_shape(count, [3, 96, 96]);
    let images = Images::upload(&context, shape, &pixels, &vec![0.0; volume], 1.0).unwrap();
    let mut picks = Picks::new(&images, 2, 1).unwrap();
    let [first, last] = [0, last].map(Pick::new);
    picks.set(&[last, first], &[0, 0]).unwrap();
    let found = made(&images, &picks, 2).download().unwrap();
    let plane = 96 * 96;
    let expected: Vec<f32> = [7.0, 0.0].repeat(3);
    for (plane, value) in found.chunks_exact(plane).zip(expected) {
        assert!(plane.iter().all(|&found| found == value));
    }
}
