//! The vector operations that the kernels need, for both `f32` and `f64`.

use pulp::Simd;

use super::blocks::{blocks_from_tile_f32, blocks_into_tile_f32};

/// An instruction set, as seen by a kernel: vectors of [`COUNT`](Lanes::COUNT) scalars.
///
/// `max` and `min` follow the hardware if an operand is NaN: the result may be either operand.
/// Kernels therefore never rely on them to propagate a NaN.
pub trait Lanes<T>: Copy {
    /// One register.
    type Vector: Copy;
    /// Scalars per register.
    const COUNT: usize;
    /// Registers of a tile row that a kernel processes at a time.
    const GROUP: usize;

    /// Returns a register with the same value in every lane.
    fn splat(self, value: T) -> Self::Vector;
    /// Returns `a + b`.
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Returns `a - b`.
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Returns `a b`.
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Returns `a / b`.
    fn div(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Returns `a b + c`, fused if the CPU can.
    fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// Returns `c - a b`, fused if the CPU can.
    fn negate_mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// Returns the larger of the two.
    fn max(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Returns the smaller of the two.
    fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Returns `|a|`.
    fn abs(self, a: Self::Vector) -> Self::Vector;
    /// Returns `value` where `a < limit`, and 0 elsewhere, including where `a` is NaN.
    fn where_less(self, a: Self::Vector, limit: Self::Vector, value: Self::Vector) -> Self::Vector;
    /// Returns `value` where `a` is not 0, including where it is NaN, and 0 elsewhere.
    fn where_nonzero(self, a: Self::Vector, value: Self::Vector) -> Self::Vector;
    /// Returns the largest scalar of a register.
    fn largest(self, a: Self::Vector) -> T;
    /// Returns a slice as whole registers, without the remainder.
    fn vectors(slice: &[T]) -> &[Self::Vector];
    /// Returns a slice as whole registers, without the remainder.
    fn vectors_mut(slice: &mut [T]) -> &mut [Self::Vector];
    /// Copies entry i of `columns[k]` to row i, column k of a tile of `width` columns, block by
    /// block.
    ///
    /// Returns false, and does nothing, if there are no instructions for it or the number of
    /// columns is not a whole number of registers.
    fn blocks_into_tile(self, columns: &[&[T]], tile: &mut [T], width: usize) -> bool;
    /// Does the reverse of [`blocks_into_tile`](Lanes::blocks_into_tile).
    fn blocks_from_tile(self, tile: &[T], columns: &mut [&mut [T]], width: usize) -> bool;
}

macro_rules! lanes {
    ($scalar:ident, $vector:ident, $count:ident, $splat:ident, $add:ident, $sub:ident, $mul:ident, $div:ident,
     $mul_add:ident, $negate_mul_add:ident, $max:ident, $min:ident, $abs:ident, $less:ident, $equal:ident, $select:ident, $largest:ident,
     $vectors:ident, $vectors_mut:ident, { $($blocks:item)* }) => {
        impl<S: Simd> Lanes<$scalar> for S {
            type Vector = S::$vector;
            const COUNT: usize = S::$count;
            const GROUP: usize = if S::REGISTER_COUNT >= 32 { 3 } else { 2 };

            #[inline(always)]
            fn splat(self, value: $scalar) -> Self::Vector {
                self.$splat(value)
            }
            #[inline(always)]
            fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
                self.$add(a, b)
            }
            #[inline(always)]
            fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
                self.$sub(a, b)
            }
            #[inline(always)]
            fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
                self.$mul(a, b)
            }
            #[inline(always)]
            fn div(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
                self.$div(a, b)
            }
            #[inline(always)]
            fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
                self.$mul_add(a, b, c)
            }
            #[inline(always)]
            fn negate_mul_add(
                self,
                a: Self::Vector,
                b: Self::Vector,
                c: Self::Vector,
            ) -> Self::Vector {
                self.$negate_mul_add(a, b, c)
            }
            #[inline(always)]
            fn max(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
                self.$max(a, b)
            }
            #[inline(always)]
            fn min(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
                self.$min(a, b)
            }
            #[inline(always)]
            fn abs(self, a: Self::Vector) -> Self::Vector {
                self.$abs(a)
            }
            #[inline(always)]
            fn where_less(
                self,
                a: Self::Vector,
                limit: Self::Vector,
                value: Self::Vector,
            ) -> Self::Vector {
                self.$select(self.$less(a, limit), value, self.$splat(0.0))
            }
            #[inline(always)]
            fn where_nonzero(self, a: Self::Vector, value: Self::Vector) -> Self::Vector {
                let zero = self.$splat(0.0);
                self.$select(self.$equal(a, zero), zero, value)
            }
            #[inline(always)]
            fn largest(self, a: Self::Vector) -> $scalar {
                self.$largest(a)
            }
            #[inline(always)]
            fn vectors(slice: &[$scalar]) -> &[Self::Vector] {
                S::$vectors(slice).0
            }
            #[inline(always)]
            fn vectors_mut(slice: &mut [$scalar]) -> &mut [Self::Vector] {
                S::$vectors_mut(slice).0
            }
            $($blocks)*
        }
    };
}

lanes!(
    f32,
    f32s,
    F32_LANES,
    splat_f32s,
    add_f32s,
    sub_f32s,
    mul_f32s,
    div_f32s,
    mul_add_e_f32s,
    negate_mul_add_e_f32s,
    max_f32s,
    min_f32s,
    abs_f32s,
    less_than_f32s,
    equal_f32s,
    select_f32s,
    reduce_max_f32s,
    as_simd_f32s,
    as_mut_simd_f32s,
    {
        #[inline(always)]
        fn blocks_into_tile(self, columns: &[&[f32]], tile: &mut [f32], width: usize) -> bool {
            blocks_into_tile_f32(self, columns, tile, width)
        }
        #[inline(always)]
        fn blocks_from_tile(self, tile: &[f32], columns: &mut [&mut [f32]], width: usize) -> bool {
            blocks_from_tile_f32(self, tile, columns, width)
        }
    }
);
lanes!(
    f64,
    f64s,
    F64_LANES,
    splat_f64s,
    add_f64s,
    sub_f64s,
    mul_f64s,
    div_f64s,
    mul_add_e_f64s,
    negate_mul_add_e_f64s,
    max_f64s,
    min_f64s,
    abs_f64s,
    less_than_f64s,
    equal_f64s,
    select_f64s,
    reduce_max_f64s,
    as_simd_f64s,
    as_mut_simd_f64s,
    {
        #[inline(always)]
        fn blocks_into_tile(self, _: &[&[f64]], _: &mut [f64], _: usize) -> bool {
            false
        }
        #[inline(always)]
        fn blocks_from_tile(self, _: &[f64], _: &mut [&mut [f64]], _: usize) -> bool {
            false
        }
    }
);
