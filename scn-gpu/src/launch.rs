//! The only place that starts kernels.
//!
//! Every kernel is a struct whose fields are its arguments, declared once by [`kernels!`]: the struct, what is handed to the driver, and the
//! table that is compared with the compiled code all come from that declaration. Its [`Kernel::grid`] checks every length, so that
//! [`launch`] is safe.

#![expect(
    unsafe_code,
    reason = "the driver takes untyped pointers to the arguments of a kernel"
)]

pub(crate) mod columns;
pub(crate) mod gradients;
pub(crate) mod images;
pub(crate) mod layers;
pub(crate) mod prepare;
pub(crate) mod update;

use std::sync::Arc;

use cudarc::driver::{DeviceRepr, LaunchConfig, PushKernelArg};

use crate::buffer::{View, ViewMut, bind};
use crate::driver::reason;
use crate::element::{Element, ElementType};
use crate::pool::Memory;
use crate::problem::Padded;
use crate::recording::Submission;
use crate::source::{KernelFile, Unit};
use crate::windows::Windows;
use crate::{ArgumentError, Context, GpuError};

/// The arguments of a kernel, which know how large its grid must be.
pub(crate) trait Kernel: Declared {
    /// The name that its times are kept by.
    const TIMED_AS: &'static str = Self::SIGNATURE.name;

    /// Checks the length of every buffer against the sizes; None if there is nothing to do.
    fn grid(&self) -> Result<Option<Grid>, ArgumentError>;
}

/// What [`kernels!`] says of a kernel.
pub(crate) trait Declared {
    /// Name, file and parameters.
    const SIGNATURE: Signature;

    /// The padded number of atoms that it is made for, if there is one for each.
    fn padded(&self) -> Option<Padded>;

    /// The arguments in order, all of this context.
    fn values(&self, context: &Context) -> Result<Vec<Value<'_>>, GpuError>;
}

/// Blocks, and threads of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    blocks: (u32, u32, u32),
    threads: u32,
}

impl Grid {
    /// Blocks in three directions; None if there is none.
    pub(crate) fn new(blocks: [usize; 3], threads: u32) -> Result<Option<Self>, ArgumentError> {
        let limits = [i32::MAX as usize, 65_535, 65_535];
        let mut counts = [0; 3];
        for ((count, blocks), limit) in counts.iter_mut().zip(blocks).zip(limits) {
            if blocks > limit {
                return Err(ArgumentError::TooLarge {
                    what: "the number of blocks in one direction",
                    limit,
                    found: blocks,
                });
            }
            *count = blocks as u32;
        }
        let [x, y, z] = counts;
        Ok((x * y.min(1) * z.min(1) > 0).then_some(Self {
            blocks: (x, y, z),
            threads,
        }))
    }

    /// Enough blocks in one direction for so many items.
    pub(crate) fn covering(
        items: usize,
        per_block: usize,
        threads: u32,
    ) -> Result<Option<Self>, ArgumentError> {
        Self::new([items.div_ceil(per_block), 1, 1], threads)
    }
}

/// Starts a kernel if there is anything to do.
pub(crate) fn launch<K: Kernel>(context: &Context, kernel: &K) -> Result<(), GpuError> {
    let Some(Grid { blocks, threads }) = kernel.grid()? else {
        return Ok(());
    };
    let values = kernel.values(context)?;
    let Signature { name, source, .. } = K::SIGNATURE;
    let padded = kernel.padded();
    let name = match padded {
        Some(padded) => format!("{name}_n{}", padded.atoms()),
        None => name.to_string(),
    };
    let function = context.function(Unit { source, padded }, &name)?;
    let submission = Submission::new(context)?;
    submission.keep(values.iter().filter_map(Value::memory));
    bind(context)?;
    let mut launch = context.stream().launch_builder(&function);
    for value in &values {
        match value {
            Value::Pointer { address, .. } => launch.arg(address),
            Value::Int(value) => launch.arg(value),
            Value::Float(value) => launch.arg(value),
            Value::Windows(value) => launch.arg(value),
        };
    }
    let config = LaunchConfig {
        grid_dim: blocks,
        block_dim: (threads, 1, 1),
        shared_mem_bytes: 0,
    };
    let start = || {
        // SAFETY: the arguments are those of the kernel's declaration, which a test compares with the compiled code; their lengths are
        // checked by `grid`, and what a kernel writes to is borrowed exclusively.
        let started = unsafe { launch.launch(config) };
        started.map(drop).map_err(|error| GpuError::Launch {
            kernel: name,
            reason: reason(error),
        })
    };
    if submission.is_recorded() {
        return start();
    }
    context.timing().launch(context, K::TIMED_AS, start)
}

/// A kernel's name, file and parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Signature {
    /// Its name, without the number of atoms that it is made for.
    pub name: &'static str,
    /// Where it is.
    pub source: KernelFile,
    /// Whether there is one for each padded number of atoms, with names that end in `_n16` and so on.
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
    /// A number.
    Float,
    /// The struct of this name.
    Windows,
}

/// An argument as the driver takes it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    /// An address, and the memory that it leads to.
    Pointer {
        address: u64,
        memory: Option<&'a Arc<Memory>>,
    },
    Int(i32),
    Float(f32),
    Windows(WindowsArgument),
}

/// [`Windows`] as the driver copies them.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub(crate) struct WindowsArgument(Windows);

// SAFETY: eight ints, without padding, in C's order; tests compare them with the struct of the device code.
unsafe impl DeviceRepr for WindowsArgument {}

impl<'a> Value<'a> {
    fn memory(&self) -> Option<&'a Arc<Memory>> {
        match *self {
            Self::Pointer { memory, .. } => memory,
            _ => None,
        }
    }
}

/// What can be an argument.
pub(crate) trait Argument {
    const PARAMETER: Parameter;

