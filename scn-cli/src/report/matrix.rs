//! The confusion matrix as a plot.

use anyhow::Result;
use askama::Template;

use super::drawing::Drawing;
use super::palette::{FONT, GRID, INK, PAPER, RIGHT, STEPS, WRONG, text_on};
use crate::readable::thousands;

/// Maximum number of classes for which names and counts are shown. With more, they would be
/// unreadable.
pub(crate) const READABLE: usize = 20;

/// Maximum number of letters of class names for which column labels are not rotated.
const UPRIGHT: usize = 3;

/// Side of a square of the key, and height of the key below the matrix.
const KEY: usize = 20;
const KEY_HEIGHT: usize = 64;

#[derive(Template)]
#[template(path = "matrix.svg")]
struct Matrix<'a> {
    width: usize,
    height: usize,
    /// Distance of the matrix from the left and upper edges.
    margin: usize,
    /// Side of a cell, and of the matrix.
    cell: usize,
    side: usize,
    /// Centre of the matrix, for the labels of the axes.
    middle: usize,
    readable: bool,
    /// Whether column labels fit without rotation.
    upright: bool,
    names: &'a [String],
    cells: Vec<Cell>,
    keys: [Key; 2],
    /// The largest count.
    most: String,
    /// Horizontal position of the key.
    key_left: usize,
}

/// A cell with a count above zero.
struct Cell {
    x: usize,
    y: usize,
    label: usize,
    prediction: usize,
    count: u64,
    fill: &'static str,
    ink: &'static str,
}

/// The row of the key for colours of one kind.
struct Key {
    name: &'static str,
    y: usize,
    fills: Vec<&'static str>,
}

/// Draws a confusion matrix. Rows are labels, and columns are predictions.
///
/// Larger counts are darker, or brighter in dark mode. The scale is logarithmic, so that one
/// mistake, a hundred and a thousand can be told apart. A count of zero has no colour.
pub(crate) fn draw(confusion: &[Vec<u64>], names: &[String]) -> Result<Drawing> {
    let classes = confusion.len();
    let readable = classes <= READABLE;
    let cell = if readable { 40 } else { 520 / classes.max(1) }.max(2);
    let longest = names.iter().map(|name| name.chars().count()).max();
    let longest = longest.unwrap_or(0);
    let margin = if readable { 36 + 9 * longest } else { 36 };
    let side = cell * classes;
    let most = confusion.iter().flatten().copied().max().unwrap_or(0);
    let mut cells = Vec::new();
    for (label, row) in confusion.iter().enumerate() {
        for (prediction, &count) in row.iter().enumerate().filter(|&(_, &count)| count > 0) {
            let step = step(count, most);
            let colours = if label == prediction { RIGHT } else { WRONG };
            cells.push(Cell {
                x: margin + prediction * cell,
                y: margin + label * cell,
                label,
                prediction,
                count,
                fill: colours[step].hex(),
                ink: text_on(step).hex(),
            });
        }
    }
    let most = thousands(most as usize);
    let key_left = 96;
    let key_right = key_left + 18 + STEPS * KEY + 12 + 10 * most.chars().count();
    let below = margin + side + 16;
    let key = |name, colours: [super::palette::Colour; STEPS], row| Key {
        name,
        y: below + row * (KEY + 4),
        fills: colours.iter().map(|colour| colour.hex()).collect(),
    };
    let matrix = Matrix {
        width: (margin + side + 12).max(key_right),
        height: below + KEY_HEIGHT,
        margin,
        cell,
        side,
        middle: margin + side / 2,
        readable,
        upright: longest <= UPRIGHT,
        names,
        cells,
        keys: [key("correct", RIGHT, 0), key("wrong", WRONG, 1)],
        most,
        key_left,
    };
    Ok(Drawing {
        width: matrix.width,
        height: matrix.height,
        elements: matrix.render()?,
    })
}

/// Returns the step of a count between one and `most`, on a logarithmic scale.
fn step(count: u64, most: u64) -> usize {
    let share = (count as f64).ln() / (most.max(2) as f64).ln();
    (share * (STEPS - 1) as f64).round() as usize
}

impl Matrix<'_> {
    /// Returns the name of a class.
    fn name(&self, class: usize) -> &str {
        self.names.get(class).map_or("", |name| name)
    }

    /// Returns the centre of a class along its axis.
    fn middle_of(&self, class: usize) -> usize {
        self.margin + class * self.cell + self.cell / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_is_drawn_once() {
        let names = ["a<b", "c"].map(String::from);
        let drawing = draw(&[vec![5, 1], vec![0, 9]], &names).unwrap();
        let svg = drawing.file("").unwrap();
        let page = roxmltree::Document::parse(&svg).unwrap();
        let titles: Vec<_> = page
            .descendants()
            .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "title")))
            .filter_map(|node| node.text())
            .collect();
        assert_eq!(
            titles,
            [
                "a<b classified as a<b: 5",
                "a<b classified as c: 1",
                "c classified as c: 9"
            ]
        );
        let many = draw(&vec![vec![1; 100]; 100], &vec!["x".to_string(); 100]).unwrap();
        assert_eq!(many.elements.matches("<title>").count(), 10_000);
        // Counts are only in the key: the smallest and the largest, for correct and for wrong
        // predictions.
        assert_eq!(many.elements.matches(">1</text>").count(), 4);
    }

    #[test]
    fn one_a_hundred_and_a_thousand_are_steps_apart() {
        let steps = [1, 108, 900, 1000].map(|count| step(count, 1000));
        assert_eq!(steps, [0, 5, 7, 7]);
        assert_eq!((step(1, 1), step(2, 2)), (0, STEPS - 1));
    }
}
