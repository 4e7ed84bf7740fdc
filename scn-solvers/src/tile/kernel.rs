//! Kernels: computations written once, for vectors of any width.
//!
//! `pulp` compiles each kernel for every instruction set and selects one at run time, so kernels
//! need no `unsafe`. All kernels work on a *tile*: columns side by side in row-major order, so that
//! one vector instruction serves several columns and no column waits for a horizontal sum.

use super::Lanes;

/// A computation that can run on vectors of any width.
pub trait Kernel<T> {
    /// The type of the result.
    type Output;
    /// Runs the computation.
    ///
    /// Implementations must be `#[inline(always)]`, so that the body is compiled for the chosen
    /// instruction set.
    fn run<L: Lanes<T>>(self, lanes: L) -> Self::Output;
}

/// An adapter that lets `pulp` call a [`Kernel`].
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
