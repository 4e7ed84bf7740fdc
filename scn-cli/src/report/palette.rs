//! Colours of the plots, in daylight and in the dark.
//!
//! Plots carry the colours of daylight as attributes, which every program that shows SVG
//! understands; a style sheet replaces them where a reader prefers the dark. Pictures are given in
//! `rgb(r,g,b)`, and so left alone.

use std::fmt::Write;

use plotters::style::RGBColor;

/// A colour in daylight.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Colour(&'static str, &'static str);

pub(crate) const PAPER: Colour = Colour("#FFFFFF", "#1B1D21");
pub(crate) const INK: Colour = Colour("#33363B", "#DDDDDD");
pub(crate) const GRID: Colour = Colour("#E2E4E8", "#34373D");
/// Of training.
pub(crate) const TRAIN: Colour = Colour("#5F6B7A", "#9FB0C3");
/// Of the test images.
pub(crate) const TEST: Colour = Colour("#B4451A", "#FF9A6B");
/// Of what is right.
pub(crate) const HIT: Colour = Colour("#1F6FB4", "#7DB8EA");
/// Behind ink: what is right.
pub(crate) const RIGHT: Colour = Colour("#8FC1EF", "#1D5C99");
/// Behind ink: what is wrong.
pub(crate) const WRONG: Colour = Colour("#F2A285", "#9C3F1E");
const ALL: [Colour; 8] = [PAPER, INK, GRID, TRAIN, TEST, HIT, RIGHT, WRONG];

impl Colour {
    /// As an attribute.
    pub(crate) fn hex(self) -> &'static str {
        self.0
    }

    /// For the library that plots.
    pub(crate) fn rgb(self) -> RGBColor {
        let part = |at: usize| u8::from_str_radix(&self.0[at..at + 2], 16).unwrap_or(0);
        RGBColor(part(1), part(3), part(5))
    }
}

/// The colours in the dark.
pub(crate) fn dark_style() -> String {
    let mut style = String::from("@media (prefers-color-scheme: dark) {\n");
    for Colour(day, night) in ALL {
        let _ = writeln!(
            style,
            "  svg [fill=\"{day}\"] {{ fill: {night}; }} svg [stroke=\"{day}\"] {{ stroke: {night}; }}"
        );
    }
    style.push_str("}\n");
    style
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The contrast of two colours, as the Web Content Accessibility Guidelines define it.
    fn contrast(one: &str, other: &str) -> f64 {
        let luminance = |hex: &str| {
            let part = |at: usize| {
                let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
                if value <= 0.04045 {
                    value / 12.92
                } else {
                    ((value + 0.055) / 1.055).powf(2.4)
                }
            };
            0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
        };
        let (a, b) = (luminance(one), luminance(other));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_and_lines_stand_out_by_day_and_night() {
        for (colour, least) in [(INK, 7.0), (TRAIN, 4.5), (TEST, 4.5), (HIT, 4.5)] {
            for (shown, paper) in [(colour.0, PAPER.0), (colour.1, PAPER.1)] {
                assert!(
                    contrast(shown, paper) >= least,
                    "{shown} on {paper}: {}",
                    contrast(shown, paper)
                );
            }
        }
        for behind in [RIGHT, WRONG] {
            for (ink, paper) in [(INK.0, behind.0), (INK.1, behind.1)] {
                assert!(
                    contrast(ink, paper) >= 4.5,
                    "{ink} on {paper}: {}",
                    contrast(ink, paper)
                );
            }
        }
    }

    #[test]
    fn colours_are_the_same_for_the_library_that_plots() {
        assert_eq!(TEST.rgb(), RGBColor(0xB4, 0x45, 0x1A));
    }
}
