//! A batch made by hand from its plan is bit-identical to that of the loader.

use std::sync::Arc;

use crate::common::scattered;
use proptest::prelude::*;
use scn_data::{
    Augmentation, Batch, BatchPlan, Draw, LastBatch, Loader, Mean, Mixture, Normalization,
    NormalizationConfig, Placement, Scale,
};

const SHAPE: [usize; 3] = [2, 4, 5];

/// Returns a normalised image, moved according to the definition of a placement.
fn placed(image: &[f32], placement: Placement) -> Vec<f32> {
    let [channels, height, width] = SHAPE;
    let Placement { flip, down, right } = placement;
    let mut out = Vec::with_capacity(image.len());
    for c in 0..channels {
        for y in 0..height {
            for x in 0..width {
                let row = y.checked_add_signed(-down).filter(|&row| row < height);
                let column = x
                    .checked_add_signed(-right)
                    .filter(|&column| column < width);
                out.push(match (row, column) {
                    (Some(row), Some(column)) => {
                        let column = if flip { width - 1 - column } else { column };
                        image[(c * height + row) * width + column]
                    }
                    _ => 0.0,
                });
            }
        }
    }
    out
}

/// Makes the batch of a plan from the set and the normalisation of a loader.
fn by_hand(loader: &Loader, plan: &BatchPlan) -> Batch {
    let [channels, height, width] = SHAPE;
    let (set, normalization) = (loader.image_set(), loader.normalization());
    let made = |images: &[usize], placements: &[Placement]| -> Vec<f32> {
        let mut normalized = vec![0.0; channels * height * width];
        let mut pixels = Vec::new();
        for (&image, &placement) in images.iter().zip(placements) {
            normalization
                .apply(set.image(image), &mut normalized)
                .expect("same shape");
            pixels.extend(placed(&normalized, placement));
        }
        pixels
    };
    let mut pixels = made(&plan.images, &plan.placements);
    if let Some(mixture) = &plan.mixture {
        let partners = made(&mixture.images, &mixture.placements);
        for (x, y) in pixels.iter_mut().zip(partners) {
            // Like `mul_add`, which rounds once: the product of two f32 is exact in f64. The sum is
            // rounded twice at worst, which does not show for these few numbers.
            *x = (f64::from(*x) + f64::from(mixture.share) * f64::from(y - *x)) as f32;
        }
    }
    Batch {
        pixels,
        shape: [plan.images.len(), channels, height, width],
        labels: plan.labels.clone(),
        mixture: plan.mixture.as_ref().map(|mixture| Mixture {
            share: mixture.share,
            labels: mixture.labels.clone(),
        }),
    }
}

/// Checks that batches are bit-identical: 0 and -0 differ.
fn assert_same(found: &Batch, expected: &Batch) {
    assert_eq!(found, expected);
    let bits = |batch: &Batch| -> Vec<u32> { batch.pixels.iter().map(|x| x.to_bits()).collect() };
    assert_eq!(bits(found), bits(expected));
}

