//! The axes of a plot and their marks.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;

/// An axis with given marks. (The axis of `plotters` for this purpose cannot be labelled.)
pub(super) struct Axis {
    pub(super) range: Range<f64>,
    pub(super) marks: Vec<f64>,
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, pixels: (i32, i32)) -> i32 {
        RangedCoordf64::from(self.range.clone()).map(value, pixels)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // There are no finer marks.
        match hint.weight().allow_light_points() {
            true => Vec::new(),
            false => self.marks.clone(),
        }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

/// Returns whole numbers from `first` to `last`: all of them if there are about `most`, otherwise
/// round ones and the first.
pub(super) fn whole(first: f64, last: f64, most: f64) -> Vec<f64> {
    let steps = (0..).flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * 10_f64.powi(power)));
    let enough = |step: &f64| (last - first) / step <= most;
    let step = steps.into_iter().find(enough).unwrap_or(1.0);
    let mut marks: Vec<f64> = Vec::new();
    let mut mark = (first / step).ceil() * step;
    // Skip the first number if its label would touch the next one.
    if mark - first >= 0.5 * step {
        marks.push(first);
    }
    while mark <= last {
        marks.push(mark);
        mark += step;
    }
    marks
}

/// The range and the marks of a logarithmic axis.
#[derive(Debug, PartialEq)]
pub(super) struct Logarithmic {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) marks: Vec<f64>,
    /// Position of zero, if it is among the values.
    pub(super) zero: Option<f64>,
}

/// Marks within a decade, from the sparsest choice to the densest.
const WITHIN: [&[f64]; 5] = [
    &[1.0],
    &[1.0, 3.0],
    &[1.0, 2.0, 5.0],
    &[1.0, 2.0, 3.0, 5.0, 7.0],
    &[1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0],
];
/// Minimum number of marks from which a reader can interpolate.
const LEAST: usize = 4;
/// Minimum ratio of the upper to the lower end of an axis.
const FACTOR: f64 = 2.0;

impl Logarithmic {
    /// Creates an axis for nonnegative values. Values that are negative or not finite are ignored.
    /// There are no marks above `ceiling`, the upper limit of the values.
    pub(super) fn of(values: impl Iterator<Item = f64> + Clone, ceiling: f64) -> Self {
        let positive = || {
            values
                .clone()
                .filter(|value| value.is_finite() && *value > 0.0)
        };
        let least = positive().fold(f64::INFINITY, f64::min);
        let (least, most) = match least.is_finite() {
            true => (least, positive().fold(least, f64::max)),
            false => (1.0, 1.0),
        };
        let room = (FACTOR / (most / least)).max(1.1).sqrt();
        let (mut low, high) = (least / room, most * room);
        let zero = values.clone().any(|value| value == 0.0).then(|| low / 2.0);
        let marks = WITHIN
            .iter()
            .map(|within| marks(within, low, high.min(ceiling)));
        let marks = marks.fold(Vec::new(), |chosen: Vec<f64>, denser| {
            if chosen.len() < LEAST { denser } else { chosen }
        });
        low = zero.unwrap_or(low);
        Self {
            low,
            high,
            marks,
            zero,
        }
    }
}

fn marks(within: &[f64], low: f64, high: f64) -> Vec<f64> {
    let decades = low.log10().floor() as i32..=high.log10().floor() as i32;
    let all = decades.flat_map(|decade| within.iter().map(move |mark| mark * 10_f64.powi(decade)));
    all.filter(|mark| (low..=high).contains(mark)).collect()
}

/// Formats the value of a mark with at most two significant digits.
pub(super) fn label(value: f64) -> String {
    let digits = (1.0 - value.log10().floor()).max(0.0) as usize;
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_whole_and_few() {
        assert_eq!(whole(1.0, 3.0, 10.0), [1.0, 2.0, 3.0]);
        assert_eq!(whole(1.0, 25.0, 10.0), [1.0, 5.0, 10.0, 15.0, 20.0, 25.0]);
        assert_eq!(whole(1.0, 1.0, 10.0), [1.0]);
        let long = whole(1.0, 200.0, 10.0);
        assert_eq!((long[0], long[1], long.last()), (1.0, 20.0, Some(&200.0)));
    }

    #[test]
    fn a_logarithmic_axis_has_marks_for_any_values() {
        for values in [
            vec![0.0001, 1.0],
            vec![12.3, 62.0],
            vec![12.3, 12.4],
            vec![1.0],
            vec![],
            vec![0.0],
            vec![f64::NAN, 3.0],
        ] {
            let axis = Logarithmic::of(values.iter().copied(), f64::INFINITY);
            assert!((3..=12).contains(&axis.marks.len()), "{values:?}: {axis:?}");
            assert!(
                0.0 < axis.low && axis.low < axis.high,
                "{values:?}: {axis:?}"
            );
            for &value in values.iter().filter(|value| **value > 0.0) {
                assert!(
                    (axis.low..axis.high).contains(&value),
                    "{values:?}: {axis:?}"
                );
            }
        }
        let axis = Logarithmic::of([0.0, 0.01, 1.0].into_iter(), f64::INFINITY);
        assert_eq!(axis.zero, Some(axis.low));
        assert!(axis.low < 0.01 && axis.marks.contains(&0.1));
        let axis = Logarithmic::of([90.0, 98.0].into_iter(), 100.0);
        assert_eq!(axis.marks.last(), Some(&100.0));
    }

    #[test]
    fn labels_are_short() {
        let labels = [100.0, 12.0, 1.5, 0.2, 0.05, 0.0015].map(label);
        assert_eq!(labels, ["100", "12", "1.5", "0.2", "0.05", "0.0015"]);
    }
}
