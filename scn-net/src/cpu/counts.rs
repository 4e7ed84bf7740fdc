//! The counts of a step, added up over all processes.

use scn_grad::MaskedReport;
use scn_solvers::processes::{Processes, gather};

use super::layers::Part;
use crate::error::NetError;
use crate::layer::sparse_coding::SparseCoding;
use crate::ops::loss::Loss;
use crate::report::{Activity, SolveCounts, largest};
use crate::step::{Step, StepLayer};

/// The counts of a step in one process, or in all of them.
#[derive(Debug)]
pub(super) struct StepCounts {
    /// Number of misclassified images.
    pub(super) errors: usize,
    /// The counts of each sparse coding layer.
    pub(super) codes: Vec<SolveCounts>,
    pub(super) adjoint: Vec<MaskedReport>,
}

/// Number of words exchanged for the codes of a sparse coding layer.
pub(super) const OF_CODES: usize = 5;
const OF_ADJOINT: usize = 5;

impl StepCounts {
    /// Returns the counts of all processes, and the mean loss of the batch, given those of this
    /// process. Times are those of this process.
    ///
    /// # Errors
    /// Returns an error if a process fails.
    pub(super) fn of_all(
        mut self,
        part: &Part,
        loss: &Loss,
        processes: &dyn Processes,
    ) -> Result<(Self, f64), NetError> {
        let first = part.share.images.start;
        let of_node = |node| {
            let of_leaf = |leaf| {
                let images = part.whole.leaf(0, leaf);
                let losses = &loss.of_images[images.start - first..images.end - first];
                losses.iter().sum::<f64>()
            };
            let sum = part.whole.sum(node, of_leaf, |sum, other| *sum += other);
            sum.unwrap_or_default()
        };
        let losses: Vec<f64> = part.whole.own_nodes().iter().map(of_node).collect();
        let losses = part.whole.begin(processes, &losses, 1)?;
        let words = self.words();
        let lengths = std::iter::repeat_n(words.len(), processes.count());
        let all = gather(processes, &words, lengths)?.wait()?;
        for (rank, words) in all.chunks_exact(words.len()).enumerate() {
            if rank != processes.rank() {
                self.add(words);
            }
        }
        let add = |sum: &mut [f64], other: &[f64]| sum[0] += other[0];
        let total = losses.wait(add)?.into_iter().flatten().next();
        let mean = total.unwrap_or(0.0) / part.share.batch.max(1) as f64;
        Ok((self, mean))
    }

    fn words(&self) -> Vec<u64> {
        let codes = self.codes.iter().flat_map(words_of_codes);
        let adjoint = self.adjoint.iter().flat_map(words_of_adjoint);
        let errors = std::iter::once(self.errors as u64);
        errors.chain(codes).chain(adjoint).collect()
    }

    /// Adds the words of another process. The order of processes does not matter.
    fn add(&mut self, words: &[u64]) {
        let Some((&errors, words)) = words.split_first() else {
            return;
        };
        self.errors += errors as usize;
        let (codes, adjoint) = words.split_at(OF_CODES * self.codes.len());
        for (codes, words) in self.codes.iter_mut().zip(codes.as_chunks().0) {
            add_codes(codes, *words);
        }
        for (adjoint, words) in self.adjoint.iter_mut().zip(adjoint.as_chunks().0) {
            *adjoint = adjoint.merge(adjoint_of(*words));
        }
    }
}

/// Returns the sparse coding layers in forward order.
pub(super) fn coding_layers(steps: &[Step]) -> impl Iterator<Item = &SparseCoding> {
    steps.iter().filter_map(|step| match &step.layer {
        StepLayer::SparseCoding(layer) => Some(layer),
        _ => None,
    })
}

/// Returns the activity of each sparse coding layer for a batch.
pub(super) fn activity(steps: &[Step], counts: Vec<SolveCounts>) -> Vec<Activity> {
    let each = coding_layers(steps).zip(counts);
    each.map(|(layer, counts)| Activity::new(layer.atoms(), &layer.lambda1.value, counts))
        .collect()
}

/// Returns the words of one sparse coding layer.
pub(super) fn words_of_codes(counts: &SolveCounts) -> [u64; OF_CODES] {
    [
        counts.active,
        counts.column_passes,
        counts.residual.to_bits(),
        counts.unconverged as u64,
        counts.columns as u64,
    ]
}

pub(super) fn add_codes(counts: &mut SolveCounts, words: [u64; OF_CODES]) {
    let [active, column_passes, residual, unconverged, columns] = words;
    counts.active += active;
    counts.column_passes += column_passes;
    counts.residual = largest(counts.residual, f64::from_bits(residual));
    counts.unconverged += unconverged as usize;
    counts.columns += columns as usize;
}

fn words_of_adjoint(report: &MaskedReport) -> [u64; OF_ADJOINT] {
    [
        report.column_passes,
        report.residual.to_bits(),
        report.factorised as u64,
        report.unconverged as u64,
        report.columns as u64,
    ]
}

/// Returns the report with these words.
fn adjoint_of(words: [u64; OF_ADJOINT]) -> MaskedReport {
    let [column_passes, residual, factorised, unconverged, columns] = words;
    let mut report = MaskedReport::empty();
    report.column_passes = column_passes;
    report.residual = f64::from_bits(residual);
    report.factorised = factorised as usize;
    report.unconverged = unconverged as usize;
    report.columns = columns as usize;
    report
}
