//! The inner loops, written once for vectors of any width and compiled once, in this crate.

pub(crate) mod active;
#[cfg(test)]
mod check;
pub(crate) mod columns;
pub(crate) mod combine;
pub(crate) mod conjugate_gradient;
pub(crate) mod convert;
pub(crate) mod correlate;
pub(crate) mod fista;
pub(crate) mod gap;
pub(crate) mod live_rows;
pub(crate) mod multiple;
pub(crate) mod outer;
pub(crate) mod positive_definite;
pub(crate) mod product;
pub(crate) mod residual;
pub(crate) mod right_side;
pub(crate) mod scaled;
pub(crate) mod shrink;
pub(crate) mod signed;
pub(crate) mod sizes;
pub(crate) mod sweep;
pub(crate) mod sweep_rules;
pub(crate) mod transpose;
pub(crate) mod triangular;
pub(crate) mod working_set;

pub(crate) use active::{ActiveRightSide, ClipSteps, StepsAreSmall, SubtractFrom, TakeSteps};
pub(crate) use columns::{AllInRange, AllWithin, BoundRounding, RoundingWeights, SquareRoots};
pub(crate) use combine::AddCombinations;
pub(crate) use conjugate_gradient::{Advance, Curvature, MaskedResidual, Turn};
pub(crate) use convert::{Narrow, Widen};
pub(crate) use correlate::{CorrelateColumns, CorrelateTile};
pub(crate) use fista::{FistaState, FistaStep};
pub(crate) use gap::GapSums;
pub(crate) use live_rows::LiveRows;
pub(crate) use multiple::AddMultiple;
pub(crate) use outer::{AddOuter, AddOuterColumns};
pub(crate) use outer::{FEWEST_ROWS, outer_columns};
pub(crate) use positive_definite::PositiveDefinite;
pub(crate) use product::Product;
pub(crate) use residual::{ColumnScale, Largest, LargestQuotient, Residual};
pub use right_side::MaskedSystem;
pub(crate) use right_side::{RestrictSystem, RightSide};
pub(crate) use scaled::{AddSolution, ScaleRows};
pub(crate) use shrink::ShrinkSum;
pub(crate) use shrink::shrink;
pub(crate) use signed::SubtractSigned;
pub(crate) use sizes::{CodeSizes, ColumnSquares, NormBounds};
pub(crate) use sweep::Sweep;
pub(crate) use sweep_rules::SweepRule;
pub(crate) use transpose::{CopyRows, FromTile, IntoTile};
pub(crate) use triangular::{Backward, Forward};
pub(crate) use working_set::{ColumnDescent, FindAbove, SmallSweeps};

use faer::MatRef;

use super::dense::{Multiply, extreme_eigenvalues};
use super::{InstructionSet, Real};

macro_rules! kernels {
    ($($name:ident($kernel:ty) $(-> $output:ty)?;)*) => {
        /// The kernels of a number type, compiled in this crate once for every instruction set.
        ///
        /// Code that is generic over [`Scalar`](super::Scalar) calls them, and so compiles quickly
        /// wherever it is used.
        pub trait Kernels: Real {
            $(#[doc(hidden)]
            fn $name(kernel: $kernel) $(-> $output)?;)*
            #[doc(hidden)]
            fn sweep(sweep: Sweep<'_, Self>);
            #[doc(hidden)]
            fn multiply(product: Multiply<'_, Self>);
            #[doc(hidden)]
            fn extreme_eigenvalues(matrix: MatRef<'_, Self>) -> Option<(f64, f64)>;
        }

        kernels!(implement f32: $($name($kernel) $(-> $output)?;)*);
        kernels!(implement f64: $($name($kernel) $(-> $output)?;)*);
    };
    (implement $scalar:ident: $($name:ident($kernel:ty) $(-> $output:ty)?;)*) => {
        impl Kernels for $scalar {
            $(fn $name(kernel: $kernel) $(-> $output)? {
                Self::dispatch(kernel)
            })*
            fn sweep(sweep: Sweep<'_, Self>) {
                sweep.run_on(InstructionSet::detect());
            }
            fn multiply(product: Multiply<'_, Self>) {
                product.run();
            }
            fn extreme_eigenvalues(matrix: MatRef<'_, Self>) -> Option<(f64, f64)> {
                extreme_eigenvalues(matrix)
            }
        }
    };
}

kernels! {
    add_combinations(AddCombinations<'_, '_, Self>);
    add_multiple(AddMultiple<'_, Self>);
    add_outer(AddOuter<'_, Self>);
    add_outer_columns(AddOuterColumns<'_, Self>);
    add_solution(AddSolution<'_, Self>);
    active_right_side(ActiveRightSide<'_, Self>);
    advance(Advance<'_, Self>);
    all_in_range(AllInRange<'_, Self>) -> bool;
    all_within(AllWithin<'_, Self>) -> bool;
    backward(Backward<'_, Self>);
    bound_rounding(BoundRounding<'_, Self>);
    clip_steps(ClipSteps<'_, Self>) -> bool;
    code_sizes(CodeSizes<'_, Self>);
    column_descent(ColumnDescent<'_, Self>) -> Self;
    column_squares(ColumnSquares<'_, Self>);
    copy_rows(CopyRows<'_, Self>);
    correlate_columns(CorrelateColumns<'_, Self>);
    correlate_tile(CorrelateTile<'_, Self>);
    curvature(Curvature<'_, Self>);
    find_above(FindAbove<'_, Self>);
    fista_step(FistaStep<'_, Self>);
    forward(Forward<'_, Self>);
    from_tile(FromTile<'_, '_, Self>);
    gap_sums(GapSums<'_, Self>);
    into_tile(IntoTile<'_, Self>);
    largest(Largest<'_, Self>) -> Self;
    largest_quotient(LargestQuotient<'_, Self>) -> Self;
    masked_residual(MaskedResidual<'_, Self>);
    narrow(Narrow<'_, Self>);
    norm_bounds(NormBounds<'_, Self>);
    positive_definite(PositiveDefinite<'_, Self>) -> bool;
    product(Product<'_, Self>);
    residual(Residual<'_, Self>);
    restrict_system(RestrictSystem<'_, Self>);
    right_side(RightSide<'_, Self>);
    scale(ColumnScale<'_, Self>);
    scale_rows(ScaleRows<'_, Self>);
    shrink_sum(ShrinkSum<'_, Self>);
    small_sweeps(SmallSweeps<'_, Self>);
    square_roots(SquareRoots<'_, Self>);
    steps_are_small(StepsAreSmall<'_, Self>) -> bool;
    subtract_from(SubtractFrom<'_, Self>);
    subtract_signed(SubtractSigned<'_, Self>);
    take_steps(TakeSteps<'_, Self>);
    turn(Turn<'_, Self>);
    widen(Widen<'_, Self>);
}
