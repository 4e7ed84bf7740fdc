//! `scn solve --lambda1-fraction`: finds the smallest lambda1 for which all codes are zero.

use std::ops::Range;

use anyhow::{Result, bail};
use faer::Mat;
use scn_data::format::npy::Float;
use scn_solvers::processes::{Processes, gather};
use scn_solvers::{Problem, Scalar, correlate};

use crate::column_blocks::each_block;
use crate::column_input::ColumnInput;
use crate::problem_arrays::MatrixKind;
use crate::screen::Bar;

/// Returns `max c_j` over all columns (`max |c_j|` for signed codes), or 0 if that is negative.
/// Each process makes one pass over its own columns.
pub(super) fn largest_lambda1<T: Scalar + Float>(
    kind: MatrixKind,
    problem: &Problem<T>,
    columns: &mut ColumnInput<T>,
    own: Range<usize>,
    processes: &dyn Processes,
) -> Result<f64> {
    let bar = Bar::fast("finding lambda1", own.len());
    let mut largest = T::ZERO;
    let mut finite = true;
    let mut found = Mat::zeros(0, 0);
    each_block(columns, own, None, &bar, |block| {
        let correlations = match kind {
            MatrixKind::Gram => block.numbers,
            MatrixKind::Dictionary => {
                found.resize_with(problem.atoms(), block.numbers.ncols(), |_, _| T::ZERO);
                correlate(problem, &block.numbers, found.as_mut())?;
                found.as_ref()
            }
        };
        for column in correlations.col_iter() {
            for &c in column.iter() {
                let size = if problem.signed() { c.magnitude() } else { c };
                finite &= size.is_finite();
                if size > largest {
                    largest = size;
                }
            }
        }
        Ok(())
    })?;
    if !finite {
        largest = T::INFINITY;
    }
    let one_each = std::iter::repeat_n(1, processes.count());
    let of_all = gather(processes, &[largest], one_each)?.wait()?;
    let larger = |a: T, b: T| if b > a { b } else { a };
    let largest = of_all.into_iter().fold(T::ZERO, larger);
    if !largest.finite() {
        bail!("--lambda1-fraction: the correlations D'x are too large for their type");
    }
    Ok(largest.to_f64())
}
