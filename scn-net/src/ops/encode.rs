//! Sparse codes of all windows of a feature map, and their adjoint.
//!
//! Forward: `a* = argmin 1/2 ||x - D a||² + λ1'a + λ2/2 ||a||², a >= 0` for every window x (paper, eq. (1)). The codes of all
//! windows are a feature map with one channel per atom.

use faer::{MatMut, MatRef};
use rayon::prelude::*;
use scn_grad::{Adjoint, AdjointSums, Gradients, Linearization, MaskedReport, MaskedSolver};
use scn_solvers::{Problem, Report, Solver, Start, encode};

use crate::NetError;
use crate::ops::windows::{Windows, WindowsGradient};
use crate::tensor::{Shape, Tensor};

/// Columns that one task of the adjoint has at least. Tasks are whole images and depend on nothing but the shape, so
/// that sums over columns are taken in the same order for any number of threads.
const TASK_COLUMNS: usize = 1024;

/// What is solved in each window, and where windows stand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WindowCoding<'a> {
    pub(crate) problem: &'a Problem<f32>,
    /// Side k of the window.
    pub(crate) window: usize,
    pub(crate) stride: usize,
    /// Whether the report on the adjoint says where the time went; the solver's settings say so for the codes.
    pub(crate) timed: bool,
}

/// Codes of all windows: a map with one channel per atom.
pub(crate) fn encode_windows(
    coding: WindowCoding<'_>,
    solver: &dyn Solver<f32>,
    map: &Tensor,
) -> Result<(Tensor, Report), NetError> {
    let WindowCoding {
        problem,
        window,
        stride,
        ..
    } = coding;
    let windows = Windows::new(map, window, stride);
    let (height, width) = windows.geometry().map();
    let mut codes = Tensor::unspecified(Shape {
        channels: problem.atoms(),
        images: map.shape().images,
        height,
        width,
    });
    let positions = codes.shape().positions();
    let matrix = MatMut::from_row_major_slice_mut(codes.data_mut(), problem.atoms(), positions);
    let report = encode(solver, problem, &windows, matrix, Start::Zero)?;
    Ok((codes, report))
}

/// The adjoint of [`encode_windows`] at its result: adds to `gradients`, returns dLoss/dmap.
pub(crate) fn encode_windows_adjoint(
    coding: WindowCoding<'_>,
    solver: &dyn MaskedSolver<f32>,
    map: &Tensor,
    codes: &Tensor,
    cotangent: &Tensor,
    gradients: &mut Gradients<f32>,
) -> Result<(Tensor, MaskedReport), NetError> {
    let WindowCoding {
        problem,
        window,
        stride,
        timed,
    } = coding;
    let shape = map.shape();
    let windows = Windows::new(map, window, stride);
    let geometry = windows.geometry();
    let columns = codes.shape().positions();
    let codes = MatRef::from_row_major_slice(codes.data(), problem.atoms(), columns);
    let cotangent = MatRef::from_row_major_slice(cotangent.data(), problem.atoms(), columns);
    let point = Linearization::new(problem, &windows, codes)?;

    let pixels = shape.height * shape.width;
    let task_images = TASK_COLUMNS
        .div_ceil(geometry.positions())
        .min(shape.images)
        .max(1);
    let mut map_gradient = Tensor::unspecified(shape);
    let parts: Vec<(AdjointSums<f32>, MaskedReport)> = MatMut::from_row_major_slice_mut(
        map_gradient.data_mut(),
        shape.channels,
        shape.positions(),
    )
    .par_col_chunks_mut(task_images * pixels)
    .enumerate()
    .map_init(
        || Adjoint::new().timed(timed),
        |adjoint, (task, mut pixels_of_task)| {
            pixels_of_task.fill(0.0);
            let first_image = task * task_images;
            let images = pixels_of_task.ncols() / pixels;
            let columns =
                first_image * geometry.positions()..(first_image + images) * geometry.positions();
            let mut sums = AdjointSums::zeros(problem);
            let mut sink = WindowsGradient::new(geometry, pixels_of_task, first_image);
            let report = adjoint.columns(
                &point,
                solver,
                cotangent,
                columns,
                &mut sums,
                Some(&mut sink),
            );
            (sums, report)
        },
    )
    .collect();

    let report = AdjointSums::finish_all(parts, problem, gradients);
    Ok((map_gradient, report))
}
