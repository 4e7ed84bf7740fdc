//! Sparse codes of all windows of a feature map, and their adjoint.
//!
//! Forward: `a* = argmin 1/2 ||x - D a||² + λ1'a + λ2/2 ||a||², a >= 0` for every window x (paper,
//! eq. (1)). The codes of all windows are a feature map with one channel per atom.

use faer::{MatMut, MatRef};
use scn_grad::{Gradients, Linearization, MaskedReport, MaskedSolver, Tasks};
use scn_solvers::{Problem, Report, Solver, Start, Workspaces, encode_with};

use crate::error::NetError;
use crate::ops::windows::{MapWindows, WindowsGradient};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Columns of the adjoint that are not divided among threads any more: whole images, for which
/// these are enough. Whole tiles too, of 48 columns, where maps have 8 × 8 or 16 × 16 positions.
/// Fewer would leave more tiles half empty, more would leave threads idle.
const TASK_COLUMNS: usize = 768;

/// What is solved in each window, and where windows stand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WindowCoding<'a> {
    pub(crate) problem: &'a Problem<f32>,
    /// Side k of the window.
    pub(crate) window: usize,
    pub(crate) stride: usize,
    /// Whether the report on the adjoint says where the time went; the solver's settings say so for
    /// the codes.
    pub(crate) timed: bool,
}

/// Codes of all windows: a map with one channel per atom.
pub(crate) fn encode_windows(
    coding: WindowCoding<'_>,
    solver: &dyn Solver<f32>,
    workspaces: &Workspaces<f32>,
    map: &Tensor,
) -> Result<(Tensor, Report), NetError> {
    let WindowCoding {
        problem,
        window,
        stride,
        ..
    } = coding;
    let windows = MapWindows::new(map, window, stride);
    let (height, width) = windows.geometry().map();
    let mut codes = Tensor::unspecified(Shape {
        channels: problem.atoms(),
        images: map.shape().images,
        height,
        width,
    });
    let positions = codes.shape().positions();
    let matrix = MatMut::from_row_major_slice_mut(codes.data_mut(), problem.atoms(), positions);
    let report = encode_with(solver, problem, &windows, matrix, Start::Zero, workspaces)?;
    Ok((codes, report))
}

/// The adjoint of [`encode_windows`] at its result: adds to `gradients`, returns dLoss/dmap.
pub(crate) fn encode_windows_adjoint(
    coding: WindowCoding<'_>,
    solver: &dyn MaskedSolver<f32>,
    workspaces: &scn_grad::AdjointWorkspaces<f32>,
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
    let windows = MapWindows::new(map, window, stride);
    let geometry = windows.geometry();
    let columns = codes.shape().positions();
    let codes = MatRef::from_row_major_slice(codes.data(), problem.atoms(), columns);
    let cotangent = MatRef::from_row_major_slice(cotangent.data(), problem.atoms(), columns);
    let images = TASK_COLUMNS.div_ceil(geometry.positions().max(1));
    let tasks = Tasks {
        columns: images * geometry.positions(),
        workspaces,
        timed,
    };
    let mut map_gradient = Tensor::unspecified(shape);
    let (rows, positions) = (shape.channels, shape.positions());
    let pixels = MatMut::from_row_major_slice_mut(map_gradient.data_mut(), rows, positions);
    let sink = WindowsGradient::new(geometry, pixels, 0);
    let point = Linearization::new(problem, &windows, codes)?;
    let report = point.vjp_in_tasks(solver, cotangent, gradients, Some(sink), tasks)?;
    Ok((map_gradient, report))
}
