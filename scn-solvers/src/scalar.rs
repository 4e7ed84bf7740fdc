//! The two scalar types, and how a kernel gets to run on the widest vectors the processor has.

use faer::traits::RealField;

use crate::Problem;
use crate::kernel::{InstructionSet, Kernel, KernelAdapter};

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
    /// The distance from 1 to the next larger number.
    const EPSILON: Self;
    /// The smallest number that still has all digits.
    const MIN_POSITIVE: Self;
    /// Infinity.
    const INFINITY: Self;
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;

    /// Columns solved together in one tile, on this processor: two or three of its registers.
    fn tile() -> usize;
    /// The nearest number of this type.
    fn from_f64(value: f64) -> Self;
    /// The same number as `f64`, exactly.
    fn to_f64(self) -> f64;
    /// `|self|`.
    fn magnitude(self) -> Self;
    /// Neither infinite nor NaN.
    fn finite(self) -> bool;

    /// The same problem in `f64`, its Gram matrix computed anew from the dictionary; the problem itself if it is in `f64`.
    #[doc(hidden)]
    fn in_f64(problem: &Problem<Self>) -> &Problem<f64>;
    #[doc(hidden)]
    fn run_on<K: Kernel<Self>>(set: InstructionSet, kernel: K) -> K::Output;
    #[doc(hidden)]
    #[inline]
    fn dispatch<K: Kernel<Self>>(kernel: K) -> K::Output {
        Self::run_on(InstructionSet::detect(), kernel)
    }
}

macro_rules! scalar {
    ($scalar:ident, $in_f64:expr) => {
        impl Scalar for $scalar {
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
            fn in_f64(problem: &Problem<Self>) -> &Problem<f64> {
                $in_f64(problem)
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

scalar!(f32, Problem::<f32>::widened);
scalar!(f64, std::convert::identity);