    fn value(&self, name: &'static str, context: &Context) -> Result<Value<'_>, GpuError>;
}

impl<T: Element> Argument for View<'_, T> {
    const PARAMETER: Parameter = Parameter::Input(T::TYPE);

    fn value(&self, name: &'static str, context: &Context) -> Result<Value<'_>, GpuError> {
        if self.context != context {
            return Err(ArgumentError::OtherContext { what: name }.into());
        }
        Ok(Value::Pointer {
            address: self.pointer,
            memory: self.memory,
        })
    }
}

impl<T: Element> Argument for ViewMut<'_, T> {
    const PARAMETER: Parameter = Parameter::Output(T::TYPE);

    fn value(&self, name: &'static str, context: &Context) -> Result<Value<'_>, GpuError> {
        if self.context != context {
            return Err(ArgumentError::OtherContext { what: name }.into());
        }
        Ok(Value::Pointer {
            address: self.pointer,
            memory: self.memory,
        })
    }
}

impl Argument for i32 {
    const PARAMETER: Parameter = Parameter::Int;

    fn value(&self, _: &'static str, _: &Context) -> Result<Value<'_>, GpuError> {
        Ok(Value::Int(*self))
    }
}

impl Argument for f32 {
    const PARAMETER: Parameter = Parameter::Float;

    fn value(&self, _: &'static str, _: &Context) -> Result<Value<'_>, GpuError> {
        Ok(Value::Float(*self))
    }
}

impl Argument for Windows {
    const PARAMETER: Parameter = Parameter::Windows;

    fn value(&self, _: &'static str, _: &Context) -> Result<Value<'_>, GpuError> {
        Ok(Value::Windows(WindowsArgument(*self)))
    }
}

/// Declares the kernels of a module: `Struct = "name" in File { argument: Type, .. }`. With `per size` after the file, the struct has a field
/// `padded` besides, which chooses among the kernels for the padded numbers of atoms.
macro_rules! kernels {
    ($($(#[$doc:meta])* $kernel:ident = $name:literal in $source:ident $(per $size:ident)? {
        $($argument:ident: $type:ty),* $(,)?
    })*) => {
        $(
            $(#[$doc])*
            pub(crate) struct $kernel<'a> {
                $(pub(crate) $argument: $type,)*
                $(pub(crate) $size: $crate::problem::Padded,)?
            }

            impl<'a> $crate::launch::Declared for $kernel<'a> {
                const SIGNATURE: $crate::launch::Signature = $crate::launch::Signature {
                    name: $name,
                    source: $crate::source::KernelFile::$source,
                    per_size: !concat!($(stringify!($size))?).is_empty(),
                    parameters: &[
                        $((stringify!($argument), <$type as $crate::launch::Argument>::PARAMETER),)*
                    ],
                };

                fn padded(&self) -> Option<$crate::problem::Padded> {
                    let padded = None;
                    $(let padded = padded.or(Some(self.$size));)?
                    padded
                }

                fn values(
                    &self,
                    context: &$crate::Context,
                ) -> Result<Vec<$crate::launch::Value<'_>>, $crate::GpuError> {
                    Ok(vec![
                        $($crate::launch::Argument::value(&self.$argument, stringify!($argument), context)?,)*
                    ])
                }
            }
        )*

        /// The kernels of this module.
        pub(crate) const SIGNATURES: &[$crate::launch::Signature] = &[
            $(<$kernel<'static> as $crate::launch::Declared>::SIGNATURE,)*
        ];
    };
}
use kernels;

/// All kernels.
pub fn signatures() -> Vec<Signature> {
    [
        prepare::SIGNATURES,
        columns::SIGNATURES,
        gradients::SIGNATURES,
        images::SIGNATURES,
        layers::SIGNATURES,
        update::SIGNATURES,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of a constant in the device code.
    fn constant(text: &str, name: &str) -> usize {
        let (_, rest) = text
            .split_once(&format!("constexpr int {name} = "))
            .unwrap();
        rest.split(';').next().unwrap().parse().unwrap()
    }

    #[test]
    fn grids_have_the_measures_of_the_device_code() {
        let header = |name| {
            let (_, text) = crate::source::HEADERS
                .iter()
                .find(|(header, _)| *header == name)
                .unwrap();
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
        assert_eq!(atoms, crate::problem::ATOMS_PER_LANE);

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
            (KernelFile::BatchNorm, "AT_ONCE", layers::AT_ONCE),
            (
                KernelFile::Loss,
                "LOSS_THREADS",
                layers::LOSS_THREADS as usize,
            ),
        ] {
            assert_eq!(constant(source.text(), name), here, "{name}");
        }
        assert_eq!(prepare::PACK_ENTRIES, 4 * prepare::THREADS as usize);

        let pick = constant(KernelFile::Images.text(), "PICK_INTS");
        assert_eq!(pick, crate::images::PICK_INTS);

        let threads = constant(header("elements.cuh"), "BLOCK_THREADS");
        for here in [
            prepare::THREADS,
            gradients::THREADS,
            images::THREADS,
            layers::THREADS,
            update::THREADS,
        ] {
            assert_eq!(here as usize, threads);
        }
    }

    #[test]
    fn grids_without_blocks_are_none_and_huge_ones_are_refused() {
        assert_eq!(Grid::covering(0, 256, 256), Ok(None));
        assert_eq!(Grid::new([4, 0, 1], 128), Ok(None));
        assert_eq!(
            Grid::covering(257, 256, 256),
            Ok(Some(Grid {
                blocks: (2, 1, 1),
                threads: 256
            }))
        );
        assert!(matches!(
            Grid::new([1, 1, 65_536], 128),
            Err(ArgumentError::TooLarge { .. })
        ));
    }
}
