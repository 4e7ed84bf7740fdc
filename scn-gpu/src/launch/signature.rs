//! Name, file and parameters of a kernel.

use crate::compile::kernel_file::KernelFile;
use crate::element::ElementType;

/// A kernel's name, file and parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Signature {
    /// Its name, without the number of atoms that it is made for.
    pub name: &'static str,
    /// The file that it is in.
    pub file: KernelFile,
    /// Whether there is one for each padded number of atoms, with names that end in `_n16` and so
    /// on.
    pub per_size: bool,
    /// Names and types in order.
    pub parameters: &'static [(&'static str, Parameter)],
}

/// The type of a kernel's parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Parameter {
    /// Numbers that are read.
    Input(ElementType),
    /// Numbers that are written.
    Output(ElementType),
    /// A size or a choice.
    Int,
    /// A floating-point number.
    Float,
    /// The struct of this name.
    Windows,
}
