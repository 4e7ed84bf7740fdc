//! The inner loops, written once over vectors of any width and run on the widest that the processor has.
//!
//! `pulp` finds the instruction set at run time and compiles each kernel for it, so the kernels need no `unsafe`.
//! All kernels work on a *tile*: [`Scalar::tile`] columns side by side, row-major, so that one vector instruction serves
//! several columns and no column ever waits for a horizontal sum.

#[cfg(test)]
mod check;
mod combine;
mod conjugate_gradient;
mod correlate;
mod fista;
mod instruction_set;
mod lanes;
mod live_rows;
mod outer;
mod peak;
mod prefetch;
mod product;
mod residual;
mod right_side;
mod sizes;
mod sweep;
mod transpose;
mod triangular;

pub(crate) use combine::AddCombinations;
pub(crate) use conjugate_gradient::{Advance, Curvature, MaskedResidual, Turn};
pub(crate) use correlate::{AtomGroups, CorrelateColumns, CorrelateTile};
pub(crate) use fista::{FistaState, FistaStep};
pub use instruction_set::InstructionSet;
pub(crate) use instruction_set::{LARGEST_TILE, tile_columns, tile_columns_mut};
pub use lanes::Lanes;
pub(crate) use live_rows::LiveRows;
pub(crate) use outer::{AddOuter, AddOuterColumns, FEWEST_ROWS, outer_columns};
pub(crate) use peak::Peak;
pub(crate) use prefetch::prefetch_all;
pub(crate) use product::Product;
pub(crate) use residual::{Largest, LargestQuotient, Residual, Scale};
pub(crate) use right_side::{RestrictSystem, RightSide};
pub(crate) use sizes::{CodeSizes, ColumnSquares, NormBounds};
pub(crate) use sweep::{Clip, Restrict, Rule, Shrink, Sweep};
pub(crate) use transpose::{CopyRows, FromTile, IntoTile};
pub(crate) use triangular::{Backward, Forward};

/// A computation that can run on vectors of any width.
pub trait Kernel<T> {
    /// What it returns.
    type Output;
    /// Runs it. Implementations are `#[inline(always)]`, so that the body is compiled for the chosen instruction set.
    fn run<L: Lanes<T>>(self, lanes: L) -> Self::Output;
}

/// A plain loop, compiled for the widest vectors that the processor has.
pub(crate) struct Compiled<F>(pub(crate) F);

impl<T, Out, F: FnOnce() -> Out> Kernel<T> for Compiled<F> {
    type Output = Out;

    #[inline(always)]
    fn run<L: Lanes<T>>(self, _: L) -> Out {
        (self.0)()
    }
}

/// Lets `pulp` call a [`Kernel`].
pub(crate) struct KernelAdapter<K, T> {
    kernel: K,
    scalar: std::marker::PhantomData<T>,
}

impl<K, T> KernelAdapter<K, T> {
    pub(crate) fn new(kernel: K) -> Self {
        Self {
            kernel,
            scalar: std::marker::PhantomData,
        }
    }
}

macro_rules! adapter {
    ($scalar:ident) => {
        impl<K: Kernel<$scalar>> pulp::WithSimd for KernelAdapter<K, $scalar> {
            type Output = K::Output;
            #[inline(always)]
            fn with_simd<S: pulp::Simd>(self, simd: S) -> Self::Output {
                self.kernel.run(simd)
            }
        }
    };
}

adapter!(f32);
adapter!(f64);
