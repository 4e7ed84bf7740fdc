//! The device code, as it is compiled where it runs.

use crate::launch::signatures;
use crate::problem::Padded;

/// A file of kernels; each makes one module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// Gram matrix and packed dictionary.
    Prepare,
    /// Sparse codes by coordinate descent.
    Encode,
    /// Sparse codes by FISTA.
    Fista,
    /// Certificates of codes.
    Certify,
    /// The linear systems of the adjoint.
    Adjoint,
    /// Sums of outer products over columns.
    OuterSums,
    /// Gradients by the parameters of a problem.
    Gradients,
    /// Gradients by the signals.
    SignalGradient,
    /// Batches of images.
    Images,
    /// Batch normalisation.
    BatchNorm,
    /// Average pooling.
    Pooling,
    /// The classifier.
    Classifier,
    /// Softmax cross-entropy.
    Loss,
    /// Gradient descent.
    Update,
}

impl Source {
    /// All files.
    pub const ALL: [Source; 14] = [
        Source::Prepare,
        Source::Encode,
        Source::Fista,
        Source::Certify,
        Source::Adjoint,
        Source::OuterSums,
        Source::Gradients,
        Source::SignalGradient,
        Source::Images,
        Source::BatchNorm,
        Source::Pooling,
        Source::Classifier,
        Source::Loss,
        Source::Update,
    ];

    /// The file's name.
    pub fn file(self) -> &'static str {
        match self {
            Source::Prepare => "prepare.cu",
            Source::Encode => "encode.cu",
            Source::Fista => "fista.cu",
            Source::Certify => "certify.cu",
            Source::Adjoint => "adjoint.cu",
            Source::OuterSums => "outer_sums.cu",
            Source::Gradients => "gradients.cu",
            Source::SignalGradient => "signal_gradient.cu",
            Source::Images => "images.cu",
            Source::BatchNorm => "batch_norm.cu",
            Source::Pooling => "pooling.cu",
            Source::Classifier => "classifier.cu",
            Source::Loss => "loss.cu",
            Source::Update => "update.cu",
        }
    }

    /// What is in it.
    pub fn text(self) -> &'static str {
        match self {
            Source::Prepare => include_str!("../kernels/prepare.cu"),
            Source::Encode => include_str!("../kernels/encode.cu"),
            Source::Fista => include_str!("../kernels/fista.cu"),
            Source::Certify => include_str!("../kernels/certify.cu"),
            Source::Adjoint => include_str!("../kernels/adjoint.cu"),
            Source::OuterSums => include_str!("../kernels/outer_sums.cu"),
            Source::Gradients => include_str!("../kernels/gradients.cu"),
            Source::SignalGradient => include_str!("../kernels/signal_gradient.cu"),
            Source::Images => include_str!("../kernels/images.cu"),
            Source::BatchNorm => include_str!("../kernels/batch_norm.cu"),
            Source::Pooling => include_str!("../kernels/pooling.cu"),
            Source::Classifier => include_str!("../kernels/classifier.cu"),
            Source::Loss => include_str!("../kernels/loss.cu"),
            Source::Update => include_str!("../kernels/update.cu"),
        }
    }
}

/// What is compiled at once: a file, for one padded number of atoms if it has kernels for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Unit {
    pub(crate) source: Source,
    pub(crate) padded: Option<Padded>,
}

impl Unit {
    /// All that kernels are started from.
    pub(crate) fn all() -> Vec<Unit> {
        let mut units: Vec<Unit> = Vec::new();
        for signature in signatures() {
            let source = signature.source;
            let each_size = Padded::ALL.map(|padded| Unit {
                source,
                padded: Some(padded),
            });
            let whole = [Unit {
                source,
                padded: None,
            }];
            let found = if signature.per_size {
                &each_size[..]
            } else {
                &whole[..]
            };
            for unit in found {
                if !units.contains(unit) {
                    units.push(*unit);
                }
            }
        }
        units
    }

    /// What compiled files are named by: `encode-n64`.
    pub(crate) fn name(self) -> String {
        let stem = self.source.file().trim_end_matches(".cu");
        match self.padded {
            Some(padded) => format!("{stem}-n{}", padded.atoms()),
            None => stem.to_string(),
        }
    }

    /// The option that leaves other numbers of atoms out.
    pub(crate) fn option(self) -> Option<String> {
        let padded = self.padded?;
        Some(format!("--define-macro=PADDED_ATOMS={}", padded.atoms()))
    }
}

/// Name and text of the files that the others include.
pub(crate) const HEADERS: [(&str, &str); 12] = [
    (
        "certificate.cuh",
        include_str!("../kernels/certificate.cuh"),
    ),
    ("columns.cuh", include_str!("../kernels/columns.cuh")),
    ("correlate.cuh", include_str!("../kernels/correlate.cuh")),
    ("cuda.cuh", include_str!("../kernels/cuda.cuh")),
    ("elements.cuh", include_str!("../kernels/elements.cuh")),
    ("panels.cuh", include_str!("../kernels/panels.cuh")),
    ("reduce.cuh", include_str!("../kernels/reduce.cuh")),
    ("report.cuh", include_str!("../kernels/report.cuh")),
    ("sizes.cuh", include_str!("../kernels/sizes.cuh")),
    ("tables.cuh", include_str!("../kernels/tables.cuh")),
    ("tile.cuh", include_str!("../kernels/tile.cuh")),
    ("windows.cuh", include_str!("../kernels/windows.cuh")),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn all_files_of_the_folder_are_embedded() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels");
        let there: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".cu") || name.ends_with(".cuh"))
            .collect();
        let sources = Source::ALL.map(Source::file);
        let headers = HEADERS.map(|(name, _)| name);
        let embedded = sources.iter().chain(&headers).map(ToString::to_string);
        assert_eq!(there, embedded.collect());
    }
}
