//! Inference on the batches of a loader, divided among processes. Each of n processes takes every
//! n-th batch, and all get the results of all.

use scn_data::Loader;
use scn_solvers::processes::{Processes, gather};

use super::counts::{OF_CODES, activity, add_codes, coding_layers, words_of_codes};
use crate::error::NetError;
use crate::executor::EachBatch;
use crate::report::SolveCounts;
use crate::shape::Shape;
use crate::step::{Step, StepLayer};
use crate::tensor::Tensor;

/// The logits of a batch, and the counts of each sparse coding layer.
pub(super) type Coded = (Tensor, Vec<SolveCounts>);

/// Calls `each` for the first batches of epoch 0 in order, as in
/// [`Network::infer_on`](crate::Network::infer_on). `infer` takes the batches of this process.
/// Errors name an image by its number in the loader.
pub(super) fn infer_shared(
    loader: &Loader,
    batches: usize,
    steps: &[Step],
    processes: &dyn Processes,
    each: &mut EachBatch<'_>,
    infer: impl Fn(Tensor) -> Result<Coded, NetError>,
) -> Result<(), NetError> {
    let (rank, count) = (processes.rank(), processes.count());
    let batches = batches.min(loader.batches());
    let own = (rank..batches)
        .step_by(count)
        .map(|batch| (batch, 0..usize::MAX));
    let mut own = loader.parts(0, own);
    let plans: Vec<_> = loader.plans(0, 0).take(batches).collect();
    let mut before = 0;
    for plans in plans.chunks(count) {
        let images = |rank: usize| plans.get(rank).map_or(0, |plan| plan.labels.len());
        let first = before + (0..rank).map(images).sum::<usize>();
        let coded = match own.next() {
            Some(batch) => {
                let coded = Tensor::from_batch(&batch).and_then(&infer);
                Some(coded.map_err(|error| error.counted_from(first))?)
            }
            None => None,
        };
        let all = exchange(coded, steps, (0..count).map(images), processes)?;
        for (plan, (logits, counts)) in plans.iter().zip(all) {
            each(logits, &plan.labels, activity(steps, counts))?;
            before += plan.labels.len();
        }
    }
    Ok(())
}

/// Returns the results of all processes, given the number of images in the batch of each. Processes
/// without a batch have no results.
fn exchange(
    own: Option<Coded>,
    steps: &[Step],
    images: impl Iterator<Item = usize> + Clone,
    processes: &dyn Processes,
) -> Result<Vec<Coded>, NetError> {
    if processes.count() == 1 {
        // Results stay as they are, with their times, which are not exchanged.
        return Ok(own.into_iter().collect());
    }
    let classes = classes(steps);
    let width = OF_CODES * coding_layers(steps).count();
    let (logits, words) = match &own {
        Some((logits, counts)) => {
            let words: Vec<u64> = counts.iter().flat_map(words_of_codes).collect();
            (logits.data(), words)
        }
        None => (&[][..], Vec::new()),
    };
    let logits = gather(
        processes,
        logits,
        images.clone().map(|images| images * classes),
    )?;
    let lengths = images
        .clone()
        .map(|images| if images > 0 { width } else { 0 });
    let words = gather(processes, &words, lengths)?.wait()?;
    let logits = logits.wait()?;
    let (mut logits, mut words) = (logits.as_slice(), words.as_slice());
    let mut all = Vec::new();
    for images in images.filter(|&images| images > 0) {
        let (own, rest) = logits.split_at(images * classes);
        logits = rest;
        let shape = Shape {
            channels: classes,
            images,
            height: 1,
            width: 1,
        };
        let (own_words, rest) = words.split_at(width);
        words = rest;
        let counts = own_words.as_chunks().0.iter().map(|words| {
            let mut counts = SolveCounts::default();
            add_codes(&mut counts, *words);
            counts
        });
        all.push((Tensor::new(shape, own.to_vec())?, counts.collect()));
    }
    Ok(all)
}

fn classes(steps: &[Step]) -> usize {
    let classifier = steps.iter().rev().find_map(|step| match &step.layer {
        StepLayer::Classifier(layer) => Some(layer.bias.value.len()),
        _ => None,
    });
    classifier.unwrap_or(0)
}
