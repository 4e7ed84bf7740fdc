//! Font and colours of pages and plots, in light and dark mode.
//!
//! Plots have the light colours as attributes, which every program that shows SVG understands. A
//! style sheet replaces them for readers who prefer dark mode. It does not affect images, which are
//! embedded as PNG.

use askama::Template;
use plotters::style::RGBColor;

/// Font of pages and plots. It must match the font in style.css.
pub(crate) const FONT: &str = "system-ui, sans-serif";

/// A colour in light and in dark mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Colour(&'static str, &'static str);

pub(crate) const PAPER: Colour = Colour("#FFFFFF", "#1B1D21");
pub(crate) const INK: Colour = Colour("#33363B", "#DDDDDD");
pub(crate) const GRID: Colour = Colour("#E2E4E8", "#34373D");
/// Colour of rules across a plot, such as at a drop of the learning rate.
pub(crate) const RULE: Colour = Colour("#8A919C", "#7C8490");
/// Colour of training images.
pub(crate) const TRAIN: Colour = Colour("#5F6B7A", "#9FB0C3");
/// Colour of validation images.
pub(crate) const VALIDATION: Colour = Colour("#1F6FB4", "#7DB8EA");
/// Colour of test images.
pub(crate) const TEST: Colour = Colour("#B4451A", "#FF9A6B");

/// Colours of runs that are compared.
pub(crate) const RUNS: [Colour; 8] = [
    Colour("#1F6FB4", "#7DB8EA"),
    Colour("#B4451A", "#FF9A6B"),
    Colour("#1B7F4B", "#6FD09B"),
    Colour("#7A4FB5", "#C3A1F5"),
    Colour("#856300", "#E2BE4A"),
    Colour("#B8327D", "#F58CC2"),
    Colour("#0E7C86", "#5CCBD6"),
    Colour("#5F6B7A", "#9FB0C3"),
];

/// Number of colours for counts from one to the largest.
pub(crate) const STEPS: usize = 8;
/// Backgrounds of correct counts, from small to large.
pub(crate) const RIGHT: [Colour; STEPS] = [
    Colour("#DEEFFF", "#233A51"),
    Colour("#B8D4F2", "#244668"),
    Colour("#94BCE5", "#27527C"),
    Colour("#70A3D8", "#2A5F92"),
    Colour("#4F8FCF", "#2F6BA4"),
    Colour("#2C73B6", "#5894D0"),
    Colour("#105D9D", "#8BB9E9"),
    Colour("#004684", "#BDDBFB"),
];
/// Backgrounds of wrong counts, from small to large.
pub(crate) const WRONG: [Colour; STEPS] = [
    Colour("#FFE7DD", "#4E2F22"),
    Colour("#EFC7B6", "#623722"),
    Colour("#E0A991", "#763F25"),
    Colour("#D08B6C", "#894828"),
    Colour("#C4724C", "#9A502D"),
    Colour("#AA552A", "#C67854"),
    Colour("#913E10", "#E3A387"),
    Colour("#782700", "#F8CDBA"),
];
const ON_LITTLE: Colour = Colour("#15171A", "#F2F2F2");
const ON_MUCH: Colour = Colour("#FFFFFE", "#101214");

/// Returns the colour of text on the background of a step.
pub(crate) fn text_on(step: usize) -> Colour {
    if step < 5 { ON_LITTLE } else { ON_MUCH }
}

fn all() -> impl Iterator<Item = Colour> {
    [
        PAPER, INK, GRID, RULE, TRAIN, VALIDATION, TEST, ON_LITTLE, ON_MUCH,
    ]
    .into_iter()
    .chain(RUNS)
    .chain(RIGHT)
    .chain(WRONG)
}

impl Colour {
    /// Returns the light colour as an attribute.
    pub(crate) fn hex(&self) -> &'static str {
        self.0
    }

    fn in_the_dark(&self) -> &'static str {
        self.1
    }

    /// Converts the light colour for `plotters`.
    pub(crate) fn rgb(self) -> RGBColor {
        let part = |at: usize| u8::from_str_radix(&self.0[at..at + 2], 16).unwrap_or(0);
        RGBColor(part(1), part(3), part(5))
    }
}

/// The style sheet for dark mode.
#[derive(Debug, Template)]
#[template(path = "dark.css", escape = "none")]
pub(crate) struct Dark {
    colours: Vec<Colour>,
}

impl Dark {
    pub(crate) fn new() -> Self {
        let mut colours: Vec<Colour> = all().collect();
        colours.sort_unstable_by_key(Colour::hex);
        colours.dedup();
        Self { colours }
    }

    /// Creates a style sheet of only the colours in these elements.
    pub(crate) fn of(elements: &str) -> Self {
        let mut dark = Self::new();
        dark.colours
            .retain(|colour| elements.contains(colour.hex()));
        dark
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(hex: &str) -> f64 {
        let part = |at: usize| {
            let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    /// Returns the contrast of two colours as defined by the Web Content Accessibility Guidelines.
    fn contrast(one: &str, other: &str) -> f64 {
        let (a, b) = (luminance(one), luminance(other));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_and_lines_stand_out_by_day_and_night() {
        let lines = [TRAIN, VALIDATION, TEST].into_iter().chain(RUNS);
        let lines = lines.map(|colour| (colour, 4.5));
        for (colour, least) in lines.chain([(INK, 7.0), (RULE, 3.0)]) {
            for (shown, paper) in [(colour.0, PAPER.0), (colour.1, PAPER.1)] {
                let found = contrast(shown, paper);
                assert!(found >= least, "{shown} on {paper}: {found}");
            }
        }
        for steps in [RIGHT, WRONG] {
            for (step, behind) in steps.into_iter().enumerate() {
                let text = text_on(step);
                for (text, behind) in [(text.0, behind.0), (text.1, behind.1)] {
                    let found = contrast(text, behind);
                    assert!(found >= 4.5, "{text} on {behind}: {found}");
                }
            }
        }
    }

    /// Larger counts are darker in light mode and brighter in dark mode, and even a count of one
    /// differs from the background.
    #[test]
    fn steps_go_one_way_from_the_paper() {
        for steps in [RIGHT, WRONG] {
            let steps = || std::iter::once(PAPER).chain(steps);
            for (less, more) in steps().zip(steps().skip(1)) {
                assert!(luminance(less.0) > luminance(more.0), "{less:?} {more:?}");
                assert!(luminance(less.1) < luminance(more.1), "{less:?} {more:?}");
                for (less, more) in [(less.0, more.0), (less.1, more.1)] {
                    let found = contrast(less, more);
                    assert!(found >= 1.15, "{less} {more}: {found}");
                }
            }
        }
    }

    #[test]
    fn a_colour_of_the_day_has_one_of_the_night() {
        let colours = Dark::new().colours;
        let mut days: Vec<&str> = colours.iter().map(Colour::hex).collect();
        days.dedup();
        assert_eq!(days.len(), colours.len());
        let style = Dark::new().render().unwrap();
        assert!(style.contains("[fill=\"#B4451A\"] { fill: #FF9A6B; }"));
        assert_eq!(Dark::of("<rect fill=\"#B4451A\"/>").colours, [TEST]);
    }

    #[test]
    fn colours_are_the_same_for_the_library_that_plots() {
        assert_eq!(TEST.rgb(), RGBColor(0xB4, 0x45, 0x1A));
    }
}
