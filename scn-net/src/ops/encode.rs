//! Sparse codes of all windows of a feature map, and their adjoint.
//!
//! Forward: `a* = argmin 1/2 ||x - D a||² + λ1'a + λ2/2 ||a||², a >= 0` for every window x (paper, eq. (1)). The codes of all
//! windows are a feature map with one channel per atom.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use faer::{MatMut, MatRef};
use scn_grad::{Adjoint, AdjointSums, Gradients, Linearization, MaskedReport, MaskedSolver};
use scn_solvers::{Problem, Report, Solver, Start, encode};

use crate::NetError;
use crate::ops::windows::{WindowGeometry, Windows, WindowsGradient};
use crate::tensor::{Shape, Tensor};

/// Columns of the adjoint that are not divided among threads any more: whole images, for which these are enough. Whole tiles too, of 48
/// columns, where maps have 8 × 8 or 16 × 16 positions. Fewer would leave more tiles half empty, more would leave threads idle.
const TASK_COLUMNS: usize = 768;

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
    workers: &Workers,
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
    let images = TASK_COLUMNS.div_ceil(geometry.positions().max(1));
    let task = Task {
        point: &Linearization::new(problem, &windows, codes)?,
        solver,
        cotangent,
        geometry,
        images,
        timed,
        workers,
    };
    let mut map_gradient = Tensor::unspecified(shape);
    let (rows, positions) = (shape.channels, shape.positions());
    let pixels = MatMut::from_row_major_slice_mut(map_gradient.data_mut(), rows, positions);
    let report = if shape.images == 0 {
        MaskedReport::empty()
    } else {
        let (sums, report) = task.run(0..shape.images, pixels);
        sums.finish(problem, gradients);
        report
    };
    Ok((map_gradient, report))
}

/// Memory of those who work on an adjoint, kept from call to call.
#[derive(Debug, Default)]
pub(crate) struct Workers(Mutex<Vec<Adjoint<f32>>>);

/// The adjoint of a range of images.
struct Task<'a> {
    point: &'a Linearization<'a, f32>,
    solver: &'a dyn MaskedSolver<f32>,
    cotangent: MatRef<'a, f32>,
    geometry: WindowGeometry,
    /// Images that are not divided any more.
    images: usize,
    timed: bool,
    workers: &'a Workers,
}

impl Task<'_> {
    /// In halves, as long as there are images enough, so that sums are added up in the same tree for any number of threads. `pixels` receives
    /// the gradient of these images.
    fn run(
        &self,
        images: Range<usize>,
        pixels: MatMut<'_, f32>,
    ) -> (AdjointSums<f32>, MaskedReport) {
        if images.len() <= self.images {
            return self.images(images, pixels);
        }
        // Whole tasks to the left.
        let half = images.len().div_ceil(self.images).div_ceil(2) * self.images;
        let middle = images.start + half;
        let per_image = pixels.ncols() / images.len();
        let (left, right) = pixels.split_at_col_mut(half * per_image);
        let ((mut sums, report), (others, later)) = rayon::join(
            || self.run(images.start..middle, left),
            || self.run(middle..images.end, right),
        );
        sums.add(&others);
        (sums, report.merge(later))
    }

    fn images(
        &self,
        images: Range<usize>,
        mut pixels: MatMut<'_, f32>,
    ) -> (AdjointSums<f32>, MaskedReport) {
        pixels.fill(0.0);
        let per_image = self.geometry.positions();
        let columns = images.start * per_image..images.end * per_image;
        let mut sums = AdjointSums::zeros(self.point.problem());
        let mut sink = WindowsGradient::new(self.geometry, pixels, images.start);
        let idle = || {
            self.workers
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let worker = idle().pop();
        let mut worker = worker.unwrap_or_default().timed(self.timed);
        let report = worker.columns(
            self.point,
            self.solver,
            self.cotangent,
            columns,
            &mut sums,
            Some(&mut sink),
        );
        idle().push(worker);
        (sums, report)
    }
}
