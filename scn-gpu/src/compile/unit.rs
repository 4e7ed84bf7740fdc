//! Units of compilation.

use crate::compile::kernel_file::KernelFile;
use crate::padded::Padded;

/// A file of kernels, for one padded number of atoms if it is compiled for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Unit {
    pub(crate) file: KernelFile,
    pub(crate) padded: Option<Padded>,
}

impl Unit {
    /// Returns all units that kernels are launched from.
    pub(crate) fn all() -> Vec<Unit> {
        let of_file = |file: KernelFile| {
            let each_size = Padded::ALL.map(Some);
            let sizes = if file.is_per_size() {
                &each_size[..]
            } else {
                &[None]
            };
            let unit = |&padded| Unit { file, padded };
            sizes.iter().map(unit).collect::<Vec<_>>()
        };
        KernelFile::ALL.into_iter().flat_map(of_file).collect()
    }

    /// Returns the start of the names of compiled files, such as `encode-n64`.
    pub(crate) fn name(self) -> String {
        let stem = self.file.name().trim_end_matches(".cu");
        match self.padded {
            Some(padded) => format!("{stem}-n{}", padded.atoms()),
            None => stem.to_string(),
        }
    }

    /// Returns the compiler option that selects the padded number of atoms.
    pub(crate) fn option(self) -> Option<String> {
        let padded = self.padded?;
        Some(format!("--define-macro=PADDED_ATOMS={}", padded.atoms()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four files of kernels for columns, each for 16, 32, 64, 128 and 256 atoms, and ten others.
    #[test]
    fn files_for_columns_are_compiled_for_each_number_of_atoms() {
        let names: Vec<String> = Unit::all().into_iter().map(Unit::name).collect();
        assert_eq!(names.len(), 4 * 5 + 10);
        let of_encode = ["n16", "n32", "n64", "n128", "n256"].map(|size| format!("encode-{size}"));
        assert_eq!(
            names[..6],
            [&["prepare".to_string()], &of_encode[..]].concat()
        );
        assert_eq!(names.last().map(String::as_str), Some("update"));
    }
}
