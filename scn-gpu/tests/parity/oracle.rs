//! Problems, their windows, and their exact solutions in f64.

use faer::{Mat, MatRef, Side};
use scn_gpu::{Context, MapShape, SingleProblem, Windows};
use scn_solvers::synthetic::dictionary;
use scn_solvers::{ActiveSet, ElasticNet, Settings, Start, encode};

use crate::noise;

/// A problem whose signals are the windows of a map.
pub(crate) struct Instance {
    pub(crate) dictionary: Mat<f32>,
    pub(crate) lambda1: Vec<f32>,
    pub(crate) lambda2: f32,
    pub(crate) map: Vec<f32>,
    pub(crate) shape: MapShape,
    pub(crate) window: usize,
    pub(crate) stride: usize,
}

impl Instance {
    /// Creates a problem with unit-norm atoms, a λ1 from 0.05 to 0.15 for each atom, and a random
    /// map.
    pub(crate) fn new(shape: MapShape, window: usize, stride: usize, atoms: usize) -> Self {
        let rows = shape.channels * window * window;
        let seed = (atoms + 1000 * rows) as u64;
        let weights = noise(atoms, seed + 1);
        Self {
            dictionary: dictionary(rows, atoms, 0.1, seed),
            lambda1: weights.iter().map(|w| 0.1 + 0.05 * w).collect(),
            lambda2: 0.05,
            map: noise(shape.len(), seed + 2),
            shape,
            window,
            stride,
        }
    }

    /// Creates a problem whose signals are the columns of a matrix.
    pub(crate) fn matrix(rows: usize, columns: usize, atoms: usize) -> Self {
        let shape = MapShape {
            channels: rows,
            images: 1,
            height: 1,
            width: columns,
        };
        Self::new(shape, 1, 1, atoms)
    }

    pub(crate) fn atoms(&self) -> usize {
        self.dictionary.ncols()
    }

    pub(crate) fn windows(&self) -> Windows {
        Windows::new(self.shape, self.window, self.stride).unwrap()
    }

    /// Creates the problem on a device.
    pub(crate) fn on(&self, context: &Context) -> SingleProblem {
        self.with_lambda1(context, &self.lambda1)
    }

    /// Creates the problem on a device with a different λ1: one for all atoms or one per atom.
    pub(crate) fn with_lambda1(&self, context: &Context, lambda1: &[f32]) -> SingleProblem {
        let dictionary = row_major(self.dictionary.as_ref());
        SingleProblem::new(context, &dictionary, self.atoms(), lambda1, self.lambda2).unwrap()
    }

    /// Returns the problem in f64, with the same numbers.
    pub(crate) fn in_f64(&self) -> scn_solvers::Problem<f64> {
        let lambda1 = self.lambda1.iter().map(|&value| f64::from(value)).collect();
        let penalty = ElasticNet {
            lambda1: scn_solvers::Lambda1::PerAtom(lambda1),
            ..ElasticNet::nonnegative(0.0, f64::from(self.lambda2))
        };
        scn_solvers::Problem::new(wide(&self.dictionary).as_ref(), penalty).unwrap()
    }

    /// Same as [`in_f64`](Self::in_f64), with the first λ1 for all atoms.
    pub(crate) fn with_first_lambda1(&self) -> scn_solvers::Problem<f64> {
        let (lambda1, lambda2) = (f64::from(self.lambda1[0]), f64::from(self.lambda2));
        let penalty = ElasticNet::nonnegative(lambda1, lambda2);
        scn_solvers::Problem::new(wide(&self.dictionary).as_ref(), penalty).unwrap()
    }

    /// Returns the exact codes.
    pub(crate) fn codes(&self) -> Mat<f64> {
        let signals = self.signals();
        let mut codes = Mat::zeros(self.atoms(), signals.ncols());
        let solver = ActiveSet::new(Settings::new(1e-12, 10_000).unwrap());
        let (problem, start) = (self.in_f64(), Start::Zero);
        let report = encode(&solver, &problem, &signals, codes.as_mut(), start).unwrap();
        assert!(
            report.converged(),
            "the oracle does not converge: {report:?}"
        );
        codes
    }

    /// Returns the windows, one per column.
    pub(crate) fn signals(&self) -> Mat<f64> {
        let mut signals = Mat::zeros(self.dictionary.nrows(), self.windows().positions());
        self.for_each_entry(|entry, column, pixel| {
            signals[(entry, column)] = f64::from(self.map[pixel]);
        });
        signals
    }

    /// The transpose of [`signals`](Self::signals): adds up columns over the windows that contain a
    /// pixel.
    pub(crate) fn fold(&self, columns: &Mat<f64>) -> Vec<f64> {
        let mut map = vec![0.0; self.shape.len()];
        self.for_each_entry(|entry, column, pixel| map[pixel] += columns[(entry, column)]);
        map
    }

    /// Visits all window entries that are pixels, with their row, column, and place in the map.
    fn for_each_entry(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let MapShape {
            channels,
            images,
            height,
            width,
        } = self.shape;
        let (k, padding) = (self.window, self.window / 2);
        let codes = self.windows().codes(1);
        for channel in 0..channels {
            for (dy, dx) in (0..k * k).map(|tap| (tap / k, tap % k)) {
                for column in 0..codes.positions() {
                    let image = column / (codes.height * codes.width);
                    let y = column / codes.width % codes.height * self.stride + dy;
                    let x = column % codes.width * self.stride + dx;
                    if (padding..height + padding).contains(&y)
                        && (padding..width + padding).contains(&x)
                    {
                        let line = (channel * images + image) * height + y - padding;
                        let entry = (channel * k + dy) * k + dx;
                        visit(entry, column, line * width + x - padding);
                    }
                }
            }
        }
    }

    /// Returns the smallest and largest eigenvalue of H.
    pub(crate) fn spectrum(&self) -> (f64, f64) {
        let gram = self.in_f64().gram().to_owned();
        let values = gram.self_adjoint_eigenvalues(Side::Lower).unwrap();
        (values[0], values[values.len() - 1])
    }
}

/// Converts a matrix to f64.
pub(crate) fn wide(matrix: &Mat<f32>) -> Mat<f64> {
    let (rows, columns) = matrix.shape();
    Mat::from_fn(rows, columns, |i, j| f64::from(matrix[(i, j)]))
}

/// Converts numbers that are stored row by row to a matrix in f64.
pub(crate) fn wide_rows(values: &[f32], rows: usize) -> Mat<f64> {
    let columns = values.len() / rows;
    Mat::from_fn(rows, columns, |i, j| f64::from(values[i * columns + j]))
}

/// Returns the entries of a matrix, row by row.
pub(crate) fn row_major(matrix: MatRef<'_, f32>) -> Vec<f32> {
    let entry = |k: usize| matrix[(k / matrix.ncols(), k % matrix.ncols())];
    (0..matrix.nrows() * matrix.ncols()).map(entry).collect()
}

/// Returns the largest absolute value.
pub(crate) fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().map(f64::abs).fold(0.0, f64::max)
}

pub(crate) fn map(channels: usize, images: usize, height: usize, width: usize) -> MapShape {
    MapShape {
        channels,
        images,
        height,
        width,
    }
}
