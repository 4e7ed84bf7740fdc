//! The sparse coding layer, which replaces every window of a map by its sparse code.

use faer::{Mat, MatRef, Side};
use scn_solvers::{ElasticNet, Lambda1, Problem, ProblemError, Sign};

use crate::param::{Param, Role};
use crate::shape::Shape;

/// A sparse coding layer with a dictionary `D` (m × n, m = channels k²) shared by all positions of
/// all images. Its parameters are the dictionary, λ1 (one, or one per atom), and λ2, which has a
/// gradient but is not changed by training.
#[derive(Debug)]
pub(crate) struct SparseCoding {
    /// Side length k of the windows.
    pub(crate) window: usize,
    pub(crate) stride: usize,
    pub(crate) dictionary: Param,
    pub(crate) lambda1: Param,
    pub(crate) lambda2: Param,
}

/// The initial state of a sparse coding layer.
pub(crate) struct SparseCodingInit {
    /// Side length k of the windows.
    pub(crate) window: usize,
    pub(crate) stride: usize,
    pub(crate) atoms: usize,
    /// The dictionary, m × n, row-major.
    pub(crate) dictionary: Vec<f32>,
    /// One value, or one per atom.
    pub(crate) lambda1: Vec<f32>,
    /// Factor on the learning rate of λ1.
    pub(crate) lambda1_rate: f32,
    pub(crate) lambda2: f32,
}

/// Names of the arrays.
pub(crate) const NAMES: [&str; 3] = ["dictionary", "lambda1", "lambda2"];

/// Returns the shapes of the arrays of a layer with an m × n dictionary and `lambda1` values of λ1.
pub(crate) fn shapes(rows: usize, atoms: usize, lambda1: usize) -> [Vec<usize>; 3] {
    [vec![rows, atoms], vec![lambda1], vec![1]]
}

impl SparseCoding {
    pub(crate) fn new(init: SparseCodingInit) -> Self {
        let rows = init.dictionary.len() / init.atoms;
        let [dictionary, lambda1, lambda2] = shapes(rows, init.atoms, init.lambda1.len());
        let nonnegative = Role::Learned {
            rate: init.lambda1_rate,
            nonnegative: true,
        };
        Self {
            window: init.window,
            stride: init.stride,
            dictionary: Param::new(dictionary, init.dictionary, Role::learned()),
            lambda1: Param::new(lambda1, init.lambda1, nonnegative),
            lambda2: Param::new(lambda2, vec![init.lambda2], Role::Fixed),
        }
    }

    /// Returns the number of entries of a window, m.
    pub(crate) fn rows(&self) -> usize {
        self.dictionary.shape[0]
    }

    /// Returns the number of columns of the dictionary, n.
    pub(crate) fn atoms(&self) -> usize {
        self.dictionary.shape[1]
    }

    /// Returns the number of channels of the input.
    pub(crate) fn channels(&self) -> usize {
        self.rows() / (self.window * self.window)
    }

    pub(crate) fn params(&self) -> [&Param; 3] {
        [&self.dictionary, &self.lambda1, &self.lambda2]
    }

    pub(crate) fn params_mut(&mut self) -> [&mut Param; 3] {
        [&mut self.dictionary, &mut self.lambda1, &mut self.lambda2]
    }

    /// Returns the shape of the output, which has one channel per atom. Windows are padded so that
    /// stride 1 keeps the size of the map.
    pub(crate) fn output_shape(&self, input: Shape) -> Shape {
        Shape {
            channels: self.atoms(),
            height: input.height.div_ceil(self.stride),
            width: input.width.div_ceil(self.stride),
            ..input
        }
    }

    /// Returns the dictionary as a matrix.
    pub(crate) fn dictionary(&self) -> MatRef<'_, f32> {
        matrix(&self.dictionary)
    }

    pub(crate) fn penalty(&self) -> ElasticNet<f32> {
        penalty(&self.lambda1, &self.lambda2)
    }
}

/// Returns the problem that a layer with these parameters, in the order of
/// [`SparseCoding::params`], solves for each window.
pub(crate) fn problem(params: [&Param; 3]) -> Result<Problem<f32>, ProblemError> {
    let [dictionary, lambda1, lambda2] = params;
    Problem::new(matrix(dictionary), penalty(lambda1, lambda2))
}

/// Returns the ratio of the largest to the smallest eigenvalue of `H`, computed in f64 from the f32
/// matrix. Infinite if the smallest is not positive; None if the eigenvalues cannot be computed.
pub(crate) fn condition(problem: &Problem<f32>) -> Option<f64> {
    let gram = problem.gram();
    let gram = Mat::from_fn(gram.nrows(), gram.ncols(), |i, j| f64::from(gram[(i, j)]));
    let values = gram.self_adjoint_eigenvalues(Side::Lower).ok()?;
    let (smallest, largest) = (values.first()?, values.last()?);
    Some(if *smallest > 0.0 {
        largest / smallest
    } else {
        f64::INFINITY
    })
}

fn matrix(dictionary: &Param) -> MatRef<'_, f32> {
    let [rows, atoms] = [dictionary.shape[0], dictionary.shape[1]];
    MatRef::from_row_major_slice(&dictionary.value, rows, atoms)
}

fn penalty(lambda1: &Param, lambda2: &Param) -> ElasticNet<f32> {
    let lambda1 = match lambda1.value.as_slice() {
        [shared] => Lambda1::Scalar(*shared),
        per_atom => Lambda1::PerAtom(per_atom.to_vec()),
    };
    ElasticNet {
        lambda1,
        lambda2: lambda2.value[0],
        sign: Sign::NonNegative,
    }
}
