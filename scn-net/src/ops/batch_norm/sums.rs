//! Sums of a channel over groups of images, added up over all processes.

use std::ops::Range;

use scn_solvers::processes::Processes;
use scn_solvers::tile::{Kernel, Lanes, Real};

use crate::error::NetError;
use crate::shape::Shape;
use crate::share::{OwnNode, SharedSums, add_each};

/// The groups of a batch, and the images of this process.
#[derive(Clone, Copy)]
pub(crate) struct Grouped<'a> {
    /// The sums over the groups.
    pub(crate) sums: &'a SharedSums,
    /// The index of the first image of this process.
    pub(crate) first: usize,
    pub(crate) processes: &'a dyn Processes,
}

impl Grouped<'_> {
    /// Returns the positions of some images of the batch in a channel, limited to the images of
    /// this process.
    pub(super) fn places(&self, images: Range<usize>, shape: Shape) -> Range<usize> {
        let plane = shape.height * shape.width;
        let place = |image: usize| image.clamp(self.first, self.first + shape.images) - self.first;
        place(images.start) * plane..place(images.end) * plane
    }

    /// Returns the positions of a node in a channel.
    pub(super) fn node(&self, node: &OwnNode, shape: Shape) -> Range<usize> {
        self.places(self.sums.images(node), shape)
    }

    /// Computes the sum over a node. `leaf` returns the sum over the positions of a leaf.
    pub(super) fn sum<T>(
        &self,
        node: &OwnNode,
        shape: Shape,
        leaf: impl Fn(Range<usize>) -> T,
        add: impl Fn(&mut T, T),
    ) -> T
    where
        T: Default,
    {
        let images = |index| self.places(self.sums.leaf(node.tree, index), shape);
        let sum = self.sums.sum(node, |index| leaf(images(index)), add);
        sum.unwrap_or_default()
    }

    /// Returns the sums of all processes over each group and channel, given those of this process
    /// over each channel and node.
    pub(super) fn exchange<const K: usize>(
        &self,
        by_channel: Vec<Vec<[f64; K]>>,
        add: fn(&mut [f64; K], [f64; K]),
    ) -> Result<Vec<Vec<[f64; K]>>, NetError> {
        let channels = by_channel.len();
        let nodes = by_channel.first().map_or(0, Vec::len);
        let numbers = (0..nodes).flat_map(|node| by_channel.iter().map(move |of| of[node]));
        let numbers: Vec<f64> = numbers.flatten().collect();
        let pending = self.sums.begin(self.processes, &numbers, channels * K)?;
        let groups = pending.wait(|sums, others| {
            let others = others.as_chunks::<K>().0;
            for (sum, &other) in sums.as_chunks_mut::<K>().0.iter_mut().zip(others) {
                add(sum, other);
            }
        })?;
        let groups = groups.into_iter();
        Ok(groups
            .map(|group| group.as_chunks::<K>().0.to_vec())
            .collect())
    }
}

/// The spread of some numbers: their count, their mean, and the sum of their squared deviations
/// from it.
pub(super) type Spread = [f64; 3];

/// Adds the spread of other numbers (Chan, Golub, LeVeque, "Updating formulae and a pairwise
/// algorithm for computing sample variances", 1979).
pub(super) fn add_spread(sum: &mut Spread, other: Spread) {
    let [count, mean, squares] = *sum;
    let both = (count + other[0]).max(1.0);
    let distance = other[1] - mean;
    *sum = [
        count + other[0],
        mean + distance * (other[0] / both),
        squares + other[2] + distance * distance * (count * other[0] / both),
    ];
}

/// Returns the spread of these numbers, summed in f64.
pub(super) fn spread(values: &[f32]) -> Spread {
    let count = values.len() as f64;
    // Any number of similar size will do: the squares then hold little besides the variance.
    let origin = f64::from(values.first().copied().unwrap_or(0.0));
    let [sum, squares] = f32::dispatch(Sums {
        values: [values, values],
        terms: |[x, _]: [f32; 2]| {
            let difference = f64::from(x) - origin;
            [difference, difference * difference]
        },
    });
    let mean = sum / count.max(1.0);
    [count, origin + mean, (squares - sum * mean).max(0.0)]
}

/// Returns mean and variance.
pub(super) fn moments([count, mean, squares]: Spread) -> (f32, f32) {
    (mean as f32, (squares / count.max(1.0)) as f32)
}

/// Adds two pairs of sums.
pub(super) fn add_both(sums: &mut [f64; 2], others: [f64; 2]) {
    add_each(sums, &others);
}

/// Number of independent partial sums, which hide the latency of additions for any vector width.
const LANES: usize = 32;

/// Sums of two terms over all pairs of numbers of two slices, in f64 and always in the same order.
pub(super) struct Sums<'a, F> {
    pub(super) values: [&'a [f32]; 2],
    pub(super) terms: F,
}

impl<F: Fn([f32; 2]) -> [f64; 2]> Kernel<f32> for Sums<'_, F> {
    type Output = [f64; 2];

    #[inline(always)]
    fn run<L: Lanes<f32>>(self, _: L) -> [f64; 2] {
        let [(a, a_rest), (b, b_rest)] = self.values.map(|values| values.as_chunks::<LANES>());
        let mut sums = [[0.0; LANES]; 2];
        let mut add = |lane: usize, a: f32, b: f32| {
            let [first, second] = (self.terms)([a, b]);
            sums[0][lane] += first;
            sums[1][lane] += second;
        };
        for (a, b) in a.iter().zip(b) {
            for lane in 0..LANES {
                add(lane, a[lane], b[lane]);
            }
        }
        for (lane, (&a, &b)) in a_rest.iter().zip(b_rest).enumerate() {
            add(lane, a, b);
        }
        sums.map(|sums| sums.iter().sum())
    }
}
