//! Name, file and parameters of a kernel.

use crate::compile::kernel_file::KernelFile;
use crate::element::ElementType;

/// A kernel's name, file and parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Signature {
    /// Name of the kernel, without the number of atoms that it is compiled for.
    pub name: &'static str,
    /// File that contains the kernel.
    pub file: KernelFile,
    /// Whether there is a kernel for each padded number of atoms, with names ending in `_n16` and
    /// so on.
    pub per_size: bool,
    /// Names and types of the parameters, in order.
    pub parameters: &'static [(&'static str, Parameter)],
}

/// The type of a kernel's parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Parameter {
    /// An array of numbers that is read.
    Input(ElementType),
    /// An array of numbers that is written.
    Output(ElementType),
    /// A size or an option.
    Int,
    /// A floating-point number.
    Float,
    /// A [`Windows`](crate::Windows) struct.
    Windows,
}
