//! The sections of a report.

mod images;
mod settings;

use anyhow::Result;
use scn_net::{EpochRecord, Network};

use super::document::{Block, Document, Figure, Table};
use super::{Run, changes, chart, paper};
use crate::output::condition_number;

/// More rows than this are opened on demand.
const LONG: usize = 12;

/// All that can be said of a run.
pub(crate) fn of(run: &Run) -> Result<Document> {
    let config = run.config;
    let title = config.preset.clone();
    let changed = changes::of(config)?;
    let mut blocks = vec![Block::Text(summary(run))];
    blocks.extend(result(run, !changed.is_empty())?);
    if let Some(last) = run.history.last() {
        blocks.push(Block::Heading("Learning curve"));
        blocks.push(Block::Figure(learning_curve(run.history)?));
        blocks.push(Block::Table(epochs(run.history)));
        blocks.push(Block::Heading("Layers"));
        blocks.push(Block::Table(layers(run, last)));
        blocks.push(Block::Figure(active_share(run.history)?));
    }
    blocks.extend(images::sections(run)?);
    blocks.push(Block::Heading("Configuration"));
    blocks.extend(settings::blocks(config, &changed)?);
    blocks.push(Block::Text(format!(
        "Written by scn {}.",
        env!("CARGO_PKG_VERSION")
    )));
    Ok(Document {
        title: title.unwrap_or_else(|| config.dataset.to_string()),
        wide: false,
        blocks,
    })
}

fn summary(run: &Run) -> String {
    let Some(last) = run.history.last() else {
        return "No epoch is complete yet.".to_string();
    };
    let errors = run.history.iter().map(|record| record.test_error);
    let best = errors.fold(f64::INFINITY, f64::min);
    format!(
        "Test error {} on {} after {} of {} epochs (lowest on the way: {}).",
        percent(last.test_error),
        run.config.dataset,
        last.epoch,
        run.config.training.epochs,
        percent(best)
    )
}

fn result(run: &Run, changed: bool) -> Result<Vec<Block>> {
    let preset = run.config.preset.as_deref().unwrap_or_default();
    let original = paper::original(preset);
    let published = paper::result(original);
    let last = run.history.last();
    let parameters = match run.model {
        Some(model) => model.network.parameter_count(),
        None => Network::new(&run.config.network, run.config.seed)?.parameter_count(),
    };
    let tested = run.findings.as_ref().ok().map(|found| &found.evaluation);
    let of_paper = |value: &dyn Fn(&paper::Published) -> Option<String>| {
        published
            .as_ref()
            .map(|row| value(row).unwrap_or_else(|| "not given".to_string()))
    };
    let rows = [
        (
            "test error",
            last.map(|record| percent(record.test_error)),
            of_paper(&|row| row.test_error.map(percent)),
        ),
        (
            "parameters",
            Some(thousands(parameters)),
            of_paper(&|row| Some(row.parameters.to_string())),
        ),
        (
            "epochs",
            last.map(|record| record.epoch.to_string()),
            of_paper(&|row| Some(row.epochs.to_string())),
        ),
        (
            "time to train",
            training_time(run.history).map(time),
            of_paper(&|row| row.hours.map(|hours| format!("{hours} h"))),
        ),
        (
            "training images/s",
            training_rate(run.history).map(rate),
            of_paper(&|row| row.images_per_second.map(rate)),
        ),
        (
            "test images",
            tested.map(|evaluation| thousands(evaluation.images)),
            of_paper(&|row| row.test_images.map(thousands)),
        ),
        (
            "time for the test",
            tested.map(|evaluation| time(evaluation.seconds)),
            of_paper(&|row| row.test_seconds.map(|seconds| format!("{seconds} s"))),
        ),
        (
            "test images/s",
            tested.map(|evaluation| rate(evaluation.images_per_second)),
            of_paper(&|row| Some(rate(row.test_images? as f64 / row.test_seconds?))),
        ),
    ];
    let column = published.map(|row| format!("paper, {}", row.network));
    let mut columns = vec!["", "this run"];
    columns.extend(column.as_deref());
    let mut table = Table::new(
        if column.is_some() {
            "This run beside the paper"
        } else {
            "This run"
        },
        &columns,
    );
    for (name, ours, theirs) in rows {
        let ours = ours.unwrap_or_else(|| "not known".to_string());
        table.push([name.to_string(), ours].into_iter().chain(theirs));
    }
    let mut notes = match (published, preset) {
        (Some(_), _) => format!(
            "The paper is arXiv 1701.08349; its times are those of {}.",
            paper::MACHINE
        ),
        (None, "") => "Without a preset there is nothing in the paper to compare with.".to_string(),
        (None, preset) => format!("The paper has no result for {preset}."),
    };
    if original != preset {
        notes.push_str(&format!(
            " The preset {preset} is a variant of {original}, which has the paper's settings."
        ));
    }
    if changed {
        notes.push_str(" This run has other settings than its preset, listed under Configuration.");
    }
    if let Ok(found) = &run.findings {
        notes.push_str(&format!(
            " The test images were classified on {}.",
            found.device
        ));
    }
    Ok(vec![
        Block::Heading("Result"),
        Block::Table(table),
        Block::Text(notes),
    ])
}

