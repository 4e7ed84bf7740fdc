//! How several devices share a batch.

use std::ops::Range;

/// Which images of a batch a device takes, and how their moments count.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Share {
    /// Images of this device.
    pub(super) images: usize,
    /// Images of the whole batch.
    pub(super) batch_images: usize,
    /// Into how many groups these images are divided.
    pub(super) groups: usize,
    /// Of the moments of all groups of all devices, a row each and as many of each device: the part
    /// that their images are of the batch, or 0 for a row that is not used.
    pub(super) weights: Vec<f32>,
    /// Rows of each device.
    pub(super) rows: usize,
}

impl Share {
    /// All of a batch.
    pub(super) fn whole(images: usize, groups: usize) -> Self {
        Self::of_devices(images, groups, 1).remove(0).1
    }

    /// The images of each of so many devices, and how they count. Devices share groups as equally
    /// as can be; where there are fewer groups than devices, the share of each is one.
    pub(super) fn of_devices(
        images: usize,
        groups: usize,
        devices: usize,
    ) -> Vec<(Range<usize>, Self)> {
        let all: Vec<_> = scn_data::groups(images, groups.max(devices)).collect();
        // A device may be left without any.
        let of_device = |device: usize| {
            let edge = |device: usize| device * all.len() / devices;
            &all[edge(device)..edge(device + 1)]
        };
        let shares: Vec<_> = (0..devices).map(of_device).collect();
        let rows = shares.iter().map(|share| share.len()).max().unwrap_or(0);
        let weights = shares.iter().flat_map(|share| {
            let weights = share.iter().map(|group| group.len() as f32 / images as f32);
            weights.chain(std::iter::repeat(0.0)).take(rows)
        });
        let weights: Vec<f32> = weights.collect();
        let shares = shares.iter().map(|share| {
            let first = share.first().map_or(0, |group| group.start);
            let range = first..share.last().map_or(first, |group| group.end);
            let share = Self {
                images: range.len(),
                batch_images: images,
                groups: share.len(),
                weights: weights.clone(),
                rows,
            };
            (range, share)
        });
        shares.collect()
    }
}
