//! Plots of two lines: one dotted, one solid.

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use scn_net::EpochRecord;

use super::palette::{GRID, INK, PAPER, TEST, TRAIN};

/// Small enough to be read on a telephone, where it shrinks to two thirds.
const SIZE: (u32, u32) = (560, 360);

/// Height of the names above the plot, and length of the samples of their lines.
const LEGEND: i32 = 36;
const SAMPLE: i32 = 30;

/// A plot of two lines over whole numbers.
struct Chart<'a> {
    x: &'a str,
    y: &'a str,
    dotted: Line<'a>,
    solid: Line<'a>,
}

/// Points from left to right, with a name. A line without points is left out.
struct Line<'a> {
    name: &'a str,
    points: Vec<(f64, f64)>,
}

/// The errors in percent over the epochs: training dotted, test solid, as in Figure 2 of the paper.
pub(crate) fn learning_curve(history: &[EpochRecord]) -> Result<String> {
    let percent = |error: fn(&EpochRecord) -> f64| {
        let point = |record| (record_epoch(record), 100.0 * error(record));
        history.iter().map(point).collect()
    };
    Chart {
        x: "epoch",
        y: "error in %",
        dotted: Line {
            name: "training, while the weights move",
            points: percent(|record| record.train_error),
        },
        solid: Line {
            name: "test",
            points: percent(|record| record.test_error),
        },
    }
    .draw()
}

/// The share of active codes over the layers: first epoch dotted, last solid.
pub(crate) fn active_share(history: &[EpochRecord]) -> Result<String> {
    let percent = |record: &EpochRecord| {
        let shares = record.layers.iter().enumerate();
        shares
            .map(|(h, layer)| (h as f64, 100.0 * layer.active))
            .collect()
    };
    let (first, last) = (history.first(), history.last());
    let name = |record: Option<&EpochRecord>| {
        record.map_or(String::new(), |record| format!("epoch {}", record.epoch))
    };
    Chart {
        x: "layer",
        y: "active codes in %",
        dotted: Line {
            name: &name(first),
            points: first
                .filter(|_| history.len() > 1)
                .map_or(Vec::new(), percent),
        },
        solid: Line {
            name: &name(last),
            points: last.map_or(Vec::new(), percent),
        },
    }
    .draw()
}

fn record_epoch(record: &EpochRecord) -> f64 {
    record.epoch as f64
}

impl Chart<'_> {
    fn draw(&self) -> Result<String> {
        let mut svg = String::new();
        self.draw_into(&mut svg)
            .map_err(|error| anyhow!("cannot draw the plot over {}s: {error}", self.x))?;
        Ok(svg)
    }

    fn draw_into(&self, svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
        let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        root.fill(&PAPER.rgb())?;
        let (legend, plot) = root.split_vertically(LEGEND);
        let points = || self.dotted.points.iter().chain(&self.solid.points);
        let highest = points().map(|point| point.1).fold(1.0, f64::max);
        let first = points().map(|point| point.0).fold(f64::INFINITY, f64::min);
        let first = if first.is_finite() { first } else { 0.0 };
        let last = points().map(|point| point.0).fold(first, f64::max);
        // A point alone stands in the middle, and nothing is said of another.
        let margin = if first == last { 0.5 } else { 0.0 };
        let (first, last) = (first - margin, last + margin);
        let mut chart = ChartBuilder::on(&plot)
            .margin(10)
            .margin_right(20)
            .x_label_area_size(54)
            .y_label_area_size(62)
            .build_cartesian_2d(first..last, 0.0..1.05 * highest)?;
        chart
            .configure_mesh()
            .x_desc(self.x)
            .y_desc(self.y)
            .axis_desc_style(text(19))
            .label_style(text(18))
            .axis_style(INK.rgb())
            .bold_line_style(GRID.rgb())
            .disable_x_mesh()
            .x_labels(((last - first) as usize + 1).clamp(2, 12))
            .y_labels(7)
            // There is nothing between two whole numbers.
            .x_label_formatter(&|x| {
                if x.fract() == 0.0 {
                    format!("{x:.0}")
                } else {
                    String::new()
                }
            })
            .y_label_formatter(&|y| ((100.0 * y).round() / 100.0).to_string())
            .light_line_style(PAPER.rgb())
            .draw()?;
        let (train, test) = (TRAIN.rgb().stroke_width(2), TEST.rgb().stroke_width(2));
        // Marks show where the points of a short line are; a long one needs none.
        let marked = points().count() <= 60;
        let mut left = 72;
        if !self.dotted.points.is_empty() {
            chart.draw_series(DashedLineSeries::new(
                self.dotted.points.clone(),
                2,
                4,
                train,
            ))?;
            let sample = [(left, LEGEND - 10), (left + SAMPLE, LEGEND - 10)];
            legend.draw(&DashedPathElement::new(sample, 2, 4, train))?;
            left += self.dotted.name_in(&legend, left + SAMPLE)?;
        }
        if !self.solid.points.is_empty() {
            chart.draw_series(LineSeries::new(self.solid.points.clone(), test))?;
            let sample = [(left, LEGEND - 10), (left + SAMPLE, LEGEND - 10)];
            legend.draw(&PathElement::new(sample, test))?;
            self.solid.name_in(&legend, left + SAMPLE)?;
        }
        if marked {
            let marks = |line: &Line, colour: RGBColor| {
                let points = line.points.clone().into_iter();
                points.map(move |point| Circle::new(point, 3, colour.filled()))
            };
            chart.draw_series(marks(&self.dotted, TRAIN.rgb()))?;
            chart.draw_series(marks(&self.solid, TEST.rgb()))?;
        }
        root.present()?;
        drop(chart);
        drop(root);
        Ok(())
    }
}

