//! The sources of the device code, which are compiled at run time.

/// A source file of kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum KernelFile {
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
    /// Gradients with respect to the parameters of a problem.
    Gradients,
    /// Gradients with respect to the signals.
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

impl KernelFile {
    /// All files.
    pub const ALL: [KernelFile; 14] = [
        KernelFile::Prepare,
        KernelFile::Encode,
        KernelFile::Fista,
        KernelFile::Certify,
        KernelFile::Adjoint,
        KernelFile::OuterSums,
        KernelFile::Gradients,
        KernelFile::SignalGradient,
        KernelFile::Images,
        KernelFile::BatchNorm,
        KernelFile::Pooling,
        KernelFile::Classifier,
        KernelFile::Loss,
        KernelFile::Update,
    ];

    /// Returns the name of the file.
    pub fn name(self) -> &'static str {
        match self {
            KernelFile::Prepare => "prepare.cu",
            KernelFile::Encode => "encode.cu",
            KernelFile::Fista => "fista.cu",
            KernelFile::Certify => "certify.cu",
            KernelFile::Adjoint => "adjoint.cu",
            KernelFile::OuterSums => "outer_sums.cu",
            KernelFile::Gradients => "gradients.cu",
            KernelFile::SignalGradient => "signal_gradient.cu",
            KernelFile::Images => "images.cu",
            KernelFile::BatchNorm => "batch_norm.cu",
            KernelFile::Pooling => "pooling.cu",
            KernelFile::Classifier => "classifier.cu",
            KernelFile::Loss => "loss.cu",
            KernelFile::Update => "update.cu",
        }
    }

    /// Whether the file is compiled once for each padded number of atoms.
    pub(crate) const fn is_per_size(self) -> bool {
        matches!(
            self,
            KernelFile::Encode | KernelFile::Fista | KernelFile::Certify | KernelFile::Adjoint
        )
    }

    /// Returns the text of the file.
    pub fn text(self) -> &'static str {
        match self {
            KernelFile::Prepare => include_str!("../../kernels/prepare.cu"),
            KernelFile::Encode => include_str!("../../kernels/encode.cu"),
            KernelFile::Fista => include_str!("../../kernels/fista.cu"),
            KernelFile::Certify => include_str!("../../kernels/certify.cu"),
            KernelFile::Adjoint => include_str!("../../kernels/adjoint.cu"),
            KernelFile::OuterSums => include_str!("../../kernels/outer_sums.cu"),
            KernelFile::Gradients => include_str!("../../kernels/gradients.cu"),
            KernelFile::SignalGradient => include_str!("../../kernels/signal_gradient.cu"),
            KernelFile::Images => include_str!("../../kernels/images.cu"),
            KernelFile::BatchNorm => include_str!("../../kernels/batch_norm.cu"),
            KernelFile::Pooling => include_str!("../../kernels/pooling.cu"),
            KernelFile::Classifier => include_str!("../../kernels/classifier.cu"),
            KernelFile::Loss => include_str!("../../kernels/loss.cu"),
            KernelFile::Update => include_str!("../../kernels/update.cu"),
        }
    }
}

/// Names and texts of the headers that these files include.
pub(crate) const HEADERS: [(&str, &str); 12] = [
    (
        "certificate.cuh",
        include_str!("../../kernels/certificate.cuh"),
    ),
    ("columns.cuh", include_str!("../../kernels/columns.cuh")),
    ("correlate.cuh", include_str!("../../kernels/correlate.cuh")),
    ("cuda.cuh", include_str!("../../kernels/cuda.cuh")),
    ("elements.cuh", include_str!("../../kernels/elements.cuh")),
    ("panels.cuh", include_str!("../../kernels/panels.cuh")),
    ("reduce.cuh", include_str!("../../kernels/reduce.cuh")),
    ("report.cuh", include_str!("../../kernels/report.cuh")),
    ("sizes.cuh", include_str!("../../kernels/sizes.cuh")),
    ("tables.cuh", include_str!("../../kernels/tables.cuh")),
    ("tile.cuh", include_str!("../../kernels/tile.cuh")),
    ("windows.cuh", include_str!("../../kernels/windows.cuh")),
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
        let sources = KernelFile::ALL.map(KernelFile::name);
        let headers = HEADERS.map(|(name, _)| name);
        let embedded = sources.iter().chain(&headers).map(ToString::to_string);
        assert_eq!(there, embedded.collect());
    }
}
