//! Sparse codes of all windows of a feature map, and their adjoint.
//!
//! Forward: `a* = argmin 1/2 ||x - D a||² + λ1'a + λ2/2 ||a||², a >= 0` for every window x (paper,
//! eq. (1)). The codes of all windows form a feature map with one channel per atom.

use std::ops::Range;

use faer::{MatMut, MatRef};
use scn_grad::{AdjointSums, Linearization, MaskedReport, MaskedSolver, Tasks};
use scn_solvers::{Problem, Report, Solver, Start, Workspaces, encode_in_parts};

use crate::error::NetError;
use crate::ops::windows::MapWindows;
use crate::shape::Shape;
use crate::share::LEAF;
use crate::tensor::Tensor;

/// Columns per task of the adjoint, rounded up to whole images. A task does not exceed a leaf.
const TASK_COLUMNS: usize = 768;

/// The problem solved in each window, and the layout of the windows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WindowCoding<'a> {
    pub(crate) problem: &'a Problem<f32>,
    /// Side length k of the windows.
    pub(crate) window: usize,
    pub(crate) stride: usize,
    /// Whether the report on the adjoint includes times. For the codes, the solver's settings
    /// decide.
    pub(crate) timed: bool,
}

/// Returns the codes of all windows, as a map with one channel per atom.
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
    let leaf = LEAF * windows.geometry().positions();
    let start = Start::Zero;
    let report = encode_in_parts(solver, problem, &windows, matrix, start, workspaces, leaf)?;
    Ok((codes, report))
}

/// Computes the adjoint of [`encode_windows`] at its result: dLoss/dmap, and sums over runs of
/// images, each of whole leaves.
pub(crate) fn encode_windows_adjoint(
    coding: WindowCoding<'_>,
    solver: &dyn MaskedSolver<f32>,
    workspaces: &scn_grad::AdjointWorkspaces<f32>,
    map: &Tensor,
    codes: &Tensor,
    cotangent: &Tensor,
    nodes: &[Range<usize>],
) -> Result<(Tensor, Vec<AdjointSums<f32>>, MaskedReport), NetError> {
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
    let of_image = geometry.positions();
    let tasks = Tasks {
        columns: TASK_COLUMNS.div_ceil(of_image.max(1)) * of_image,
        leaf: LEAF * of_image,
        workspaces,
        timed,
    };
    let mut map_gradient = Tensor::unspecified(shape);
    let sink = windows.gradient(map_gradient.data_mut());
    let point = Linearization::new(problem, &windows, codes)?;
    let columns = |images: &Range<usize>| images.start * of_image..images.end * of_image;
    let nodes: Vec<_> = nodes.iter().map(columns).collect();
    let (sums, report) = point.vjp_sums(solver, cotangent, Some(sink), tasks, &nodes)?;
    Ok((map_gradient, sums, report))
}
