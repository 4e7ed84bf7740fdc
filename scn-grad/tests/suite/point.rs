//! Solved points for the tests: random problems in f64, solved by the exact solver.

use faer::{Mat, MatRef};
use scn_grad::{
    Gradients, Linearization, MaskedAuto, MaskedCholesky, MaskedConjugateGradient,
    MaskedGaussSeidel, MaskedReport, MaskedSolver, Tangent,
};
use scn_solvers::synthetic::{dictionary, normal_matrix};
use scn_solvers::{ActiveSet, ElasticNet, Lambda1, Problem, Settings, Sign, Start, encode};

/// Returns every solver for the linear systems.
pub(crate) fn masked_solvers(settings: Settings) -> [Box<dyn MaskedSolver<f64>>; 5] {
    [
        Box::new(MaskedCholesky),
        Box::new(MaskedGaussSeidel::new(settings)),
        Box::new(MaskedConjugateGradient::new(settings)),
        Box::new(MaskedConjugateGradient::with_symmetric_gauss_seidel(
            settings,
        )),
        Box::new(MaskedAuto::new(settings)),
    ]
}

/// Everything that the codes and their gradients depend on.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub(crate) dictionary: Mat<f64>,
    pub(crate) signals: Mat<f64>,
    pub(crate) lambda1: Vec<f64>,
    pub(crate) lambda2: f64,
    pub(crate) sign: Sign,
    /// The loss is `sum cotangent . a`, so that dLoss/da is `cotangent`.
    pub(crate) cotangent: Mat<f64>,
}

impl Point {
    pub(crate) fn random(
        m: usize,
        n: usize,
        columns: usize,
        lambda2: f64,
        sign: Sign,
        seed: u64,
    ) -> Self {
        let scatter = normal_matrix::<f64>(n, 1, seed + 3);
        Self {
            dictionary: dictionary(m, n, 0.1, seed),
            signals: normal_matrix(m, columns, seed + 1),
            lambda1: (0..n).map(|j| 0.2 + 0.05 * scatter[(j, 0)].abs()).collect(),
            lambda2,
            sign,
            cotangent: normal_matrix(n, columns, seed + 2),
        }
    }

    pub(crate) fn problem(&self) -> Problem<f64> {
        let penalty = ElasticNet {
            lambda1: Lambda1::PerAtom(self.lambda1.clone()),
            lambda2: self.lambda2,
            sign: self.sign,
        };
        Problem::new(self.dictionary.as_ref(), penalty).unwrap()
    }

    /// Returns the exact codes.
    pub(crate) fn codes(&self) -> Mat<f64> {
        let problem = self.problem();
        let mut codes = Mat::zeros(problem.atoms(), self.signals.ncols());
        let solver = ActiveSet::new(Settings::new(1e-13, 1000).unwrap());
        let report = encode(
            &solver,
            &problem,
            &self.signals.as_ref(),
            codes.as_mut(),
            Start::Zero,
        )
        .unwrap();
        // Not `report.converged()`: for a signal nearly orthogonal to all atoms, the rounding of
        // D'x leaves more than 1e-13.
        assert!(report.residual <= 1e-13, "{report:?}");
        codes
    }

    pub(crate) fn loss(&self) -> f64 {
        inner(self.codes().as_ref(), self.cotangent.as_ref())
    }

    pub(crate) fn margin(&self) -> f64 {
        let (problem, codes, signals) = (self.problem(), self.codes(), self.signals.as_ref());
        Linearization::new(&problem, &signals, codes.as_ref())
            .unwrap()
            .margins(0.0)
            .smallest
    }

    /// Returns the gradients with respect to the parameters, and dLoss/dx.
    pub(crate) fn gradients(&self, solver: &dyn MaskedSolver<f64>) -> (Gradients<f64>, Mat<f64>) {
        let (report, gradients, signal_gradient) = self.reported_gradients(solver);
        assert!(report.converged(), "{report:?}");
        (gradients, signal_gradient)
    }

    /// Same as [`gradients`](Self::gradients), but also returns the report of the solver.
    pub(crate) fn reported_gradients(
        &self,
        solver: &dyn MaskedSolver<f64>,
    ) -> (MaskedReport, Gradients<f64>, Mat<f64>) {
        let (problem, codes, signals) = (self.problem(), self.codes(), self.signals.as_ref());
        let point = Linearization::new(&problem, &signals, codes.as_ref()).unwrap();
        let mut gradients = Gradients::zeros(&problem);
        let mut signal_gradient = Mat::zeros(signals.nrows(), signals.ncols());
        let report = point
            .vjp(
                solver,
                self.cotangent.as_ref(),
                &mut gradients,
                Some(signal_gradient.as_mut()),
            )
            .unwrap();
        (report, gradients, signal_gradient)
    }
}

impl Point {
    /// Returns the derivative of the codes along a direction.
    pub(crate) fn push(
        &self,
        solver: &dyn MaskedSolver<f64>,
        tangent: &Tangent<'_, f64>,
    ) -> Mat<f64> {
        let (problem, codes, signals) = (self.problem(), self.codes(), self.signals.as_ref());
        let point = Linearization::new(&problem, &signals, codes.as_ref()).unwrap();
        let mut out = Mat::full(codes.nrows(), codes.ncols(), f64::NAN);
        let report = point.jvp(solver, tangent, out.as_mut()).unwrap();
        assert!(report.converged(), "{report:?}");
        out
    }
}

pub(crate) fn inner(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> f64 {
    a.col_iter()
        .zip(b.col_iter())
        .map(|(a, b)| a.iter().zip(b.iter()).map(|(a, b)| a * b).sum::<f64>())
        .sum()
}
