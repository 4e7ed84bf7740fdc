//! Problems for the tests, and simple f64 measures of the returned codes.

use faer::Mat;
use scn_solvers::synthetic::{dictionary, normal_matrix};
use scn_solvers::{
    ActiveSet, Admm, Auto, CoordinateDescent, ElasticNet, Fista, Ista, Lambda1, Lars, Problem,
    Report, Scalar, Settings, Sign, Solver, Start, encode,
};

/// The tolerance of [`Instance::exact`].
pub(crate) const ORACLE: f64 = 1e-12;

/// A problem with its signals in f64. [`solve`](Self::solve) rounds it to the requested precision.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) dictionary: Mat<f64>,
    pub(crate) signals: Mat<f64>,
    pub(crate) lambda1: Vec<f64>,
    pub(crate) lambda2: f64,
    pub(crate) sign: Sign,
}

impl Instance {
    pub(crate) fn random(
        m: usize,
        n: usize,
        columns: usize,
        coherence: f64,
        sign: Sign,
        seed: u64,
    ) -> Self {
        Self {
            dictionary: dictionary(m, n, coherence, seed),
            signals: normal_matrix(m, columns, seed + 1),
            lambda1: vec![0.1; n],
            lambda2: 0.05,
            sign,
        }
    }

    /// Whether every signal is at less than 89 degrees to some atom. Residuals are relative to
    /// `max |D'x|`. If all atoms are closer to right angles, its rounding, about ten units of ε
    /// times the norms, exceeds the tolerance of the reference.
    pub(crate) fn is_seen(&self) -> bool {
        let correlations = self.dictionary.transpose() * &self.signals;
        let mut columns = correlations.col_iter().zip(self.signals.col_iter());
        columns.all(|(correlations, signal)| {
            let atoms = self.dictionary.col_iter().zip(correlations.iter());
            let mut cosines = atoms.map(|(atom, c)| c.abs() / (atom.norm_l2() * signal.norm_l2()));
            cosines.any(|cosine| cosine > 0.0175)
        })
    }

    pub(crate) fn problem<T: Scalar>(&self) -> Problem<T> {
        let lambda1 = Lambda1::PerAtom(
            self.lambda1
                .iter()
                .map(|&value| T::from_f64(value))
                .collect(),
        );
        let penalty = ElasticNet {
            lambda1,
            lambda2: T::from_f64(self.lambda2),
            sign: self.sign,
        };
        Problem::new(rounded::<T>(&self.dictionary).as_ref(), penalty).unwrap()
    }

    /// Returns the codes from a zero start, in f64 whatever the precision of the solve.
    pub(crate) fn solve<T: Scalar>(&self, solver: &dyn Solver<T>) -> (Mat<f64>, Report) {
        let mut codes = Mat::<T>::zeros(self.dictionary.ncols(), self.signals.ncols());
        let signals = rounded::<T>(&self.signals);
        let report = encode(
            solver,
            &self.problem(),
            &signals,
            codes.as_mut(),
            Start::Zero,
        )
        .unwrap();
        (
            Mat::from_fn(codes.nrows(), codes.ncols(), |i, j| codes[(i, j)].to_f64()),
            report,
        )
    }

    /// Returns the reference codes, by the active-set solver.
    pub(crate) fn exact(&self) -> Mat<f64> {
        let (codes, report) =
            self.solve::<f64>(&ActiveSet::new(Settings::new(ORACLE, 2000).unwrap()));
        assert!(report.converged(), "{report:?}");
        codes
    }

    /// Computes `c = D'x` and `g = D'(D a - x) + λ2 a` of a column from the definition.
    pub(crate) fn correlations_and_gradient(
        &self,
        codes: &Mat<f64>,
        column: usize,
    ) -> (Vec<f64>, Vec<f64>) {
        let (m, n) = self.dictionary.shape();
        let residual: Vec<f64> = (0..m)
            .map(|i| {
                let fit: f64 = (0..n)
                    .map(|j| self.dictionary[(i, j)] * codes[(j, column)])
                    .sum();
                fit - self.signals[(i, column)]
            })
            .collect();
        let against = |values: &dyn Fn(usize) -> f64, j: usize| {
            (0..m).map(|i| self.dictionary[(i, j)] * values(i)).sum()
        };
        let correlations = (0..n)
            .map(|j| against(&|i| self.signals[(i, column)], j))
            .collect();
        let gradient = (0..n)
            .map(|j| {
                let g: f64 = against(&|i| residual[i], j);
                g + self.lambda2 * codes[(j, column)]
            })
            .collect();
        (correlations, gradient)
    }

    /// Computes `1/2 ||x - D a||² + λ1'|a| + λ2/2 ||a||²` of a column.
    pub(crate) fn objective(&self, codes: &Mat<f64>, column: usize) -> f64 {
        let (m, n) = self.dictionary.shape();
        let square: f64 = (0..m)
            .map(|i| {
                let fit: f64 = (0..n)
                    .map(|j| self.dictionary[(i, j)] * codes[(j, column)])
                    .sum();
                (self.signals[(i, column)] - fit).powi(2)
            })
            .sum();
        let penalty = |j: usize| {
            let a = codes[(j, column)];
            self.lambda1[j] * a.abs() + 0.5 * self.lambda2 * a * a
        };
        0.5 * square + (0..n).map(penalty).sum::<f64>()
    }
}

pub(crate) fn rounded<T: Scalar>(matrix: &Mat<f64>) -> Mat<T> {
    Mat::from_fn(matrix.nrows(), matrix.ncols(), |i, j| {
        T::from_f64(matrix[(i, j)])
    })
}

/// Returns every solver.
pub(crate) fn solvers<T: Scalar>(tolerance: f64, max_passes: u32) -> Vec<Box<dyn Solver<T>>> {
    let settings = Settings::new(tolerance, max_passes).unwrap();
    vec![
        Box::new(CoordinateDescent::new(settings)),
        Box::new(Auto::new(settings)),
        Box::new(Fista::new(settings)),
        Box::new(Fista::without_restart(settings)),
        Box::new(Fista::with_backtracking(settings)),
        Box::new(Ista::new(settings)),
        Box::new(Admm::new(settings)),
        Box::new(ActiveSet::new(settings)),
        Box::new(Lars::new(settings)),
    ]
}
