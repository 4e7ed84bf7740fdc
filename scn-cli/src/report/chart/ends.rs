//! Names at the ends of lines, moved apart where they would cover each other.

use crate::report::palette::Colour;

/// Height of a name, and where its upper left corner is from the end of its line.
const HEIGHT: i32 = 16;
const RIGHT: i32 = 14;
const UP: i32 = 8;

/// The ends of lines, their names and colours; returns where each name is written.
pub(super) fn apart(mut ends: Vec<((i32, i32), &str, Colour)>) -> Vec<((i32, i32), &str, Colour)> {
    for (at, ..) in &mut ends {
        *at = (at.0 + RIGHT, at.1 - UP);
    }
    ends.sort_by_key(|(at, ..)| (at.1, at.0));
    for index in 1..ends.len() {
        let (x, mut y) = ends[index].0;
        for ((other_x, other_y), ..) in &ends[..index] {
            if (x - other_x).abs() < 2 * HEIGHT && y - other_y < HEIGHT {
                y = y.max(other_y + HEIGHT);
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
        let places: Vec<_> = apart(ends).iter().map(|end| end.0).collect();
        assert_eq!(
            places,
            [(514, 82), (514, 98), (314, 93), (514, 114), (514, 192)]
        );
    }
}
