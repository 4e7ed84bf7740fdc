//! The kernels: their arguments, their grids, and checks of the lengths of their buffers.

pub(crate) mod batch_norm;
pub(crate) mod classifier;
pub(crate) mod columns;
pub(crate) mod elements;
pub(crate) mod gradients;
pub(crate) mod images;
pub(crate) mod loss;
pub(crate) mod pooling;
pub(crate) mod prepare;
pub(crate) mod update;

use crate::launch::signature::Signature;

/// Returns the signatures of all kernels.
pub fn signatures() -> Vec<Signature> {
    [
        prepare::SIGNATURES,
        columns::SIGNATURES,
        gradients::SIGNATURES,
        images::SIGNATURES,
        batch_norm::SIGNATURES,
        pooling::SIGNATURES,
        classifier::SIGNATURES,
        loss::SIGNATURES,
        update::SIGNATURES,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::kernel_file::{HEADERS, KernelFile};

    /// Returns the value of a constant in the device code.
    fn constant(text: &str, name: &str) -> usize {
        let (_, rest) = text
            .split_once(&format!("constexpr int {name} = "))
            .unwrap();
        rest.split(';').next().unwrap().parse().unwrap()
    }

    #[test]
    fn grids_have_the_measures_of_the_device_code() {
        let header = |name| {
            let (_, text) = HEADERS.iter().find(|(header, _)| *header == name).unwrap();
            *text
        };
        for (source, name, columns) in [
            (KernelFile::Encode, "WIDE_COLUMNS", columns::COLUMNS),
            (
                KernelFile::Encode,
                "NARROW_COLUMNS",
                columns::NARROW_COLUMNS,
            ),
            (KernelFile::Certify, "COLUMNS", columns::COLUMNS),
            (KernelFile::Fista, "COLUMNS", columns::FISTA_COLUMNS),
            (KernelFile::Adjoint, "COLUMNS", columns::ADJOINT_COLUMNS),
        ] {
            assert_eq!(constant(source.text(), name), columns);
        }
        let threads = constant(header("columns.cuh"), "THREADS");
        assert_eq!(threads, columns::THREADS as usize);
        let atoms = constant(header("panels.cuh"), "LANE_ATOMS");
        assert_eq!(atoms, crate::padded::ATOMS_PER_LANE);

        let threads = constant(header("tile.cuh"), "TILE_THREADS");
        assert_eq!(threads, gradients::TILE_THREADS as usize);
        for (source, name) in [
            (KernelFile::OuterSums, "OUTER_ATOMS"),
            (KernelFile::Gradients, "DICTIONARY_ROWS"),
            (KernelFile::Gradients, "DICTIONARY_ATOMS"),
        ] {
            assert_eq!(constant(source.text(), name), gradients::TILE_SIDE);
        }
        for (source, name, here) in [
            (
                KernelFile::SignalGradient,
                "GRADIENT_CHANNELS",
                gradients::CHANNELS,
            ),
            (KernelFile::OuterSums, "OUTER_ROWS", gradients::OUTER_ROWS),
            (
                KernelFile::OuterSums,
                "CHUNK_NUMBERS",
                gradients::CHUNK_NUMBERS,
            ),
            (
                KernelFile::Gradients,
                "GRADIENT_NUMBERS",
                gradients::GRADIENT_NUMBERS,
            ),
            (
                KernelFile::Prepare,
                "PREPARE_NUMBERS",
                prepare::PREPARE_NUMBERS,
            ),
            (KernelFile::Prepare, "GRAM_SIDE", prepare::GRAM_SIDE),
            (KernelFile::Update, "RULE_NUMBERS", update::RULE_NUMBERS),
            (
                KernelFile::Update,
                "NORM_THREADS",
                update::NORM_THREADS as usize,
            ),
            (KernelFile::BatchNorm, "AT_ONCE", batch_norm::AT_ONCE),
            (
                KernelFile::Loss,
                "LOSS_THREADS",
                loss::LOSS_THREADS as usize,
            ),
        ] {
            assert_eq!(constant(source.text(), name), here, "{name}");
        }
        assert_eq!(prepare::PACK_ENTRIES, 4 * elements::BLOCK_THREADS as usize);

        let pick = constant(KernelFile::Images.text(), "PICK_INTS");
        assert_eq!(pick, images::PICK_INTS);

        let threads = constant(header("elements.cuh"), "BLOCK_THREADS");
        assert_eq!(elements::BLOCK_THREADS as usize, threads);
    }
}
