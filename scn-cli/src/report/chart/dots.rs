//! A plot with two dots for each category.

use anyhow::Result;
use plotters::prelude::*;

use super::axis::{self, Axis};
use super::frame::{self, Area};
use super::legend::Sample;
use super::style::text;
use crate::report::drawing::Drawing;
use crate::report::palette::{GRID, INK, PAPER, TEST, TRAIN};

/// Values before and after, for categories that are counted from 0.
///
/// A line joins the two dots of each category. No line joins categories, because there is nothing
/// between them.
pub(crate) struct Dots<'a> {
    pub(crate) categories: &'a str,
    pub(crate) values: &'a str,
    /// A name, and a value for each category; without values if there is nothing before.
    pub(crate) before: (String, Vec<f64>),
    pub(crate) after: (String, Vec<f64>),
}

impl Dots<'_> {
    pub(crate) fn draw(&self) -> Result<Drawing> {
        let mut entries = vec![(Sample::Dot(TEST), self.after.0.clone())];
        if !self.before.1.is_empty() {
            entries.insert(0, (Sample::Ring(TRAIN), self.before.0.clone()));
        }
        frame::draw(self.values, &entries, |_, plot| self.draw_into(plot))
    }

    fn draw_into(&self, plot: &Area<'_>) -> Result<(), Box<dyn std::error::Error>> {
        let (before, after) = (&self.before.1, &self.after.1);
        let highest = before.iter().chain(after).copied().fold(1.0, f64::max);
        let last = after.len().max(1) as f64 - 1.0;
        let mut chart = ChartBuilder::on(plot)
            .margin(10)
            .margin_right(20)
            .x_label_area_size(58)
            .y_label_area_size(76)
            .build_cartesian_2d(
                Axis {
                    range: -0.5..last + 0.5,
                    marks: axis::whole(0.0, last, 20.0),
                },
                0.0..1.05 * highest,
            )?;
        chart
            .configure_mesh()
            .x_desc(self.categories)
            .y_desc(self.values)
            .axis_desc_style(text(20))
            .label_style(text(20))
            .axis_style(INK.rgb())
            .bold_line_style(GRID.rgb())
            .light_line_style(PAPER.rgb())
            .disable_x_mesh()
            .y_labels(7)
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| ((100.0 * y).round() / 100.0).to_string())
            .draw()?;
        let at = |(index, &value): (usize, &f64)| (index as f64, value);
        for (from, to) in before
            .iter()
            .enumerate()
            .map(at)
            .zip(after.iter().enumerate().map(at))
        {
            chart.draw_series([PathElement::new([from, to], TRAIN.rgb().stroke_width(1))])?;
        }
        let ring = |point| Circle::new(point, 5, TRAIN.rgb().stroke_width(2));
        chart.draw_series(before.iter().enumerate().map(at).map(ring))?;
        let dot = |point| Circle::new(point, 4, TEST.rgb().filled());
        chart.draw_series(after.iter().enumerate().map(at).map(dot))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_joins_one_category_to_another() {
        for (before, after) in [(0, 1), (14, 14), (40, 40)] {
            let dots = Dots {
                categories: "layer",
                values: "active codes in %",
                before: ("epoch 1".to_string(), vec![40.0; before]),
                after: ("epoch 2".to_string(), vec![30.0; after]),
            };
            let svg = dots.draw().unwrap().file("shares").unwrap();
            let page = roxmltree::Document::parse(&svg).unwrap();
            let circles = page
                .descendants()
                .filter(|node| node.tag_name().name() == "circle");
            // The legend has one more circle for each.
            let legend = if before > 0 { 2 } else { 1 };
            assert_eq!(circles.count(), before + after + legend);
            let joined = page.descendants().filter(|node| {
                node.tag_name().name() == "polyline" && node.attribute("stroke") == Some("#5F6B7A")
            });
            let mut count = 0;
            for line in joined {
                let points = line.attribute("points").unwrap_or_default();
                let mut left = points
                    .split_whitespace()
                    .filter_map(|point| point.split(',').next());
                assert_eq!(left.next(), left.next(), "{points}");
                count += 1;
            }
            assert_eq!(count, before);
        }
    }
}