fn text(size: u32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&INK.rgb())
}

impl Line<'_> {
    /// Writes its name beside the sample of its line, and returns the room that both take.
    fn name_in<Backend: DrawingBackend>(
        &self,
        legend: &DrawingArea<Backend, Shift>,
        right_of: i32,
    ) -> Result<i32, DrawingAreaErrorKind<Backend::ErrorType>> {
        let name = Text::new(self.name, (right_of + 8, LEGEND - 18), text(18));
        legend.draw(&name)?;
        // There is no font to measure with; letters are not half as wide as they are high.
        Ok(SAMPLE + 32 + 7 * self.name.chars().count() as i32)
    }
}

#[cfg(test)]
mod tests {
    use scn_net::LayerRecord;

    use super::*;

    fn record(epoch: u64) -> EpochRecord {
        let mut layer = LayerRecord::default();
        layer.active = 0.3;
        let mut record = EpochRecord::default();
        record.epoch = epoch;
        record.train_error = 0.5 / epoch as f64;
        record.test_error = 0.6 / epoch as f64;
        record.layers = vec![layer; 14];
        record
    }

    #[test]
    fn lines_of_any_length_are_drawn() {
        for epochs in [0, 1, 2, 30, 200] {
            let history: Vec<_> = (1..=epochs).map(record).collect();
            let errors = learning_curve(&history).unwrap();
            // One mark per epoch and line, until there are too many.
            let marks = if epochs <= 30 { 2 * epochs as usize } else { 0 };
            assert_eq!(errors.matches("<circle").count(), marks);
            let shares = active_share(&history).unwrap();
            let marks = 14 * (epochs as usize).min(2);
            assert_eq!(shares.matches("<circle").count(), marks);
            for svg in [errors, shares] {
                roxmltree::Document::parse(&svg).unwrap();
            }
        }
    }

    #[test]
    fn one_epoch_is_not_followed_by_another() {
        let labels = |epochs: u64| -> Vec<String> {
            let record = |epoch| {
                let mut record = EpochRecord::default();
                (record.epoch, record.train_error, record.test_error) = (epoch, 0.3, 0.4);
                record
            };
            let history: Vec<EpochRecord> = (1..=epochs).map(record).collect();
            let svg = learning_curve(&history).unwrap();
            let page = roxmltree::Document::parse(&svg).unwrap();
            let texts = page.descendants().filter(|node| node.has_tag_name("text"));
            let texts = texts.filter_map(|node| node.text().map(str::trim));
            // Percentages are 0 or multiples of ten.
            let epochs = texts.filter(|text| ["1", "2", "3"].contains(text));
            epochs.map(str::to_string).collect()
        };
        assert_eq!(labels(1), ["1"]);
        assert_eq!(labels(2), ["1", "2"]);
    }
}
