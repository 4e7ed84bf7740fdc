//! The distribution of a batch among processes, and the trees that sum over its images.

use std::ops::Range;

use bytemuck::Pod;
use scn_data::groups;
use scn_solvers::processes::{Numbers, Processes, SumTree, gather};

use crate::error::NetError;

/// Number of images per leaf of the tree. A process takes whole leaves, and layers compute leaf by
/// leaf wherever bits may depend on which images are computed together. In maps of 32 × 32, 16 × 16
/// and 8 × 8 pixels, the windows of three images fill whole tiles (of 48, 16 or 12).
pub(crate) const LEAF: usize = 3;

/// The images of a batch that this process takes.
#[derive(Debug, Clone)]
pub(crate) struct BatchShare {
    /// Number of images of the whole batch.
    pub(crate) batch: usize,
    /// The images of this process, which are whole leaves.
    pub(crate) images: Range<usize>,
    rank: usize,
    /// The leaves of each process.
    runs: Vec<Range<usize>>,
}

/// Sums that processes compute together, over the whole batch or over each of its groups. Each sum
/// has a tree.
#[derive(Debug, Clone)]
pub(crate) struct SharedSums {
    rank: usize,
    trees: Vec<SumTree>,
    /// The images of each leaf of each tree, by their indices in the batch.
    leaves: Vec<Vec<Range<usize>>>,
    /// The nodes that each process adds up, tree by tree.
    nodes: Vec<Vec<OwnNode>>,
}

/// A node of a tree that one process adds up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnNode {
    pub(crate) tree: usize,
    pub(crate) leaves: Range<usize>,
}

impl BatchShare {
    /// Returns the images that process `rank` of `count` takes.
    pub(crate) fn of(batch: usize, rank: usize, count: usize) -> Self {
        let tree = SumTree::new(batch.div_ceil(LEAF));
        let runs: Vec<_> = (0..count).map(|rank| tree.share(rank, count)).collect();
        Self {
            batch,
            images: images(&runs[rank], batch),
            rank,
            runs,
        }
    }

    /// Returns the sum over the whole batch.
    pub(crate) fn sum(&self) -> SharedSums {
        self.sums(std::iter::once(0..self.batch))
    }

    /// Returns the sums over each of `count` [groups](scn_data::groups). A leaf of the batch may
    /// belong to a group in part.
    pub(crate) fn group_sums(&self, count: usize) -> SharedSums {
        self.sums(groups(self.batch, count))
    }

    /// Returns the sums over these ranges of images.
    fn sums(&self, of: impl Iterator<Item = Range<usize>>) -> SharedSums {
        let (mut trees, mut leaves) = (Vec::new(), Vec::new());
        let mut nodes = vec![Vec::new(); self.runs.len()];
        for (tree, of) in of.enumerate() {
            let (first, end) = (of.start / LEAF, of.end.div_ceil(LEAF));
            let part = |leaf: usize| {
                let whole = images(&(leaf..leaf + 1), self.batch);
                whole.start.max(of.start)..whole.end.min(of.end)
            };
            leaves.push((first..end).map(part).collect());
            let sums = SumTree::new(end - first);
            let within = |leaf: usize| leaf.clamp(first, end) - first;
            for (nodes, run) in nodes.iter_mut().zip(&self.runs) {
                let own = sums.nodes(within(run.start)..within(run.end)).into_iter();
                nodes.extend(own.map(|leaves| OwnNode { tree, leaves }));
            }
            trees.push(sums);
        }
        SharedSums {
            rank: self.rank,
            trees,
            leaves,
            nodes,
        }
    }
}

/// Returns the images of some leaves of a batch.
fn images(leaves: &Range<usize>, batch: usize) -> Range<usize> {
    (leaves.start * LEAF).min(batch)..(leaves.end * LEAF).min(batch)
}

impl SharedSums {
    /// Returns the number of sums.
    pub(crate) fn len(&self) -> usize {
        self.trees.len()
    }

    /// Returns the images of a leaf of a tree, by their indices in the batch.
    pub(crate) fn leaf(&self, tree: usize, leaf: usize) -> Range<usize> {
        self.leaves[tree][leaf].clone()
    }

    /// Returns the images of a node, by their indices in the batch.
    pub(crate) fn images(&self, node: &OwnNode) -> Range<usize> {
        span(&self.leaves[node.tree][node.leaves.clone()])
    }

    /// Returns the images of all leaves of a tree, by their indices in the batch.
    pub(crate) fn tree_images(&self, tree: usize) -> Range<usize> {
        span(&self.leaves[tree])
    }

    /// Returns the nodes that this process adds up, tree by tree.
    pub(crate) fn own_nodes(&self) -> &[OwnNode] {
        &self.nodes[self.rank]
    }

