//! Kernel launches, all of which happen in this file.
//!
//! Every kernel is a struct whose fields are its arguments, declared once by [`kernels!`]. The
//! declaration yields the struct, the arguments for the driver, and the signature that a test
//! compares with the compiled code. [`DeviceKernel::grid`] checks every length, so [`launch`] is
//! safe.

#![expect(
    unsafe_code,
    reason = "the driver takes untyped pointers to the arguments of a kernel"
)]

pub(crate) mod argument;
pub(crate) mod signature;

use cudarc::driver::{LaunchConfig, PushKernelArg};

use crate::compile::unit::Unit;
use crate::context::Context;
use crate::driver::reason;
use crate::error::{ArgumentError, GpuError};
use crate::launch::argument::Value;
use crate::launch::signature::Signature;
use crate::padded::Padded;
use crate::queue::Submission;

/// The arguments of a kernel, which determine its grid.
pub(crate) trait DeviceKernel: KernelDeclaration {
    /// Name under which the kernel is timed.
    const TIMED_AS: &'static str = Self::SIGNATURE.name;

    /// Checks the lengths of all buffers, and returns the grid, or `None` if there is nothing to
    /// do. Wrong lengths from a caller are errors; wrong lengths from this crate fail an assertion.
    fn grid(&self) -> Result<Option<Grid>, ArgumentError>;
}

/// The declaration of a kernel by [`kernels!`].
pub(crate) trait KernelDeclaration {
    /// Name, file and parameters of the kernel.
    const SIGNATURE: Signature;

    /// Padded number of atoms, if the kernel is compiled for each.
    fn padded(&self) -> Option<Padded>;

    /// Returns the arguments in order, after checking that all belong to this context.
    fn values(&self, context: &Context) -> Result<Vec<Value<'_>>, GpuError>;
}

/// The numbers of blocks, and of threads per block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    blocks: (u32, u32, u32),
    threads: u32,
}

impl Grid {
    /// Creates a grid of blocks in three dimensions, or `None` if there are no blocks.
    pub(crate) fn new(blocks: [usize; 3], threads: u32) -> Result<Option<Self>, ArgumentError> {
        let limits = [i32::MAX as usize, 65_535, 65_535];
        let mut counts = [0; 3];
        for ((count, blocks), limit) in counts.iter_mut().zip(blocks).zip(limits) {
            if blocks > limit {
                return Err(ArgumentError::TooLarge {
                    what: "the number of blocks in one dimension",
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

    /// Creates a one-dimensional grid for `items`, with `per_block` in each block.
    pub(crate) fn covering(
        items: usize,
        per_block: usize,
        threads: u32,
    ) -> Result<Option<Self>, ArgumentError> {
        Self::new([items.div_ceil(per_block), 1, 1], threads)
    }
}

/// Launches a kernel, unless there is nothing to do.
pub(crate) fn launch<K: DeviceKernel>(context: &Context, kernel: &K) -> Result<(), GpuError> {
    let Some(Grid { blocks, threads }) = kernel.grid()? else {
        return Ok(());
    };
    let values = kernel.values(context)?;
    let Signature { name, file, .. } = K::SIGNATURE;
    let padded = kernel.padded();
    let name = match padded {
        Some(padded) => format!("{name}_n{}", padded.atoms()),
        None => name.to_string(),
    };
    let function = context.function(Unit { file, padded }, &name)?;
    let submission = Submission::new(context.queue())?;
    submission.keep(values.iter().filter_map(Value::memory));
    context.queue().bind()?;
    let mut launch = context.queue().stream().launch_builder(&function);
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
        // SAFETY: the arguments are those of the kernel's declaration, which a test compares with
        // the compiled code. `grid` checks their lengths, and outputs are borrowed exclusively.
        let started = unsafe { launch.launch(config) };
        started.map(drop).map_err(|error| GpuError::Launch {
            kernel: name,
            reason: reason(error),
        })
    };
    if submission.is_recorded() {
        return start();
    }
    context.timing().launch(context.queue(), K::TIMED_AS, start)
}

/// Declares the kernels of a module: `Struct = "name" in File { argument: Type, .. }`. `per padded`
/// after the file means that it is compiled for each padded number of atoms. The struct then has a
/// further field `padded`, which selects the kernel.
macro_rules! kernels {
    ($($(#[$doc:meta])* $kernel:ident = $name:literal in $file:ident $(per $size:ident)? {
        $($argument:ident: $type:ty),* $(,)?
    })*) => {
        $(
            $(#[$doc])*
            pub(crate) struct $kernel<'a> {
                $(pub(crate) $argument: $type,)*
                $(pub(crate) $size: $crate::padded::Padded,)?
            }

            impl<'a> $crate::launch::KernelDeclaration for $kernel<'a> {
                const SIGNATURE: $crate::launch::signature::Signature = $crate::launch::signature::Signature {
                    name: $name,
                    file: $crate::compile::kernel_file::KernelFile::$file,
                    per_size: {
                        let per_size = !concat!($(stringify!($size))?).is_empty();
                        let is_compiled = $crate::compile::kernel_file::KernelFile::$file.is_per_size();
                        assert!(per_size == is_compiled, "`per padded` does not match the file");
                        per_size
                    },
                    parameters: &[
                        $((stringify!($argument), <$type as $crate::launch::argument::Argument>::PARAMETER),)*
                    ],
                };

                fn padded(&self) -> Option<$crate::padded::Padded> {
                    let padded = None;
                    $(let padded = padded.or(Some(self.$size));)?
                    padded
                }

                fn values(
                    &self,
                    context: &$crate::context::Context,
                ) -> Result<Vec<$crate::launch::argument::Value<'_>>, $crate::error::GpuError> {
                    Ok(vec![
                        $($crate::launch::argument::Argument::value(&self.$argument, stringify!($argument), context)?,)*
                    ])
                }
            }
        )*

        /// Signatures of the kernels of this module.
        pub(crate) const SIGNATURES: &[$crate::launch::signature::Signature] = &[
            $(<$kernel<'static> as $crate::launch::KernelDeclaration>::SIGNATURE,)*
        ];
    };
}
pub(crate) use kernels;

#[cfg(test)]
mod tests {
    use super::*;

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