pub(super) fn learning_curve(history: &[EpochRecord]) -> Result<Figure> {
    let errors = |error: fn(&EpochRecord) -> f64| {
        let (first, last) = (history.first(), history.last());
        let at = |record: Option<&EpochRecord>| record.map_or(String::new(), |r| percent(error(r)));
        format!("from {} to {}", at(first), at(last))
    };
    Ok(Figure {
        file: "learning-curve.svg".to_string(),
        description: format!(
            "Errors over {} epochs: training, dotted, {}; test, solid, {}.",
            history.len(),
            errors(|record| record.train_error),
            errors(|record| record.test_error)
        ),
        svg: chart::learning_curve(history)?,
    })
}

fn epochs(history: &[EpochRecord]) -> Table {
    let mut table = Table::new(
        format!("All {} epochs", history.len()),
        &[
            "epoch",
            "rate",
            "training loss",
            "training error",
            "test loss",
            "test error",
            "images/s",
        ],
    );
    for record in history {
        table.push([
            record.epoch.to_string(),
            format!("{:.1e}", record.learning_rate),
            format!("{:.4}", record.train_loss),
            percent(record.train_error),
            format!("{:.4}", record.test_loss),
            percent(record.test_error),
            rate(record.images_per_second),
        ]);
    }
    table.folded = history.len() > LONG;
    table
}

fn layers(run: &Run, last: &EpochRecord) -> Table {
    let mut table = Table::new(
        format!("Sparse coding layers in epoch {}", last.epoch),
        &[
            "layer",
            "atoms",
            "active",
            "λ1",
            "passes",
            "KKT residual",
            "not solved",
            "condition of H",
        ],
    );
    let atoms = &run.config.network.layers;
    for (h, (layer, config)) in last.layers.iter().zip(atoms).enumerate() {
        table.push([
            h.to_string(),
            config.atoms.to_string(),
            format!("{:.1} %", 100.0 * layer.active),
            format!("{:.4}", layer.lambda1),
            format!("{:.1}", layer.passes),
            format!("{:.1e}", layer.residual),
            layer.unconverged.to_string(),
            condition_number(layer.condition),
        ]);
    }
    table
}

fn active_share(history: &[EpochRecord]) -> Result<Figure> {
    let shares = history.last().map_or(&[][..], |last| &last.layers);
    let shares = shares.iter().map(|layer| layer.active);
    let (least, most) = shares.fold((1.0, 0.0), |(least, most): (f64, f64), share| {
        (least.min(share), most.max(share))
    });
    Ok(Figure {
        file: "active-share.svg".to_string(),
        description: format!(
            "Share of active codes of each layer in the first epoch, dotted, and in the last, solid: {:.1} % to {:.1} %.",
            100.0 * least,
            100.0 * most
        ),
        svg: chart::active_share(history)?,
    })
}

/// Seconds of all training steps; none where an epoch's time was not written down.
pub(super) fn training_time(history: &[EpochRecord]) -> Option<f64> {
    let times = history.iter().map(|record| record.seconds);
    let known = !history.is_empty() && times.clone().all(|seconds| seconds > 0.0);
    known.then(|| times.sum())
}

/// Images per second over all epochs: the harmonic mean of theirs, as each has as many images.
pub(super) fn training_rate(history: &[EpochRecord]) -> Option<f64> {
    let per_image = history.iter().map(|record| 1.0 / record.images_per_second);
    (!history.is_empty()).then(|| history.len() as f64 / per_image.sum::<f64>())
}

/// An error, which is a fraction, for a reader.
pub(super) fn percent(error: f64) -> String {
    format!("{:.2} %", 100.0 * error)
}

/// A number per second.
pub(super) fn rate(rate: f64) -> String {
    thousands(rate.round() as usize)
}

/// A number with commas.
pub(super) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Seconds for a reader.
pub(super) fn time(seconds: f64) -> String {
    if seconds < 0.9995 {
        return format!("{:.0} ms", 1000.0 * seconds);
    }
    if seconds < 59.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    let (hours, minutes) = (whole / 3600, whole / 60 % 60);
    if hours > 0 {
        format!("{hours} h {minutes} min")
    } else {
        format!("{minutes} min {} s", whole % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_readers() {
        assert_eq!(
            [0, 999, 1000, 173_896, 1_000_000].map(thousands),
            ["0", "999", "1,000", "173,896", "1,000,000"]
        );
        assert_eq!(
            [0.0325, 59.94, 59.96, 3599.0, 93_600.0].map(time),
            ["32 ms", "59.9 s", "1 min 0 s", "59 min 59 s", "26 h 0 min"]
        );
        assert_eq!(percent(0.0581), "5.81 %");
    }

    #[test]
    fn rate_of_a_run_is_its_images_by_its_time() {
        let epoch = |images_per_second, seconds| {
            let mut record = EpochRecord::default();
            record.images_per_second = images_per_second;
            record.seconds = seconds;
            record
        };
        // Six hundred images each.
        let history = [epoch(300.0, 2.0), epoch(100.0, 6.0)];
        assert_eq!(training_time(&history), Some(8.0));
        assert_eq!(training_rate(&history), Some(150.0));
        let unknown = [epoch(300.0, 2.0), epoch(100.0, 0.0)];
        assert_eq!(training_time(&unknown), None);
        assert_eq!(training_rate(&unknown), Some(150.0));
        assert_eq!((training_time(&[]), training_rate(&[])), (None, None));
    }
}