    /// Returns the sum over a node, given the sum of each of its leaves.
    pub(crate) fn sum<T>(
        &self,
        node: &OwnNode,
        leaf: impl FnMut(usize) -> T,
        add: impl FnMut(&mut T, T),
    ) -> Option<T> {
        self.trees[node.tree].sum(node.leaves.clone(), leaf, add)
    }

    /// Starts adding up the numbers of all processes. `numbers` has `width` numbers for each [own
    /// node](Self::own_nodes), node by node.
    ///
    /// # Errors
    /// Returns an error if a process has failed.
    pub(crate) fn begin<T: Pod>(
        &self,
        processes: &dyn Processes,
        numbers: &[T],
        width: usize,
    ) -> Result<PendingSums<'_, T>, NetError> {
        let lengths = self.nodes.iter().map(|nodes| nodes.len() * width);
        Ok(PendingSums {
            sums: self,
            numbers: gather(processes, numbers, lengths)?,
            width,
        })
    }
}

/// Returns the images from the first leaf to the last.
fn span(leaves: &[Range<usize>]) -> Range<usize> {
    match leaves {
        [] => 0..0,
        [first, ..] => first.start..leaves[leaves.len() - 1].end,
    }
}

/// Sums that wait for the parts of other processes.
#[derive(Debug)]
pub(crate) struct PendingSums<'a, T> {
    sums: &'a SharedSums,
    numbers: Numbers<T>,
    width: usize,
}

impl<T: Pod> PendingSums<'_, T> {
    /// Waits for all parts and returns the numbers of each tree, added up with `add`. A tree
    /// without leaves has none.
    ///
    /// # Errors
    /// Returns an error if a process has failed.
    pub(crate) fn wait(self, mut add: impl FnMut(&mut [T], &[T])) -> Result<Vec<Vec<T>>, NetError> {
        let numbers = self.numbers.wait()?;
        let nodes = || self.sums.nodes.iter().flatten();
        let parts = || nodes().zip(numbers.chunks_exact(self.width.max(1)));
        let of_tree = |(tree, of): (usize, &SumTree)| {
            let own = parts().filter(|(node, _)| node.tree == tree);
            let sums = own.map(|(node, part)| (node.leaves.clone(), part.to_vec()));
            of.add(sums, |sum, other| add(sum, &other))
                .unwrap_or_default()
        };
        Ok(self.sums.trees.iter().enumerate().map(of_tree).collect())
    }
}

/// Adds `others` to `sums`, number by number.
pub(crate) fn add_each<T: Copy + std::ops::AddAssign>(sums: &mut [T], others: &[T]) {
    for (sum, &other) in sums.iter_mut().zip(others) {
        *sum += other;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use scn_solvers::processes::{Alone, Threads};

    use super::*;

    /// Returns a number for each image. Their sums depend on the order.
    fn value(image: usize) -> f32 {
        1.0 / (image as f32 + 0.3) * if image.is_multiple_of(3) { -1.0 } else { 1.0 }
    }

    fn sums(processes: &dyn Processes, batch: usize, groups: Option<usize>) -> Vec<Vec<f32>> {
        let (rank, count) = (processes.rank(), processes.count());
        let share = BatchShare::of(batch, rank, count);
        let sums = match groups {
            Some(groups) => share.group_sums(groups),
            None => share.sum(),
        };
        let own = sums.own_nodes();
        let numbers = own.iter().flat_map(|node| {
            let leaf = |leaf| sums.leaf(node.tree, leaf).map(value).sum::<f32>();
            let sum = sums.sum(node, leaf, |sum, other| *sum += other);
            let images = sums.images(node);
            assert!(share.images.start <= images.start && images.end <= share.images.end);
            [sum.unwrap_or(f32::NAN), images.len() as f32]
        });
        let numbers: Vec<f32> = numbers.collect();
        let pending = sums.begin(processes, &numbers, 2).unwrap();
        pending.wait(add_each).unwrap()
    }

    proptest! {
        #[test]
        fn sums_have_the_same_bits_for_any_number_of_processes(
            batch in 1usize..150, count in 1usize..9, groups in prop::option::of(1usize..7),
        ) {
            let alone = sums(&Alone, batch, groups);
            let sizes: Vec<f32> = scn_data::groups(batch, groups.unwrap_or(1)).map(|group| group.len() as f32).collect();
            prop_assert_eq!(alone.iter().map(|sum| sum[1]).collect::<Vec<_>>(), sizes);
            let shared: Vec<_> = std::thread::scope(|scope| {
                let one = |process| scope.spawn(move || sums(&process, batch, groups));
                let threads: Vec<_> = Threads::all(count).into_iter().map(one).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            for found in shared {
                prop_assert_eq!(&found, &alone);
            }
        }

        #[test]
        fn every_image_is_taken_once(batch in 0usize..300, count in 1usize..9) {
            let shares = (0..count).map(|rank| BatchShare::of(batch, rank, count).images);
            prop_assert!(shares.flatten().eq(0..batch));
        }
    }
}
