//! A plot of lines over epochs, with a logarithmic axis.

mod axis;
mod dots;
mod ends;
mod frame;
mod legend;
mod style;

use anyhow::Result;
use plotters::element::DashedPathElement;
use plotters::prelude::*;

use self::axis::{Axis, Logarithmic};
use self::frame::Area;
use self::style::{DASHES, DOTS, HOLLOW, text};
use super::drawing::Drawing;
use super::palette::{Colour, GRID, INK, PAPER, RULE};

pub(super) use self::dots::Dots;
pub(super) use self::legend::{Entry, Sample};

/// A plot of lines over the epochs of one or several runs.
pub(super) struct Chart<'a> {
    /// Name and unit of the values.
    pub(super) values: &'a str,
    /// Upper limit of the values.
    pub(super) ceiling: f64,
    pub(super) lines: Vec<Line>,
    /// Epochs marked by a vertical rule.
    pub(super) rules: Vec<f64>,
    pub(super) legend: Vec<Entry>,
}

/// Values by epoch, from left to right. Zeros are drawn at the lower edge. Values that are not
/// finite are not drawn.
pub(super) struct Line {
    pub(super) points: Vec<(f64, f64)>,
    pub(super) stroke: Stroke,
    pub(super) colour: Colour,
    /// Epoch marked by a ring.
    pub(super) ring: Option<f64>,
    /// Epochs marked by a triangle.
    pub(super) triangles: Vec<f64>,
    /// Name shown at the end of the line.
    pub(super) name: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stroke {
    Solid,
    Dashed,
    Dotted,
}

/// Maximum number of points in a plot for which each point is marked. A single point is always
/// marked.
const FEW: usize = 80;

impl Chart<'_> {
    pub(super) fn draw(&self) -> Result<Drawing> {
        frame::draw(self.values, &self.legend, |paper, plot| {
            self.draw_into(paper, plot)
        })
    }

    fn draw_into(
        &self,
        paper: &Area<'_>,
        plot: &Area<'_>,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let all = || self.lines.iter().flat_map(|line| line.points.iter());
        let axis = Logarithmic::of(all().map(|point| point.1), self.ceiling);
        let first = all().map(|point| point.0).fold(f64::INFINITY, f64::min);
        let first = if first.is_finite() { first } else { 0.0 };
        let last = all().map(|point| point.0).fold(first, f64::max);
        // Put a single point in the middle, without marks for other epochs.
        let margin = if first == last { 0.5 } else { 0.0 };
        let named = self.lines.iter().any(|line| line.name.is_some());
        let marks = axis.zero.into_iter().chain(axis.marks.iter().copied());
        let mut chart = ChartBuilder::on(plot)
            .margin(10)
            .margin_right(if named { 40 } else { 20 })
            .x_label_area_size(58)
            .y_label_area_size(76)
            .build_cartesian_2d(
                Axis {
                    range: first - margin..last + margin,
                    marks: axis::whole(first, last, 10.0),
                },
                Axis {
                    range: axis.low.log10()..axis.high.log10(),
                    marks: marks.map(f64::log10).collect(),
                },
            )?;
        chart
            .configure_mesh()
            .x_desc("epoch")
            .y_desc(self.values)
            .axis_desc_style(text(20))
            .label_style(text(20))
            .axis_style(INK.rgb())
            .bold_line_style(GRID.rgb())
            .light_line_style(PAPER.rgb())
            .disable_x_mesh()
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| match axis.zero {
                Some(zero) if *y == zero.log10() => "0".to_string(),
                _ => axis::label(10_f64.powf(*y)),
            })
            .draw()?;
        for &x in &self.rules {
            let ends = [(x, axis.low.log10()), (x, axis.high.log10())];
            chart.draw_series([PathElement::new(ends, RULE.rgb().stroke_width(1))])?;
        }
        let few = all().count() <= FEW;
        for line in &self.lines {
            let points = line.on(&axis);
            let style = line.colour.rgb().stroke_width(2);
            let ((on, off), solid) = match line.stroke {
                Stroke::Solid => ((1, 0), true),
                Stroke::Dashed => (DASHES, false),
                Stroke::Dotted => (DOTS, false),
            };
            if solid {
                chart.draw_series(LineSeries::new(points.iter().copied(), style))?;
            } else if points.len() > 1 {
                let dashes = DashedPathElement::new(points.clone(), on, off, style);
                chart.draw_series([dashes])?;
            }
            if few || points.len() == 1 {
                // Training points are hollow, because nothing else distinguishes a single point
                // from the others.
                let (size, mark) = match line.stroke {
                    Stroke::Dotted => (HOLLOW, line.colour.rgb().stroke_width(1)),
                    Stroke::Dashed | Stroke::Solid => (3, line.colour.rgb().filled()),
                };
                chart.draw_series(points.iter().map(|&point| Circle::new(point, size, mark)))?;
            }
            let triangles = line.triangles.iter().filter_map(|&x| between(&points, x));
            chart.draw_series(
                triangles.map(|point| TriangleMarker::new(point, 7, line.colour.rgb().filled())),
            )?;
            let ring = line.ring.and_then(|x| between(&points, x));
            chart.draw_series(ring.map(|point| Circle::new(point, 7, style)))?;
        }
        let ends = self.lines.iter().filter_map(|line| {
            let at = chart.plotting_area().map_coordinate(line.on(&axis).last()?);
            Some((at, line.name.as_deref()?, line.colour))
        });
        let bottom = chart.plotting_area().get_pixel_range().1.end;
        for (at, name, colour) in ends::apart(ends.collect(), bottom) {
            paper.draw(&Text::new(name, at, text(19).color(&colour.rgb())))?;
        }
        Ok(())
    }
}

