//! Making the batches of one epoch: their images, the placement of each, and their pixels.

use std::ops::Range;
use std::sync::Arc;

use crate::augment::{Draw, Placement};
use crate::batch::{Batch, BatchPlan, Mixture, PlannedMixture};
use crate::draws::{Draws, Purpose};
use crate::groups::groups;
use crate::recipe::{Recipe, Shuffle};

/// Makes the batches of one epoch, or their plans.
#[derive(Debug, Clone)]
pub(crate) struct Maker {
    recipe: Recipe,
    epoch: u64,
    /// The order of the images; `None` for the order of the set.
    order: Option<Arc<[usize]>>,
}

impl Maker {
    /// Creates the maker of epoch `epoch`, and draws the order of its images.
    pub(crate) fn new(recipe: &Recipe, epoch: u64) -> Self {
        let order = recipe.shuffle.map(|Shuffle { seed, .. }| {
            Draws::new(seed, epoch, Purpose::Order, 0).permutation(recipe.images.len())
        });
        Self {
            recipe: recipe.clone(),
            epoch,
            order: order.map(Arc::from),
        }
    }

    /// Number of batches in the epoch.
    pub(crate) fn batches(&self) -> usize {
        self.recipe.batches()
    }

    /// Returns the plan of batch `index` of the epoch, which must be below the number of batches.
    pub(crate) fn plan(&self, index: usize) -> BatchPlan {
        let Recipe {
            images, batch_size, ..
        } = &self.recipe;
        let start = index * batch_size;
        let count = self.recipe.images_of(index);
        let indices: Vec<usize> = match &self.order {
            Some(order) => order[start..start + count].to_vec(),
            None => (start..start + count).collect(),
        };
        let placements = self.placements(index, count);
        let labels: Vec<u16> = indices.iter().map(|&i| images.labels()[i]).collect();
        BatchPlan {
            mixture: self.mixture(index, &indices, &placements, &labels),
            placements,
            labels,
            images: indices,
        }
    }

    /// Plans what is mixed into the images of a batch.
    fn mixture(
        &self,
        batch: usize,
        images: &[usize],
        placements: &[Placement],
        labels: &[u16],
    ) -> Option<PlannedMixture> {
        let (Some(mixup), Some(Shuffle { seed, .. })) = (self.recipe.mixup, self.recipe.shuffle)
        else {
            return None;
        };
        let mut draws = Draws::new(seed, self.epoch, Purpose::Mixup, batch as u64);
        let share = mixup.share(&mut draws);
        let order = draws.permutation(images.len());
        Some(PlannedMixture {
            share,
            images: order.iter().map(|&n| images[n]).collect(),
            placements: order.iter().map(|&n| placements[n]).collect(),
            labels: order.iter().map(|&n| labels[n]).collect(),
        })
    }

    /// Makes some images of batch `index` of the epoch, which must be below the number of batches.
    /// Images beyond the batch are left out.
    pub(crate) fn part(&self, index: usize, images: Range<usize>) -> Batch {
        let plan = self.plan(index).part(images);
        let [channels, height, width] = self.recipe.images.shape();
        let mut pixels = self.placed(&plan.images, &plan.placements);
        let mixture = plan.mixture.map(|planned| {
            let partners = self.placed(&planned.images, &planned.placements);
            for (x, y) in pixels.iter_mut().zip(partners) {
                *x = planned.share.mul_add(y - *x, *x);
            }
            Mixture {
                share: planned.share,
                labels: planned.labels,
            }
        });
        Batch {
            pixels,
            shape: [plan.images.len(), channels, height, width],
            labels: plan.labels,
            mixture,
        }
    }

    /// Returns images of the set one after the other, normalised and placed.
    fn placed(&self, indices: &[usize], placements: &[Placement]) -> Vec<f32> {
        let Recipe {
            images,
            normalization,
            whitened,
            ..
        } = &self.recipe;
        let shape = images.shape();
        let volume = images.volume();
        let mut pixels = vec![0.0; indices.len() * volume];
        let mut normalized = vec![0.0; volume];
        let outputs = pixels.chunks_exact_mut(volume).zip(placements);
        for (&image, (out, placement)) in indices.iter().zip(outputs) {
            match whitened {
                Some(whitened) => {
                    placement.place(&whitened[image * volume..][..volume], shape, out)
                }
                None if placement.is_identity() => normalization.write(images.image(image), out),
                None => {
                    normalization.write(images.image(image), &mut normalized);
                    placement.place(&normalized, shape, out);
                }
            }
        }
        pixels
    }

    /// Returns the flips and shifts of the `count` images of a batch.
    fn placements(&self, batch: usize, count: usize) -> Vec<Placement> {
        let mut placements = self.drawn(batch, count);
        if self.recipe.mirrored {
            for placement in &mut placements {
                *placement = placement.mirrored();
            }
        }
        placements
    }

    /// Draws the flips and shifts, before the recipe mirrors them.
    fn drawn(&self, batch: usize, count: usize) -> Vec<Placement> {
        let Some(Shuffle { augmentation, seed }) = self.recipe.shuffle else {
            return vec![Placement::default(); count];
        };
        let mut draws = Draws::new(seed, self.epoch, Purpose::Augmentation, batch as u64);
        match augmentation.draw {
            Draw::Batch => vec![augmentation.draw(&mut draws); count],
            Draw::Group => {
                let count_of_groups = self
                    .recipe
                    .largest_batch()
                    .div_ceil(augmentation.group.max(1));
                groups(count, count_of_groups)
                    .flat_map(|group| vec![augmentation.draw(&mut draws); group.len()])
                    .collect()
            }
            Draw::Image => (0..count).map(|_| augmentation.draw(&mut draws)).collect(),
        }
    }
}
