//! The layers that the backward pass recomputes together.

use std::ops::Range;

use crate::config::Recompute;
use crate::error::NetError;
use crate::shape::Shape;
use crate::step::{Step, StepLayer};

/// Divides the layers into segments, whose inputs are kept: a single segment, or a new one at every
/// second sparse coding layer, starting where the inputs are smaller.
pub(super) fn segments(
    steps: &[Step],
    recompute: Recompute,
    images: Shape,
) -> Result<Vec<Range<usize>>, NetError> {
    if recompute == Recompute::Nothing {
        return Ok(std::iter::once(0..steps.len()).collect());
    }
    let coding = sparse_coding_inputs(steps, images)?;
    let kept = |first: usize| -> usize {
        let inputs = coding.iter().skip(first).step_by(2);
        inputs.map(|&(_, numbers)| numbers).sum()
    };
    let first = if kept(2) < kept(1) { 2 } else { 1 };
    let cuts = coding.iter().skip(first).step_by(2).map(|&(step, _)| step);
    let cuts: Vec<usize> = std::iter::once(0)
        .chain(cuts)
        .chain([steps.len()])
        .collect();
    Ok(cuts.windows(2).map(|pair| pair[0]..pair[1]).collect())
}

/// Returns the step with which a segment would begin at each sparse coding layer, and the size of
/// its input. If batch normalisation comes before the layer, the segment begins with it.
fn sparse_coding_inputs(steps: &[Step], images: Shape) -> Result<Vec<(usize, usize)>, NetError> {
    let is_norm = |step: &Step| matches!(step.layer, StepLayer::BatchNorm(_));
    let norms_come_before = steps.first().is_some_and(is_norm);
    let mut inputs = Vec::new();
    let mut shape = images;
    for (index, step) in steps.iter().enumerate() {
        if let StepLayer::SparseCoding(_) = step.layer {
            let normalised = norms_come_before && index > 0 && is_norm(&steps[index - 1]);
            inputs.push((index - usize::from(normalised), shape.len()));
        }
        shape = step.output_shape(shape)?;
    }
    Ok(inputs)
}
