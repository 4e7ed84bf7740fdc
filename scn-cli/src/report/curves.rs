//! Learning curves of a single run, or of several runs in one plot.

use anyhow::Result;
use scn_net::{EpochRecord, TrainingConfig};

use super::chart::{Chart, Entry, Line, Sample, Stroke};
use super::document::Figure;
use super::history::{Best, drops};
use super::palette::{Colour, INK, RULE, RUNS, TEST, TRAIN, VALIDATION};
use crate::readable::percent;

/// The quantity that a curve shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantity {
    Error,
    Loss,
}

/// A run to plot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Course<'a> {
    /// Number of the run in the report, counted from 1.
    pub(super) number: usize,
    pub(super) name: &'a str,
    pub(super) training: &'a TrainingConfig,
    pub(super) history: &'a [EpochRecord],
}

/// The images that a value was measured on.
#[derive(Debug, Clone, Copy)]
enum Images {
    Training,
    Validation,
    Test,
    /// The test images, with averaged weights.
    Averaged,
}

impl Quantity {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Error => "Error",
            Self::Loss => "Loss",
        }
    }

    /// Returns the file name of the plot with this index in the report, counted from 0.
    fn file(self, index: usize) -> String {
        let name = match self {
            Self::Error => "learning-curve",
            Self::Loss => "loss-curve",
        };
        match index {
            0 => format!("{name}.svg"),
            _ => format!("{name}-{}.svg", index + 1),
        }
    }

    /// Returns the label of the axis.
    fn values(self) -> &'static str {
        match self {
            Self::Error => "error in %",
            Self::Loss => "loss",
        }
    }

    /// Returns the upper limit of the values, in the unit of the axis.
    fn ceiling(self) -> f64 {
        match self {
            Self::Error => 100.0,
            Self::Loss => f64::INFINITY,
        }
    }

    /// Returns the value in an epoch, in the unit of the axis.
    fn of(self, images: Images, record: &EpochRecord) -> Option<f64> {
        match (self, images) {
            (Self::Error, Images::Training) => Some(100.0 * record.train_error),
            (Self::Error, Images::Validation) => Some(100.0 * record.validation_error?),
            (Self::Error, Images::Test) => Some(100.0 * record.test_error),
            (Self::Error, Images::Averaged) => Some(100.0 * record.averaged.as_ref()?.test_error),
            (Self::Loss, Images::Training) => Some(record.train_loss),
            (Self::Loss, Images::Validation) => record.validation_loss,
            (Self::Loss, Images::Test) => Some(record.test_loss),
            (Self::Loss, Images::Averaged) => Some(record.averaged.as_ref()?.test_loss),
        }
    }

    fn points(self, images: Images, history: &[EpochRecord]) -> Vec<(f64, f64)> {
        let point = |record: &EpochRecord| Some((record.epoch as f64, self.of(images, record)?));
        history.iter().filter_map(point).collect()
    }

    /// Formats a value for a reader.
    fn show(self, value: f64) -> String {
        match self {
            Self::Error => percent(value / 100.0),
            Self::Loss => format!("{value:.4}"),
        }
    }
}

fn line(points: Vec<(f64, f64)>, stroke: Stroke, colour: Colour) -> Line {
    Line {
        points,
        stroke,
        colour,
        ring: None,
        triangles: Vec::new(),
        name: None,
    }
}

