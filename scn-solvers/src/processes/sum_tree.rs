//! The order of sums that processes share.

use std::iter::Peekable;
use std::ops::Range;

/// The tree in which leaves 0, 1, ..., such as the images of a batch, are added up.
///
/// The leaves are halved, the larger half first, until one is left. A sum over this tree is
/// bit-identical, however its parts are distributed.
///
/// Each process takes a [run of leaves](Self::share) and adds up the [nodes](Self::nodes) of the
/// tree that lie in it. All processes then [add up](Self::add) the nodes of all. With 1, 2, 4, ...
/// processes each run is one node.
///
/// # Example
///
/// ```
/// use scn_solvers::processes::SumTree;
///
/// let values = [1.0_f32, 1e-8, 1e-8, 1e-8, 1e-8, -1.0, 0.5];
/// let tree = SumTree::new(values.len());
/// let add = |sum: &mut f32, other: f32| *sum += other;
/// let alone = tree.sum(0..7, |leaf| values[leaf], add);
///
/// let nodes: Vec<_> = (0..3).flat_map(|rank| tree.nodes(tree.share(rank, 3))).collect();
/// assert_eq!(nodes, [0..2, 2..3, 3..4, 4..5, 5..6, 6..7]);
/// let sum = |node| tree.sum(node, |leaf| values[leaf], add);
/// let sums = nodes.into_iter().filter_map(|node| Some((node.clone(), sum(node)?)));
/// assert_eq!(tree.add(sums, add), alone);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SumTree {
    leaves: usize,
}

impl SumTree {
    /// Creates the tree with this number of leaves.
    pub fn new(leaves: usize) -> Self {
        Self { leaves }
    }

    /// Returns how many leaves of a node are in its left half.
    pub fn left(leaves: usize) -> usize {
        leaves.div_ceil(2)
    }

    /// Returns the leaves of process `rank` of `count`: a contiguous run, as equal as possible for
    /// all. With more processes than leaves, some have none.
    pub fn share(&self, rank: usize, count: usize) -> Range<usize> {
        share(0..self.leaves, rank, count.max(1))
    }

    /// Returns the largest nodes of the tree within a run of leaves, in order; none for an empty
    /// run.
    pub fn nodes(&self, run: Range<usize>) -> Vec<Range<usize>> {
        let mut nodes = Vec::new();
        find(0..self.leaves, &run, &mut nodes);
        nodes
    }

    /// Returns the sum over a node, or over all leaves; `None` for an empty range.
    pub fn sum<T>(
        &self,
        node: Range<usize>,
        mut leaf: impl FnMut(usize) -> T,
        mut add: impl FnMut(&mut T, T),
    ) -> Option<T> {
        down(node, &mut leaf, &mut add)
    }

    /// Returns the sum over all leaves, given the sums over nodes that together hold all leaves, in
    /// order: for example those of all processes, in the order of ranks. Returns `None` if a leaf
    /// is missing or there are no leaves.
    pub fn add<T>(
        &self,
        sums: impl IntoIterator<Item = (Range<usize>, T)>,
        mut add: impl FnMut(&mut T, T),
    ) -> Option<T> {
        up(0..self.leaves, &mut sums.into_iter().peekable(), &mut add)
    }
}

/// Returns the two halves of a node. The right half of a leaf is empty.
fn halves(node: Range<usize>) -> (Range<usize>, Range<usize>) {
    let middle = node.start + SumTree::left(node.len());
    (node.start..middle, middle..node.end)
}

/// An even number of processes halves the leaves as the tree does.
fn share(leaves: Range<usize>, rank: usize, count: usize) -> Range<usize> {
    if count.is_multiple_of(2) {
        let (left, right) = halves(leaves);
        return match rank.checked_sub(count / 2) {
            None => share(left, rank, count / 2),
            Some(rank) => share(right, rank, count / 2),
        };
    }
    // The product may overflow a usize.
    let edge = |rank: usize| (rank as u128 * leaves.len() as u128).div_ceil(count as u128) as usize;
    leaves.start + edge(rank)..leaves.start + edge(rank + 1)
}

fn find(node: Range<usize>, run: &Range<usize>, nodes: &mut Vec<Range<usize>>) {
    if node.end <= run.start || run.end <= node.start || node.is_empty() {
        return;
    }
    if run.start <= node.start && node.end <= run.end {
        nodes.push(node);
        return;
    }
    let (left, right) = halves(node);
    find(left, run, nodes);
    find(right, run, nodes);
}

fn down<T>(
    node: Range<usize>,
    leaf: &mut impl FnMut(usize) -> T,
    add: &mut impl FnMut(&mut T, T),
) -> Option<T> {
    if node.len() <= 1 {
        return node.map(leaf).next();
    }
    let (left, right) = halves(node);
    let mut sum = down(left, leaf, add)?;
    let right = down(right, leaf, add)?;
    add(&mut sum, right);
    Some(sum)
}

fn up<T>(
    node: Range<usize>,
    sums: &mut Peekable<impl Iterator<Item = (Range<usize>, T)>>,
    add: &mut impl FnMut(&mut T, T),
) -> Option<T> {
    if let Some((_, sum)) = sums.next_if(|(at, _)| *at == node) {
        return Some(sum);
    }
    if node.len() <= 1 {
        return None;
    }
    let (left, right) = halves(node);
    let mut sum = up(left, sums, add)?;
    let right = up(right, sums, add)?;
    add(&mut sum, right);
    Some(sum)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The order of additions as text: `((0 1) 2)`.
    fn written(tree: SumTree, node: Range<usize>) -> Option<String> {
        tree.sum(node, |leaf| leaf.to_string(), write)
    }

    fn write(sum: &mut String, other: String) {
        *sum = format!("({sum} {other})");
    }

    #[test]
    fn the_larger_half_comes_first() {
        let whole = |leaves| written(SumTree::new(leaves), 0..leaves);
        assert_eq!(whole(0), None);
        assert_eq!(whole(1).as_deref(), Some("0"));
        assert_eq!(whole(3).as_deref(), Some("((0 1) 2)"));
        assert_eq!(whole(5).as_deref(), Some("(((0 1) 2) (3 4))"));
    }

    #[test]
    fn powers_of_two_share_out_whole_nodes() {
        for leaves in 0..200 {
            let tree = SumTree::new(leaves);
            for count in [1, 2, 4, 8, 16] {
                for rank in 0..count {
                    assert!(
                        tree.nodes(tree.share(rank, count)).len() <= 1,
                        "{leaves} {count}"
                    );
                }
            }
        }
    }

    proptest! {
        #[test]
        fn every_sum_is_that_of_one_process(leaves in 0usize..100, count in 1usize..40) {
            let tree = SumTree::new(leaves);
            let shares: Vec<_> = (0..count).map(|rank| tree.share(rank, count)).collect();
            prop_assert!(shares.iter().cloned().flatten().eq(0..leaves));
            let sizes = || shares.iter().map(Range::len);
            prop_assert!(sizes().max().unwrap_or(0) - sizes().min().unwrap_or(0) <= 1);
            let nodes: Vec<_> = shares.into_iter().flat_map(|run| tree.nodes(run)).collect();
            let sums = || nodes.iter().filter_map(|node| Some((node.clone(), written(tree, node.clone())?)));
            prop_assert_eq!(tree.add(sums(), write), written(tree, 0..leaves));
            // Without one of the parts there is no sum.
            prop_assert_eq!(tree.add(sums().skip(1), write), None);
        }
    }
}