/// Checks that the plans of the epoch from `first` on, iterated or requested one by one, give the
/// batches of the loader.
fn check(loader: &Loader, epoch: u64, first: usize) {
    let (plans, batches) = (loader.plans(epoch, first), loader.epoch(epoch, first));
    assert_eq!(plans.len(), loader.batches().saturating_sub(first));
    assert_eq!(plans.len(), batches.len());
    let plans: Vec<BatchPlan> = plans.collect();
    for (index, (plan, batch)) in plans.iter().zip(batches).enumerate() {
        assert_same(&by_hand(loader, plan), &batch);
        assert!(plan.images.len() <= loader.batch_size());
        assert_eq!(loader.plan(epoch, first + index).as_ref(), Some(plan));
        let labels = loader.image_set().labels();
        let expected: Vec<u16> = plan.images.iter().map(|&image| labels[image]).collect();
        assert_eq!(plan.labels, expected);
    }
    assert_eq!(loader.plan(epoch, loader.batches()), None);
    assert_eq!(loader.plan(epoch, usize::MAX), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn plans_describe_the_batches(
        count in 1usize..40, batch_size in 1usize..12, first in 0usize..8, seed: u64, epoch: u64,
        flip: bool, shift in 0usize..=3, dropped: bool,
        mixup in prop::option::of(0.1f64..3.0),
        draw in prop::sample::select(vec![Draw::Batch, Draw::Group, Draw::Image]), group in 1usize..14,
        mean in prop::sample::select(vec![Mean::None, Mean::Pixel, Mean::Channel]),
        scale in prop::sample::select(vec![Scale::None, Scale::Range, Scale::Deviation]),
    ) {
        // A single image has no deviation from its mean image.
        let images = Arc::new(scattered(count.max(2), SHAPE));
        let config = NormalizationConfig::default().with_mean(mean).with_scale(scale);
        let normalization = Arc::new(Normalization::fit(&images, config).expect("images that differ"));
        let augmentation = Augmentation::default().with_flip(flip).with_shift(shift).with_draw(draw).with_group(group);
        let training = Loader::training(Arc::clone(&images), Arc::clone(&normalization), augmentation, batch_size, seed);
        let in_order = Loader::in_order(images, normalization, batch_size);
        for loader in [training, in_order] {
            let mut loader = loader.expect("valid");
            if dropped && loader.image_set().len() >= batch_size {
                loader = loader.with_last_batch(LastBatch::Dropped).expect("one is whole");
            }
            if let Some(alpha) = mixup {
                loader = loader.with_mixup(alpha).expect("in range");
            }
            check(&loader, epoch, first);
        }
    }
}

/// Mixing does not change any other random draw. The partners are the images of the batch in a
/// different order, each with its own flip, shift and label.
#[test]
fn images_of_a_batch_are_mixed_with_one_another() {
    let images = Arc::new(scattered(50, SHAPE));
    let config = NormalizationConfig::default();
    let normalization = Arc::new(Normalization::fit(&images, config).expect("fits"));
    let augmentation = Augmentation::default()
        .with_flip(true)
        .with_shift(2)
        .with_draw(Draw::Image);
    let plain = Loader::training(images, normalization, augmentation, 16, 5).expect("valid");
    let mixed = plain.clone().with_mixup(1.0).expect("in range");
    let mut shares = Vec::new();
    for epoch in 0..3 {
        for (plain, mixed) in plain.plans(epoch, 0).zip(mixed.plans(epoch, 0)) {
            let mixture = mixed.mixture.expect("mixed");
            assert_eq!(
                (&mixed.images, &mixed.placements, &mixed.labels),
                (&plain.images, &plain.placements, &plain.labels)
            );
            let place = |image| plain.images.iter().position(|&its| its == image);
            let order: Vec<usize> = mixture.images.iter().copied().filter_map(place).collect();
            let in_order = |n: &usize| (plain.placements[*n], plain.labels[*n]);
            let partners = mixture.placements.into_iter().zip(mixture.labels);
            assert!(order.iter().map(in_order).eq(partners));
            // The last batch has only two images, which may be in order.
            assert!(order.len() < 16 || !order.is_sorted(), "{order:?}");
            let mut sorted = order;
            sorted.sort_unstable();
            assert!(sorted.into_iter().eq(0..plain.images.len()));
            shares.push(mixture.share);
        }
    }
    assert_eq!(shares.len(), 12);
    shares.sort_by(f32::total_cmp);
    shares.dedup();
    assert_eq!(shares.len(), 12, "one for each batch");
}

#[test]
fn images_in_order_are_not_mixed() {
    let images = Arc::new(scattered(7, SHAPE));
    let config = NormalizationConfig::default();
    let normalization = Arc::new(Normalization::fit(&images, config).expect("fits"));
    let loader = Loader::in_order(images, normalization, 3).expect("valid");
    let mixed = loader.clone().with_mixup(1.0).expect("in range");
    assert!(loader.epoch(0, 0).eq(mixed.epoch(0, 0)));
    assert!(loader.with_mixup(0.0).is_err());
}

#[test]
fn plans_hold_for_images_that_are_contrast_normalised_or_whitened() {
    let images = Arc::new(scattered(60, SHAPE));
    let augmentation = Augmentation::default()
        .with_flip(true)
        .with_shift(2)
        .with_draw(Draw::Image)
        .with_group(0);
    for (contrast, whitening) in [
        (Some(10.0), None),
        (None, Some(0.1)),
        (Some(10.0), Some(0.1)),
    ] {
        let config = NormalizationConfig::default()
            .with_contrast(contrast)
            .with_whitening(whitening);
        let normalization = Arc::new(Normalization::fit(&images, config).expect("fits"));
        let loader = Loader::training(Arc::clone(&images), normalization, augmentation, 16, 5)
            .expect("valid");
        check(&loader, 2, 1);
    }
}

#[test]
fn plans_of_evaluation_keep_images_in_order_and_unchanged() {
    let images = Arc::new(scattered(7, SHAPE));
    let config = NormalizationConfig::default();
    let normalization = Arc::new(Normalization::fit(&images, config).expect("fits"));
    let loader = Loader::in_order(Arc::clone(&images), normalization, 3).expect("valid");
    let plans: Vec<BatchPlan> = loader.plans(9, 0).collect();
    assert_eq!(
        plans
            .iter()
            .map(|plan| plan.images.clone())
            .collect::<Vec<_>>(),
        [vec![0, 1, 2], vec![3, 4, 5], vec![6]]
    );
    let mut placements = plans.iter().flat_map(|plan| &plan.placements);
    assert!(placements.all(|&placement| placement == Placement::default()));
    assert_eq!(loader.batch_size(), 3);
    let huge = Loader::in_order(images, Arc::clone(loader.normalization()), usize::MAX);
    assert_eq!(huge.expect("valid").batch_size(), 7);
}

#[test]
fn plans_stay_at_their_end_and_can_be_cloned_midway() {
    let images = scattered(11, SHAPE);
    let config = NormalizationConfig::default();
    let normalization = Arc::new(Normalization::fit(&images, config).expect("fits"));
    let augmentation = Augmentation::default().with_shift(1);
    let loader =
        Loader::training(Arc::new(images), normalization, augmentation, 4, 1).expect("valid");
    let mut plans = loader.plans(0, 0);
    let first = plans.next().expect("three batches");
    let rest: Vec<BatchPlan> = plans.clone().collect();
    assert_eq!(rest, plans.by_ref().collect::<Vec<_>>());
    assert_eq!((rest.len(), plans.len()), (2, 0));
    assert!(plans.next().is_none() && plans.next().is_none());
    // Every image of the epoch, once.
    let all = [first].into_iter().chain(rest);
    let mut images: Vec<usize> = all.flat_map(|plan| plan.images).collect();
    images.sort_unstable();
    assert_eq!(images, (0..11).collect::<Vec<_>>());
}

/// Batches of a mirrored loader have their rows reversed, and its plans agree.
#[test]
fn a_mirrored_loader_mirrors_every_image() {
    let images = Arc::new(scattered(60, SHAPE));
    let augmentation = Augmentation::default()
        .with_flip(true)
        .with_shift(2)
        .with_draw(Draw::Image)
        .with_group(0);
    for whitening in [None, Some(0.1)] {
        let config = NormalizationConfig::default()
            .with_mean(Mean::Pixel)
            .with_whitening(whitening);
        let normalization = Arc::new(Normalization::fit(&images, config).expect("fits"));
        let in_order = Loader::in_order(Arc::clone(&images), Arc::clone(&normalization), 16);
        let training = Loader::training(Arc::clone(&images), normalization, augmentation, 16, 5);
        for loader in [in_order, training] {
            let loader = loader.expect("valid");
            let mirrored = loader.clone().mirrored();
            check(&mirrored, 2, 1);
            let batches = loader.epoch(2, 0).zip(mirrored.epoch(2, 0));
            for ((mut expected, found), again) in
                batches.zip(mirrored.clone().mirrored().epoch(2, 0))
            {
                assert_same(&again, &expected);
                expected
                    .pixels
                    .chunks_exact_mut(SHAPE[2])
                    .for_each(<[f32]>::reverse);
                assert_same(&found, &expected);
            }
        }
    }
}
