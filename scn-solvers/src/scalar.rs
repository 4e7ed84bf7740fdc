//! The two scalar types, and how a kernel gets to run on the widest vectors the processor has.

use faer::traits::RealField;

use crate::kernel::{Kernel, KernelAdapter};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// `f32` or `f64`. Sealed: the kernels are written for these two.
pub trait Scalar:
    RealField
    + Copy
    + Default
    + PartialOrd
    + std::fmt::Debug
    + std::fmt::Display
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
    + std::ops::Neg<Output = Self>
    + std::ops::AddAssign
    + std::ops::SubAssign
    + std::ops::DivAssign
    + sealed::Sealed
{
    /// Columns solved together in one tile: three 32-byte registers, so that four rows of accumulators fill
    /// twelve of the sixteen registers of AVX2.
    const TILE: usize;
    /// The distance from 1 to the next larger number.
    const EPSILON: Self;
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;

    /// The nearest number of this type.
    fn from_f64(value: f64) -> Self;
    /// The same number as `f64`, exactly.
    fn to_f64(self) -> f64;
    /// `|self|`.
    fn magnitude(self) -> Self;
    /// Neither infinite nor NaN.
    fn finite(self) -> bool;

    #[doc(hidden)]
    fn dispatch<K: Kernel<Self>>(kernel: K) -> K::Output;
}

macro_rules! scalar {
    ($scalar:ident, $tile:literal) => {
        impl Scalar for $scalar {
            const TILE: usize = $tile;
            const EPSILON: Self = $scalar::EPSILON;
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;

            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as $scalar
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self.into()
            }
            #[inline(always)]
            fn magnitude(self) -> Self {
                self.abs()
            }
            #[inline(always)]
            fn finite(self) -> bool {
                self.is_finite()
            }
            #[inline]
            fn dispatch<K: Kernel<Self>>(kernel: K) -> K::Output {
                // Tiles are cut for registers of 32 bytes and less. Should another crate of the same build turn on
                // those of 64 bytes in `pulp`, they must not be picked here.
                #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
                if let Some(simd) = pulp::x86::V3::try_new() {
                    return pulp::Simd::vectorize(simd, KernelAdapter::<K, Self>::new(kernel));
                }
                pulp::Arch::new().dispatch(KernelAdapter::<K, Self>::new(kernel))
            }
        }
    };
}

scalar!(f32, 24);
scalar!(f64, 12);
