//! The sections of a report.

mod images;
mod settings;

use anyhow::Result;
use scn_net::{EpochRecord, Network, chosen_epoch, presets};

use super::curves::{self, Quantity};
use super::document::{Block, Document};
use super::history::{Best, active_share, epochs, training_rate, training_time};
use super::run::Run;
use super::table::Table;
use super::{changes, paper};
use crate::readable::{condition_number, percent, rate, thousands, time};

/// Returns the report on a run.
pub(crate) fn document(run: &Run) -> Result<Document> {
    let config = run.config;
    let title = match &config.preset {
        // The names of all other presets contain the data set.
        Some(preset) if presets::ANY_IMAGES.contains(&preset.as_str()) => {
            format!("{preset} on {}", config.dataset)
        }
        Some(preset) => preset.clone(),
        None => config.dataset.to_string(),
    };
    let changed = changes::from_preset(config)?;
    let mut blocks = vec![Block::Text(summary(run))];
    blocks.extend(result(run, !changed.is_empty())?);
    if let Some(last) = run.history.last() {
        blocks.push(Block::Heading("Learning curve"));
        for quantity in [Quantity::Error, Quantity::Loss] {
            let figure = curves::of_one(quantity, &config.training, run.history)?;
            blocks.push(Block::Figure(figure));
        }
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
        title,
        wide: false,
        blocks,
    })
}

fn summary(run: &Run) -> String {
    let Some(last) = run.history.last() else {
        return "No epoch is complete yet.".to_string();
    };
    if let Some(best) = chosen_epoch(run.history) {
        return format!(
            "Test error {} on {} after epoch {} of {}. This epoch was chosen because its validation \
             error, {}, is the lowest of all epochs. Validation images are set apart from the \
             training images, and the test images played no part in the choice.",
            percent(best.test_error),
            run.config.dataset,
            best.epoch,
            last.epoch,
            percent(best.validation_error.unwrap_or(f64::NAN)),
        );
    }
    let lowest = match Best::of(run.history) {
        Some(best) if best.record.epoch != last.epoch => format!(
            "; the lowest was {} after epoch {}",
            percent(best.record.test_error),
            best.record.epoch
        ),
        _ => String::new(),
    };
    format!(
        "Test error {} on {} after {} of {} epochs{lowest}.",
        percent(last.test_error),
        run.config.dataset,
        last.epoch,
        run.config.training.epochs,
    )
}

fn result(run: &Run, changed: bool) -> Result<Vec<Block>> {
    let preset = run.config.preset.as_deref().unwrap_or_default();
    let original = paper::original(preset);
    let published = paper::result(original);
    let last = run.history.last();
    let chosen = chosen_epoch(run.history).or(last);
    let parameters = match run.model {
        Some(model) => model.network.parameter_count(),
        None => Network::new(&run.config.network, run.config.seed)?.parameter_count(),
    };
    let tested = run.findings.as_ref().ok().map(|found| &found.evaluation);
    let of_paper = |value: &dyn Fn(&paper::Published) -> Option<String>| {
        published
            .as_ref()
            .map(|row| value(row).unwrap_or_else(|| "not reported".to_string()))
    };
    let mut rows = vec![
        (
            "test error",
            chosen.map(|record| percent(record.test_error)),
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
            "training time",
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
            "test time",
            tested.map(|evaluation| time(evaluation.seconds)),
            of_paper(&|row| row.test_seconds.map(|seconds| format!("{seconds} s"))),
        ),
        (
            "test images/s",
            tested.map(|evaluation| rate(evaluation.images_per_second)),
            of_paper(&|row| Some(rate(row.test_images? as f64 / row.test_seconds?))),
        ),
    ];
    if let Some(averaged) = last.and_then(|record| record.averaged.as_ref()) {
        let averaged = (
            "test error, averaged weights",
            Some(percent(averaged.test_error)),
            of_paper(&|_| None),
        );
        rows.insert(1, averaged);
    }
    let column = published.map(|row| format!("paper, {}", row.network));
    let mut columns = vec!["", "this run"];
    columns.extend(column.as_deref());
    let mut table = Table::new(
        if column.is_some() {
            "This run compared with the paper"
        } else {
            "This run"
        },
        &columns,
    );
    for (name, ours, theirs) in rows {
        let ours = ours.unwrap_or_else(|| "unknown".to_string());
        table.push([name.to_string(), ours].into_iter().chain(theirs));
    }
    let mut notes = match (published, preset) {
        (Some(_), _) => format!(
            "The paper is arXiv 1701.08349. Its times were measured on {}.",
            paper::MACHINE
        ),
        (None, "") => "This run has no preset, so there is no result in the paper to compare with."
            .to_string(),
        (None, preset) => format!("The paper has no result for the preset {preset}."),
    };
    if original != preset {
        notes.push_str(&format!(
            " The preset {preset} is a variant of {original}, which has the paper's settings."
        ));
    }
    if changed {
        notes.push_str(" Some settings of this run differ from its preset; they are listed under Configuration.");
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
            "unconverged",
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
