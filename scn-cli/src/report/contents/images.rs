//! The sections with images: atoms, confusion, mistakes.

use std::sync::Arc;

use anyhow::Result;
use scn_net::Model;

use crate::pictures::Raster;
use crate::readable::{percent, thousands};
use crate::report::captioned::CaptionedPicture;
use crate::report::document::{Block, Figure};
use crate::report::findings::Findings;
use crate::report::run::Run;
use crate::report::table::{Cell, Table};
use crate::report::usage::largest;
use crate::report::{matrix, sheet};

/// Number of atoms listed per class.
const USED: usize = 3;
const ABOVE: usize = 3;

pub(super) fn sections(run: &Run) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let atoms = run.model.map_or(Ok(Vec::new()), first_atoms)?;
    if !atoms.is_empty() {
        blocks.push(Block::Heading("Atoms of the first layer"));
        blocks.push(Block::Figure(Figure {
            file: "atoms.svg".to_string(),
            description: format!(
                "The {} atoms of the first layer, numbered from 0.",
                atoms.len()
            ),
            drawing: sheet::draw(&atoms, &sheet::numbers(0..atoms.len()), 8)?,
        }));
        blocks.push(Block::Text(
            "Each atom is scaled by its largest absolute entry; grey is zero.".to_string(),
        ));
    }
    match &run.findings {
        Err(reason) => {
            blocks.push(Block::Heading("Test images"));
            blocks.push(Block::Text(format!(
                "The confusion matrix, the mistakes and the atoms used by each class are not shown: {reason}."
            )));
        }
        Ok(found) => {
            let names = class_names(run.model, found);
            blocks.extend(usage(found, &names, &atoms)?);
            blocks.extend(confusion(found, &names)?);
            blocks.extend(mistakes(found, &names)?);
        }
    }
    Ok(blocks)
}

fn first_atoms(model: &Model) -> Result<Vec<Raster>> {
    let window = [model.network.config().window; 2];
    let Some(dictionary) = model.network.param("layer0.dictionary")? else {
        return Ok(Vec::new());
    };
    let atoms = dictionary.shape[1];
    let raster = |atom| Raster::of_atom(&dictionary.value, atoms, window, atom);
    Ok((0..atoms).map(raster).collect())
}

/// Returns the name of each class, or its number if it has no name.
fn class_names(model: Option<&Model>, found: &Findings) -> Vec<String> {
    let names = model.map_or(&[][..], |model| &model.input.class_names);
    let classes = 0..found.evaluation.confusion.len();
    let name = |class: usize| names.get(class).cloned();
    classes
        .map(|class| name(class).unwrap_or_else(|| class.to_string()))
        .collect()
}

fn usage(found: &Findings, names: &[String], atoms: &[Raster]) -> Result<Vec<Block>> {
    let pngs: Vec<Arc<[u8]>> = atoms
        .iter()
        .map(|atom| Ok(atom.png()?.into()))
        .collect::<Result<_>>()?;
    let mean = found.usage.mean();
    let cell = |places: Vec<usize>, caption: &dyn Fn(usize) -> String| {
        let pictures = places.into_iter().filter(|&atom| atom < pngs.len());
        let captioned = |atom: usize| CaptionedPicture {
            png: Arc::clone(&pngs[atom]),
            alternative: format!("atom {atom}"),
            caption: caption(atom),
        };
        Cell::Pictures(pictures.map(captioned).collect())
    };
    let mut table = Table::new(
        "Atoms of the first layer, and the fraction of windows that use them",
        &[
            "class",
            "most used",
            "most above the mean, in percentage points",
        ],
    );
    for (name, shares) in names.iter().zip(&found.usage.shares) {
        // Skip classes without images.
        if let Some(shares) = shares {
            let above: Vec<f64> = shares.iter().zip(&mean).map(|(a, b)| a - b).collect();
            table.rows.push(vec![
                Cell::Text(name.clone()),
                cell(largest(shares, USED), &|atom| {
                    format!("{atom}: {:.0} %", 100.0 * shares[atom])
                }),
                cell(largest(&above, ABOVE), &|atom| {
                    format!("{atom}: {:+.1}", 100.0 * above[atom])
                }),
            ]);
        }
    }
    table.fold_if_long();
    Ok(vec![
        Block::Heading("Atoms most used per class"),
        Block::Text(format!(
            "Counted over the windows of the first {} test images; the mean is over all classes.",
            thousands(found.usage.images)
        )),
        Block::Table(table),
    ])
}

