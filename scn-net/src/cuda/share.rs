//! The division of a batch among several devices.

use std::ops::Range;

/// The images of a batch that a device takes, and the weights of their moments.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Share {
    /// Number of images of this device.
    pub(super) images: usize,
    /// Number of images of the whole batch.
    pub(super) batch_images: usize,
    /// Number of groups of this device.
    pub(super) groups: usize,
    /// The weights of the moments of all groups of all devices, in the same number of rows for each
    /// device. A weight is the fraction of the batch that the group has, or 0 for an unused row.
    pub(super) weights: Vec<f32>,
    /// Number of rows of each device.
    pub(super) rows: usize,
}

impl Share {
    /// Returns the share of a device that takes the whole batch.
    pub(super) fn whole(images: usize, groups: usize) -> Self {
        Self::of_devices(images, groups, 1).remove(0).1
    }

    /// Returns the images and the share of each of `devices` devices. Devices take nearly equal
    /// numbers of groups. If there are fewer groups than devices, the images of each device form
    /// one group.
    pub(super) fn of_devices(
        images: usize,
        groups: usize,
        devices: usize,
    ) -> Vec<(Range<usize>, Self)> {
        let all: Vec<_> = scn_data::groups(images, groups.max(devices)).collect();
        // A device may get no group.
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