/// Plots training, validation and test values of one run over its epochs, with the best epoch and
/// the drops of the learning rate.
pub(super) fn of_one(
    quantity: Quantity,
    training: &TrainingConfig,
    history: &[EpochRecord],
) -> Result<Figure> {
    let curves = [
        (
            Images::Training,
            Stroke::Dotted,
            TRAIN,
            "training, while the weights change",
        ),
        (Images::Validation, Stroke::Dashed, VALIDATION, "validation"),
        (
            Images::Averaged,
            Stroke::Dashed,
            TEST,
            "test with averaged weights",
        ),
        (Images::Test, Stroke::Solid, TEST, "test"),
    ];
    let best = Best::of(history);
    let rules = drops(training, history);
    let mut lines = Vec::new();
    let mut legend: Vec<Entry> = Vec::new();
    let mut told = Vec::new();
    for (images, stroke, colour, name) in curves {
        let points = quantity.points(images, history);
        let (Some(first), Some(last)) = (points.first(), points.last()) else {
            continue;
        };
        let (sample, kind) = match stroke {
            Stroke::Dotted if history.len() == 1 => (Sample::Hollow(colour), ""),
            _ if history.len() == 1 => (Sample::Dot(colour), ""),
            Stroke::Dotted => (Sample::Dotted(colour), "dotted"),
            Stroke::Dashed => (Sample::Dashed(colour), "dashed"),
            Stroke::Solid => (Sample::Solid(colour), "solid"),
        };
        legend.push((sample, name.to_string()));
        let (name, first, last) = (
            name.split(',').next().unwrap_or(name),
            quantity.show(first.1),
            quantity.show(last.1),
        );
        told.push(match history.len() {
            1 => format!("{name} {last}"),
            _ => format!("{name}, {kind}, from {first} to {last}"),
        });
        lines.push(line(points, stroke, colour));
    }
    if let Some(best) = best
        && history.len() > 1
    {
        let epoch = best.record.epoch;
        let text = match best.validated {
            true => format!("chosen by validation: epoch {epoch}"),
            false => format!("lowest test error: epoch {epoch}"),
        };
        // The validation curve is the second one, and the test curve the last.
        let ringed = if best.validated { 1 } else { lines.len() - 1 };
        lines[ringed].ring = Some(epoch as f64);
        told.push(text.clone());
        legend.push((Sample::Ring(lines[ringed].colour), text));
    }
    if !rules.is_empty() {
        let text = format!("learning rate × {}", training.drop_factor);
        let rounded = |epoch: &f64| ((100.0 * epoch).round() / 100.0).to_string();
        let epochs: Vec<String> = rules.iter().map(rounded).collect();
        told.push(format!("{text} after epoch {}", epochs.join(" and epoch ")));
        legend.push((Sample::Rule(RULE), text));
    }
    let epochs = match history.len() {
        1 => "after one epoch".to_string(),
        count => format!("over {count} epochs, on a logarithmic scale"),
    };
    let chart = Chart {
        values: quantity.values(),
        ceiling: quantity.ceiling(),
        lines,
        rules,
        legend,
    };
    Ok(Figure {
        file: quantity.file(0),
        description: format!("{} {epochs}: {}.", quantity.name(), told.join("; ")),
        drawing: chart.draw()?,
    })
}

/// Plots the curves of several runs together.
///
/// Each run has its own colour and number. Its best epoch and the drops of its learning rate are
/// marked. `index` counts such plots in the report.
pub(super) fn of_several(quantity: Quantity, courses: &[Course], index: usize) -> Result<Figure> {
    let mut lines = Vec::new();
    let mut legend: Vec<Entry> = Vec::new();
    let mut told = Vec::new();
    let (mut validated, mut dropped) = (false, false);
    for course in courses {
        let points = |images| quantity.points(images, course.history);
        let (number, colour) = (course.number, RUNS[(course.number - 1) % RUNS.len()]);
        let sample = match course.history.len() {
            1 => Sample::Dot(colour),
            _ => Sample::Solid(colour),
        };
        legend.push((sample, format!("{number} {}", shortened(course.name))));
        let Some(best) = Best::of(course.history) else {
            continue;
        };
        lines.push(line(points(Images::Training), Stroke::Dotted, colour));
        let validation = points(Images::Validation);
        if !validation.is_empty() {
            validated = true;
            lines.push(line(validation, Stroke::Dashed, colour));
        }
        let drops = drops(course.training, course.history);
        dropped |= !drops.is_empty();
        let test = points(Images::Test);
        let at_best = quantity.of(Images::Test, best.record).unwrap_or(f64::NAN);
        told.push(format!(
            "{number} {}, {} in its best epoch, {}",
            course.name,
            quantity.show(at_best),
            best.record.epoch
        ));
        lines.push(Line {
            ring: Some(best.record.epoch as f64).filter(|_| test.len() > 1),
            triangles: drops,
            name: Some(number.to_string()),
            ..line(test, Stroke::Solid, colour)
        });
    }
    // Draw solid lines on top.
    lines.sort_by_key(|line| line.stroke == Stroke::Solid);
    // Runs of one epoch are only points.
    let (test, training) = match lines.iter().all(|line| line.points.len() == 1) {
        true => (Sample::Dot(INK), Sample::Hollow(INK)),
        false => (Sample::Solid(INK), Sample::Dotted(INK)),
    };
    legend.push((test, "test".to_string()));
    if validated {
        legend.push((Sample::Dashed(INK), "validation".to_string()));
    }
    legend.push((training, "training".to_string()));
    if lines.iter().any(|line| line.ring.is_some()) {
        legend.push((Sample::Ring(INK), "best epoch".to_string()));
    }
    if dropped {
        legend.push((Sample::Triangle(INK), "learning rate drops".to_string()));
    }
    let chart = Chart {
        values: quantity.values(),
        ceiling: quantity.ceiling(),
        lines,
        rules: Vec::new(),
        legend,
    };
    Ok(Figure {
        file: quantity.file(index),
        description: format!(
            "{} over the epochs, on a logarithmic scale, with test images solid and training images dotted: {}.",
            quantity.name(),
            told.join("; ")
        ),
        drawing: chart.draw()?,
    })
}

