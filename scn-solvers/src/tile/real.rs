//! The two number types, and dispatch of kernels to the widest vectors of the CPU.

use faer::traits::RealField;

use super::kernel::KernelAdapter;
use super::{InstructionSet, Kernel};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// A number type that kernels can run on: `f32` or `f64`. Sealed.
pub trait Real:
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
    + bytemuck::Pod
    + sealed::Sealed
    + 'static
{
    /// The distance from 1 to the next larger number.
    const EPSILON: Self;
    /// The smallest positive normal number.
    const MIN_POSITIVE: Self;
    /// Infinity.
    const INFINITY: Self;
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;

    /// Returns the number of columns in a tile on this processor: two or three registers of
    /// numbers.
    fn tile() -> usize;
    /// Returns the nearest number of this type.
    fn from_f64(value: f64) -> Self;
    /// Converts to `f64`, exactly.
    fn to_f64(self) -> f64;
    /// Returns the absolute value.
    fn magnitude(self) -> Self;
    /// Returns whether the number is neither infinite nor NaN.
    fn finite(self) -> bool;

    /// Runs a kernel on vectors of an instruction set, or in plain loops if the CPU lacks it.
    fn run_on<K: Kernel<Self>>(set: InstructionSet, kernel: K) -> K::Output;
    /// Runs a kernel on the widest vectors that the CPU has.
    ///
    /// The kernel is compiled in the calling crate, for every instruction set.
    #[inline]
    fn dispatch<K: Kernel<Self>>(kernel: K) -> K::Output {
        Self::run_on(InstructionSet::detect(), kernel)
    }
}

macro_rules! real {
    ($scalar:ident) => {
        impl Real for $scalar {
            const EPSILON: Self = $scalar::EPSILON;
            const MIN_POSITIVE: Self = $scalar::MIN_POSITIVE;
            const INFINITY: Self = $scalar::INFINITY;
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
            fn tile() -> usize {
                InstructionSet::detect().tile_bytes() / size_of::<Self>()
            }
            #[inline]
            fn run_on<K: Kernel<Self>>(set: InstructionSet, kernel: K) -> K::Output {
                set.run(KernelAdapter::<K, Self>::new(kernel))
            }
        }
    };
}

real!(f32);
real!(f64);

/// Returns whether `T` is less precise than `f64`.
pub(crate) fn narrower_than_f64<T: Real>() -> bool {
    T::EPSILON.to_f64() > f64::EPSILON
}
