//! Names at the ends of lines, moved apart where they would overlap.

use crate::report::palette::Colour;

/// Height of a name, and the offset of its upper left corner from the end of its line.
const HEIGHT: i32 = 16;
const RIGHT: i32 = 14;
const UP: i32 = 8;

/// Takes the ends of lines with their names and colours, and returns the position of each name,
/// above `bottom` and without overlaps.
pub(super) fn apart(
    mut ends: Vec<((i32, i32), &str, Colour)>,
    bottom: i32,
) -> Vec<((i32, i32), &str, Colour)> {
    for (at, ..) in &mut ends {
        *at = (at.0 + RIGHT, at.1 - UP);
    }
    ends.sort_by_key(|(at, ..)| (at.1, at.0));
    let beside = |one: i32, other: i32| (one - other).abs() < 2 * HEIGHT;
    // Move names down until they do not overlap, then up again if there is no room.
    for index in 1..ends.len() {
        let (x, mut y) = ends[index].0;
        for ((other_x, other_y), ..) in &ends[..index] {
            if beside(x, *other_x) {
                y = y.max(other_y + HEIGHT);
            }
        }
        ends[index].0 = (x, y);
    }
    for index in (0..ends.len()).rev() {
        let (x, mut y) = ends[index].0;
        y = y.min(bottom - HEIGHT);
        for ((other_x, other_y), ..) in &ends[index + 1..] {
            if beside(x, *other_x) {
                y = y.min(other_y - HEIGHT);
            }
        }
        ends[index].0 = (x, y);
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::palette::INK;

    #[test]
    fn names_do_not_cover_each_other() {
        let ends = [(500, 100), (500, 101), (300, 101), (500, 90), (500, 200)];
        let ends = ends.map(|at| (at, "1", INK)).to_vec();
        let places = |bottom| -> Vec<_> {
            let ends = apart(ends.clone(), bottom);
            ends.iter().map(|end| end.0).collect()
        };
        assert_eq!(
            places(300),
            [(514, 82), (514, 98), (314, 93), (514, 114), (514, 192)]
        );
        assert_eq!(
            places(130),
            [(514, 66), (514, 82), (314, 93), (514, 98), (514, 114)]
        );
    }
}