impl Line {
    /// Returns the points with the logarithms of their values.
    fn on(&self, axis: &Logarithmic) -> Vec<(f64, f64)> {
        let placed = self.points.iter().filter_map(|&(x, value)| {
            let value = if value == 0.0 { axis.zero? } else { value };
            (value.is_finite() && value > 0.0).then(|| (x, value.log10()))
        });
        placed.collect()
    }
}

/// Interpolates a line at `x`; returns None beyond its ends.
fn between(points: &[(f64, f64)], x: f64) -> Option<(f64, f64)> {
    let next = points.iter().position(|point| point.0 >= x)?;
    let (right, top) = points[next];
    if right == x {
        return Some((x, top));
    }
    let (left, bottom) = points[next.checked_sub(1)?];
    Some((x, bottom + (x - left) / (right - left) * (top - bottom)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::palette::TEST;

    fn line(points: Vec<(f64, f64)>) -> Line {
        Line {
            points,
            stroke: Stroke::Solid,
            colour: TEST,
            ring: None,
            triangles: Vec::new(),
            name: None,
        }
    }

    fn drawn(lines: Vec<Line>) -> String {
        let chart = Chart {
            values: "error in %",
            ceiling: 100.0,
            lines,
            rules: Vec::new(),
            legend: vec![(Sample::Solid(TEST), "a<b".to_string())],
        };
        chart.draw().unwrap().file("a plot").unwrap()
    }

    #[test]
    fn lines_of_any_length_are_drawn() {
        for count in [0, 1, 2, 30, 200] {
            let points = (1..=count).map(|epoch| (f64::from(epoch), 50.0 / f64::from(epoch)));
            let svg = drawn(vec![line(points.collect())]);
            let page = roxmltree::Document::parse(&svg).unwrap();
            let count_of = |name: &str| {
                let nodes = page.descendants();
                nodes.filter(|node| node.tag_name().name() == name).count() as i32
            };
            let marks = if count <= 30 { count } else { 0 };
            assert_eq!(count_of("circle"), marks, "{count}");
        }
    }

    #[test]
    fn a_line_is_met_between_its_points() {
        let points = [(1.0, 2.0), (2.0, 4.0), (3.0, 0.0)];
        assert_eq!(between(&points, 2.0), Some((2.0, 4.0)));
        assert_eq!(between(&points, 2.25), Some((2.25, 3.0)));
        assert_eq!((between(&points, 0.5), between(&points, 3.5)), (None, None));
        assert_eq!(between(&[], 1.0), None);
    }

    #[test]
    fn zero_has_a_place_and_what_is_no_number_has_none() {
        let points = vec![(1.0, 10.0), (2.0, f64::NAN), (3.0, 0.0)];
        let svg = drawn(vec![line(points)]);
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(svg.contains(">\n0\n<"));
    }
}
