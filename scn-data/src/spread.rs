//! Random positions that are spread evenly over a list.

use crate::draws::{Draws, Purpose};

/// Returns `chosen` of the positions `0..count`, spread evenly and at random, in ascending order.
///
/// The list is divided into `chosen` runs of neighbours, and one position of each is drawn at
/// random. Equal distances would not do: a list may be periodic, and all positions would be of one
/// kind. The draws depend only on the seed and on the two numbers.
///
/// # Panics
/// Panics if `chosen` is above `count`.
///
/// # Example
///
/// ```
/// // One position from each quarter of the list.
/// let positions = scn_data::spread(100, 4, 7);
/// assert!(positions.iter().map(|position| position / 25).eq(0..4));
/// ```
pub fn spread(count: usize, chosen: usize, seed: u64) -> Vec<usize> {
    assert!(chosen <= count);
    let mut draws = Draws::new(seed, 0, Purpose::HeldOut, 0);
    let first = |run: usize| (run as u128 * count as u128 / chosen as u128) as usize;
    (0..chosen)
        .map(|run| first(run) + draws.below((first(run + 1) - first(run)) as u64) as usize)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_as_many_as_asked_for_and_spread_evenly() {
        for (count, chosen) in [(10, 0), (10, 3), (10, 9), (1000, 100), (7, 7), (0, 0)] {
            let places = spread(count, chosen, 0);
            assert_eq!(places.len(), chosen);
            assert!(places.iter().all(|&place| place < count));
            assert!(places.is_sorted_by(|one, next| one < next), "{places:?}");
            let width = count.div_ceil(chosen.max(1));
            let gaps = places.windows(2).map(|pair| pair[1] - pair[0]);
            assert!(gaps.max().is_none_or(|gap| gap < 2 * width), "{places:?}");
        }
        // In a list of ten alternating kinds, each kind is drawn about 100 times, give or take
        // three times 9.5.
        let places = spread(10_000, 1000, 0);
        for kind in 0..10 {
            let count = places.iter().filter(|&place| place % 10 == kind).count();
            assert!((70..130).contains(&count), "{kind}: {count}");
        }
        assert_ne!(spread(100, 10, 0), spread(100, 10, 1));
    }
}