/// Maximum number of letters of a name in a legend.
const NAME: usize = 52;

/// Removes the middle of a name that is too long for a legend.
fn shortened(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    if letters.len() <= NAME {
        return name.to_string();
    }
    let half = NAME / 2 - 1;
    let (head, tail) = (&letters[..half], &letters[letters.len() - half..]);
    head.iter().chain(&['…']).chain(tail).collect()
}

#[cfg(test)]
mod tests {
    use scn_net::{AveragedRecord, presets};

    use super::*;

    fn history(epochs: u64, validation: bool) -> Vec<EpochRecord> {
        let epoch = |epoch| {
            let mut record = EpochRecord::default();
            record.epoch = epoch;
            record.train_error = 0.5 / epoch as f64;
            record.test_error = 0.6 / epoch as f64;
            (record.train_loss, record.test_loss) = (1.0, 2.0);
            record.validation_error = validation.then_some(0.1 + 0.1 * epoch as f64);
            record.validation_loss = record.validation_error;
            record
        };
        (1..=epochs).map(epoch).collect()
    }

    #[test]
    fn what_is_drawn_is_told() {
        let training = presets::get("mnist-scn4").unwrap().training;
        let told = |quantity, epochs, validation| {
            of_one(quantity, &training, &history(epochs, validation))
                .unwrap()
                .description
        };
        assert_eq!(
            told(Quantity::Error, 15, false),
            "Error over 15 epochs, on a logarithmic scale: training, dotted, from 50.00 % to 3.33 %; \
             test, solid, from 60.00 % to 4.00 %; lowest test error: epoch 15; learning rate × 0.1 after epoch 10."
        );
        assert_eq!(
            told(Quantity::Loss, 2, true),
            "Loss over 2 epochs, on a logarithmic scale: training, dotted, from 1.0000 to 1.0000; \
             validation, dashed, from 0.2000 to 0.3000; test, solid, from 2.0000 to 2.0000; chosen by validation: epoch 1."
        );
        let mut averaged = history(2, true);
        for record in &mut averaged {
            let mut its = AveragedRecord::default();
            its.test_error = 0.25 / record.epoch as f64;
            record.averaged = Some(its);
        }
        let figure = of_one(Quantity::Error, &training, &averaged).unwrap();
        assert_eq!(
            figure.description,
            "Error over 2 epochs, on a logarithmic scale: training, dotted, from 50.00 % to 25.00 %; \
             validation, dashed, from 20.00 % to 30.00 %; test with averaged weights, dashed, from 25.00 % to 12.50 %; \
             test, solid, from 60.00 % to 30.00 %; chosen by validation: epoch 1."
        );
        assert_eq!(
            told(Quantity::Error, 1, false),
            "Error after one epoch: training 50.00 %; test 60.00 %."
        );
    }

    #[test]
    fn runs_of_any_number_and_length_are_drawn() {
        let training = presets::get("mnist-scn4").unwrap().training;
        let histories: Vec<_> = (0..20)
            .map(|epochs| history(epochs, epochs % 2 == 0))
            .collect();
        for count in [2, 20] {
            let course = |(index, history)| Course {
                number: index + 1,
                name: "a name that is so long that a legend of a plot has no room for all of it",
                training: &training,
                history,
            };
            let histories = histories[..count].iter().map(Vec::as_slice);
            let courses: Vec<_> = histories.enumerate().map(course).collect();
            let figure = of_several(Quantity::Error, &courses, 1).unwrap();
            assert_eq!(figure.file, "learning-curve-2.svg");
            roxmltree::Document::parse(&figure.drawing.file("").unwrap()).unwrap();
        }
    }

    #[test]
    fn long_names_keep_both_ends() {
        assert_eq!(shortened("short"), "short");
        let name = shortened(&format!("begin{}end", "é".repeat(100)));
        assert!(
            name.starts_with("beginé") && name.ends_with("éend") && name.chars().count() <= NAME
        );
    }
}