fn confusion(found: &Findings, names: &[String]) -> Result<Vec<Block>> {
    let evaluation = &found.evaluation;
    let confusion = &evaluation.confusion;
    let wrong = (evaluation.error * evaluation.images as f64).round() as usize;
    let mut blocks = vec![
        Block::Heading("Confusion matrix"),
        Block::Text(format!(
            "{} of {} test images are misclassified: {}.",
            thousands(wrong),
            thousands(evaluation.images),
            percent(evaluation.error)
        )),
        Block::Figure(Figure {
            file: "confusion.svg".to_string(),
            description: format!(
                "Confusion matrix of {} classes: rows are labels, columns are predictions, and colours show the logarithm of the counts. The numbers are in the tables below.",
                names.len()
            ),
            drawing: matrix::draw(confusion, names)?,
        }),
    ];
    let mut classes = Table::new(
        "Classes",
        &[
            "class",
            "images",
            "misclassified",
            "error",
            "most often mistaken for",
        ],
    );
    for (class, (name, row)) in names.iter().zip(confusion).enumerate() {
        let images: u64 = row.iter().sum();
        let wrong = images - row[class];
        let taken = (0..row.len()).filter(|&other| other != class && row[other] > 0);
        // `max_by_key` returns the last maximum, so reverse the order to get the first.
        let taken = taken.rev().max_by_key(|&other| row[other]);
        let error = wrong as f64 / images as f64;
        classes.push([
            name.clone(),
            images.to_string(),
            wrong.to_string(),
            if images > 0 {
                percent(error)
            } else {
                "–".to_string()
            },
            taken.map_or("–".to_string(), |other| {
                format!("{} ({})", names[other], row[other])
            }),
        ]);
    }
    classes.fold_if_long();
    blocks.push(Block::Table(classes));
    if names.len() <= matrix::READABLE {
        let mut columns = vec!["label"];
        columns.extend(names.iter().map(String::as_str));
        let mut counts = Table::new("Counts of the confusion matrix", &columns);
        for (name, row) in names.iter().zip(confusion) {
            let counted = row.iter().map(u64::to_string);
            counts.push(std::iter::once(name.clone()).chain(counted));
        }
        counts.folded = true;
        blocks.push(Block::Table(counts));
    }
    Ok(blocks)
}

fn mistakes(found: &Findings, names: &[String]) -> Result<Vec<Block>> {
    let mut blocks = vec![Block::Heading("Most confident mistakes")];
    if found.mistakes.is_empty() {
        blocks.push(Block::Text("No test image is misclassified.".to_string()));
        return Ok(blocks);
    }
    blocks.push(Block::Text(
        "The misclassified test images whose predicted class has the highest probability. Images are counted from 0.".to_string(),
    ));
    let mut pictures = Vec::new();
    for mistake in &found.mistakes {
        let (label, predicted) = (&names[mistake.label], &names[mistake.predicted]);
        pictures.push(CaptionedPicture {
            png: mistake.picture.png()?.into(),
            alternative: format!("test image {}, labelled {label}", mistake.image),
            caption: format!(
                "{label} mistaken for {predicted}\n{:.1} % ({label}: {:.1} %)\nimage {}",
                100.0 * mistake.probability,
                100.0 * mistake.own,
                mistake.image
            ),
        });
    }
    let rasters: Vec<Raster> = found
        .mistakes
        .iter()
        .map(|mistake| mistake.picture.clone())
        .collect();
    let sheet = Figure {
        file: "mistakes.svg".to_string(),
        description: "The mistakes listed below, numbered.".to_string(),
        drawing: sheet::draw(&rasters, &sheet::numbers(1..=rasters.len()), 6)?,
    };
    blocks.push(Block::Gallery { sheet, pictures });
    Ok(blocks)
}
